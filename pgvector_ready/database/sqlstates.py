"""The codes of what a server says, by its SQLSTATE and by the function of it that complains."""

from pgvector_ready.judgement.failures import Code, Step

# https://www.postgresql.org/docs/18/errcodes-appendix.html; the first that matches. None: in every step.
SQLSTATES: tuple[tuple[str, Step | None, Code], ...] = (
    ("28P01", None, Code.INVALID_PASSWORD),
    ("28", None, Code.LOGIN_NOT_PERMITTED),
    ("3D000", None, Code.DATABASE_MISSING),
    ("42501", Step.CONNECTED, Code.DATABASE_CONNECT_DENIED),
    ("42501", Step.ENABLED, Code.PGVECTOR_PERMISSION_DENIED),
    # What the start-up message brings along: options.
    ("42704", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("42601", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("22023", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("55P02", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("55000", Step.CONNECTED, Code.DATABASE_NOT_ACCEPTING),
    ("53300", None, Code.TOO_MANY_CONNECTIONS),
    ("53100", None, Code.DISK_FULL),
    ("53200", None, Code.OUT_OF_MEMORY),
    ("57P03", None, Code.CANNOT_CONNECT_NOW),
    ("57P05", None, Code.CONNECTION_LOST),  # idle_session_timeout
    ("57P", None, Code.SERVER_SHUTDOWN),
    ("57014", None, Code.STATEMENT_TIMEOUT),
    ("25P04", None, Code.STATEMENT_TIMEOUT),  # transaction_timeout, since PostgreSQL 17
    ("08", Step.CONNECTED, Code.POOLER_ERROR),  # no server says so of a login, and poolers do of their own server
    ("58000", Step.CONNECTED, Code.POOLER_ERROR),
    ("08P01", None, Code.POOLER_ERROR),  # in a query: nobody became free in the pooler's queue
    # Through an engine that prepares statements by name, on sessions that a pooler gives to one after another.
    ("42P05", Step.USABLE, Code.POOLER_ERROR),
    ("26000", Step.USABLE, Code.POOLER_ERROR),
    ("25006", None, Code.READ_ONLY),
    ("58P01", Step.CONNECTED, Code.PRELOAD_LIBRARY_FAILED),
    ("58P01", Step.ENABLED, Code.PGVECTOR_LIBRARY_MISSING),
    ("58P01", Step.USABLE, Code.PGVECTOR_LIBRARY_MISSING),
    ("0A000", Step.ENABLED, Code.PGVECTOR_NOT_AVAILABLE),
    ("22023", Step.ENABLED, Code.PGVECTOR_FILES_INCOMPLETE),  # no script creates it, or none leads to the new version
    ("3F000", Step.ENABLED, Code.PGVECTOR_SCHEMA_MISSING),  # the search path leads to no schema
    ("55P03", Step.ENABLED, Code.PGVECTOR_LOCK_TIMEOUT),
    # What PL/pgSQL raises: at a login and at CREATE EXTENSION only an event trigger does.
    ("P0", Step.CONNECTED, Code.LOGIN_NOT_PERMITTED),
    ("P0", Step.ENABLED, Code.PGVECTOR_REFUSED),
    ("42501", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),  # no USAGE on the schema
    ("42501", Step.MIGRATED, Code.MIGRATIONS_PERMISSION_DENIED),
    ("42704", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
    ("42883", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
)

# The server's own functions, of dfmgr.c and pl_exec.c: no SQLSTATE is theirs alone, and a trigger chooses its own.
ROUTINES: dict[tuple[str, Step | None], Code] = {
    ("exec_stmt_raise", Step.CONNECTED): Code.LOGIN_NOT_PERMITTED,
    ("exec_stmt_raise", Step.ENABLED): Code.PGVECTOR_REFUSED,
    **{
        (routine, Step.CONNECTED): Code.PRELOAD_LIBRARY_FAILED
        for routine in ("internal_load_library", "incompatible_module_error", "check_restricted_library_name")
    },
    **{
        (routine, step): code
        for step in (Step.ENABLED, Step.USABLE)
        for routine, code in (
            ("internal_load_library", Code.PGVECTOR_LIBRARY_MISSING),
            ("incompatible_module_error", Code.PGVECTOR_LIBRARY_MISMATCH),
            ("load_external_function", Code.PGVECTOR_LIBRARY_OUTDATED),
        )
    },
}


def by_sqlstate(sqlstate: str, step: Step | None) -> Code | None:
    """Return the code of a server's SQLSTATE met in `step`, or None for one that nobody foresaw."""
    matches = (code for prefix, where, code in SQLSTATES if sqlstate.startswith(prefix) and where in {None, step})
    return next(matches, None)
