"""What a failure says: one sentence of fact and the very next thing to do, for the provider at hand."""

from pgvector_ready.judgement.facts import Distrust, version
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.remedies import PROVIDER_REMEDIES
from pgvector_ready.judgement.target import Target

# {host}, {port}, {database} and {user} come from the target; anything else is passed to explain() by its caller.
_SENTENCES: dict[Code, tuple[str, str]] = {
    Code.DATABASE_URL_MISSING: (
        "DATABASE_URL is not set.",
        "Set DATABASE_URL to the database's public connection string: on Render under the service's Environment, "
        "on Railway in the service's Variables, elsewhere in the process's environment.",
    ),
    Code.DATABASE_URL_INVALID: (
        "The server refuses a setting that DATABASE_URL brings along in options=..., or PGOPTIONS does.",
        "Correct it or leave it out; the log line probe_failed names it, and so does: "
        'psql "$DATABASE_URL" -c "SELECT 1".',
    ),
    Code.DATABASE_URL_REPAIRED: (
        "DATABASE_URL carried something around its value, which was left aside.",
        "Paste the value again without it, so that psql and every other tool read it too.",
    ),
    Code.DNS_NOT_FOUND: (
        "The host {host} does not resolve.",
        "Check the host in DATABASE_URL for a typing error, and copy the connection string again from the provider.",
    ),
    Code.PRIVATE_HOST: (
        "The host {host} is a private name, which resolves within its provider's own network only.",
        "Use the database's public address: private names only work inside the provider's own network.",
    ),
    Code.CONNECTION_REFUSED: (
        "Nothing listens on {host} port {port}.",
        "Check that the database is running, and the host and port in DATABASE_URL.",
    ),
    Code.HOST_UNREACHABLE: (
        "There is no route from here to {host} port {port}.",
        "Check the network: is public access to the database switched on, does a firewall stand between, "
        "does the host only have an IPv6 address?",
    ),
    Code.CONNECT_TIMEOUT: (
        "{host} port {port} did not let the connection be made in time: {phase}.",
        "{phase_remedy}",
    ),
    Code.SOCKET_NOT_FOUND: (
        "There is no PostgreSQL socket in {host} for port {port}.",
        "Check that the server is running on this machine, and its unix_socket_directories: "
        "psql -h {host} -p {port} must connect.",
    ),
    Code.NOT_POSTGRESQL: (
        "Something answers on {host} port {port}, and it is not PostgreSQL.",
        "Check the port in DATABASE_URL: this one belongs to another service.",
    ),
    Code.PROTOCOL_VIOLATION: (
        "{host} port {port} answers as PostgreSQL does and then breaks its protocol: {violation}.",
        "Whatever stands between alters what the server says, or it is no PostgreSQL server: connect to the database "
        "itself, past every proxy and pooler, and look at the log of what answers on that port.",
    ),
    Code.CONNECTION_CLOSED: (
        "{host} port {port} accepted the connection and closed it at once.",
        "Wake or restart the database: a proxy stands there, and the database behind it does not answer.",
    ),
    Code.TLS_NOT_SUPPORTED: (
        "DATABASE_URL insists on TLS, and the server on {host} port {port} has none.",
        "Use sslmode=prefer in DATABASE_URL, or a database that offers TLS.",
    ),
    Code.TLS_REQUIRED: (
        "The server on {host} port {port} refuses a login without TLS.",
        "Use sslmode=require in DATABASE_URL.",
    ),
    Code.TLS_UNTRUSTED: (
        "The certificate of {host} is not signed by an authority trusted here.",
        "Give the authority's certificate in sslrootcert=/path/to/ca.crt, or use sslmode=require, "
        "which encrypts without verifying.",
    ),
    Code.TLS_HOSTNAME_MISMATCH: (
        "The certificate of the server is not made out to {host}.",
        "Use the host name in the certificate, sslmode=verify-ca with its sslrootcert, or sslmode=require, "
        "which encrypts without verifying.",
    ),
    Code.TLS_ROOT_MISSING: (
        "The connection needs a certificate ({parameter}) whose file is missing or unreadable.",
        "{file_remedy}",
    ),
    Code.TLS_OFF: (
        "The connection to the public host {host} is not encrypted.",
        "Use a database that offers TLS with sslmode=require; until then everything crosses the network in clear.",
    ),
    Code.INVALID_PASSWORD: (
        "The server refused the password of user {user}.",
        "Copy the connection string again from the provider: the password was changed, cut short, "
        "or belongs to another database.",
    ),
    Code.LOGIN_NOT_PERMITTED: (
        "The server does not let user {user} log in to database {database} from here.",
        "Check that the role exists and may log in (ALTER ROLE {user_identifier} LOGIN;), "
        "and the server's pg_hba.conf or list of allowed addresses; it may also ask for a client certificate "
        "(sslcert and sslkey).",
    ),
    Code.DATABASE_MISSING: (
        "There is no database {database} on {host} port {port}.",
        "Check the name at the end of DATABASE_URL, list the databases that exist with psql -l, "
        "or create it: CREATE DATABASE {database_identifier};",
    ),
    Code.DATABASE_CONNECT_DENIED: (
        "User {user} may not connect to database {database}.",
        "As its owner: GRANT CONNECT ON DATABASE {database_identifier} TO {user_identifier};",
    ),
    Code.DATABASE_NOT_ACCEPTING: (
        "Database {database} accepts no connections.",
        "As a superuser: ALTER DATABASE {database_identifier} ALLOW_CONNECTIONS true; "
        "or name another database in DATABASE_URL.",
    ),
    Code.TOO_MANY_CONNECTIONS: (
        "The server, the database or the role {user} has no connection left.",
        "Lower pool size x processes x instances below the limit, raise it, or go through a pooler. "
        "Who holds them: SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3;",
    ),
    Code.CANNOT_CONNECT_NOW: (
        "The server on {host} port {port} is starting up, shutting down or recovering.",
        "Wait: the service asks again by itself. If it lasts, read the database's log.",
    ),
    Code.SERVER_SHUTDOWN: (
        "The server ended the session: it is restarting, or an administrator ended it.",
        "Wait: the service asks again by itself. If it lasts, read the database's log.",
    ),
    Code.CONNECTION_LOST: (
        "The connection to {host} port {port} was cut in the middle.",
        "Wait: the service asks again by itself. If it lasts, look at the network and at the database's restarts.",
    ),
    Code.QUERY_TIMEOUT: (
        "{host} port {port} is connected and did not answer a tiny query in time.",
        "The database is frozen, overloaded, or the network drops its answers: look at its CPU, memory, disk "
        "and log, then restart it.",
    ),
    Code.STATEMENT_TIMEOUT: (
        "The server ended a tiny query by its own statement_timeout.",
        "Raise it for this role (ALTER ROLE {user_identifier} SET statement_timeout = '30s';) "
        "or look at what keeps the server busy: SELECT pid, state, query FROM pg_stat_activity;",
    ),
    Code.POOLER_ERROR: (
        "A connection pooler on {host} port {port} refused the session.",
        'Read its own words in the log line probe_failed, or by: psql "$DATABASE_URL" -c "SELECT 1". '
        "In this order it may be: the user or password (copy them again), the database's name (mend it, or add it to "
        "the pooler's [databases]), a start-up parameter such as options=... (leave it out of DATABASE_URL), "
        "a full queue or max_client_conn, the server behind the pooler.",
    ),
    Code.NO_MATCHING_HOST: (
        "None of the hosts in DATABASE_URL has the target_session_attrs asked for.",
        "Wait for the failover to end, or look for the primary: SELECT pg_is_in_recovery(); on each host.",
    ),
    Code.DISK_FULL: (
        "The server's disk is full.",
        "Free or add disk space at the provider. What takes it: "
        "SELECT datname, pg_size_pretty(pg_database_size(datname)) FROM pg_database;",
    ),
    Code.OUT_OF_MEMORY: (
        "The server has run out of memory.",
        "Restart the database, and give it more memory or fewer connections.",
    ),
    Code.SLOW: (
        "The database is usable and took {latency_ms:.0f} ms to say so.",
        "Look at its load and at the distance between it and this service.",
    ),
    Code.WRONG_TARGET: (
        "Another database was reached than the one expected: {difference}.",
        "Point DATABASE_URL at the expected database, or, if the new one is meant, change the EXPECTED_DATABASE_* "
        "variables.",
    ),
    Code.STANDBY: (
        "The server on {host} port {port} is a standby and accepts no writes.",
        "Point DATABASE_URL at the primary, name both hosts with target_session_attrs=read-write, "
        "or set REQUIRE_WRITABLE=false if only reading is meant.",
    ),
    Code.READ_ONLY: (
        "The database is a primary and its transactions are read-only.",
        "ALTER DATABASE {database_identifier} RESET default_transaction_read_only; also look at the role's settings "
        "and at the provider's console: some switch it on when a disk is full.",
    ),
    Code.PGVECTOR_NOT_AVAILABLE: (
        "pgvector is not installed on this server: PostgreSQL {server_version} on {host} port {port}, "
        "database {database}.",
        "First make sure that this is the database you mean; then use a server with pgvector, "
        "such as the image {image}, or ask the provider to install it.",
    ),
    Code.PGVECTOR_NOT_ENABLED: (
        "pgvector {available_version} is on the server and not enabled in database {database}.",
        "Run in this database: CREATE EXTENSION vector; which is what pgvector-ready check --enable does, "
        "and the service at its start with ENABLE_PGVECTOR=true.",
    ),
    Code.PGVECTOR_PERMISSION_DENIED: (
        "User {user} may not create the extension in database {database}.",
        "pgvector is not a trusted extension. As a superuser, in this database: CREATE EXTENSION vector;",
    ),
    Code.PGVECTOR_TOO_OLD: (
        "pgvector {installed_version} is older than the {minimum_version} asked for.",
        "Run in this database, as the owner of the extension: ALTER EXTENSION vector UPDATE; "
        "(the server offers {available_version}) "
        "or set UPDATE_PGVECTOR=true and restart the service.",
    ),
    Code.PGVECTOR_LOCK_TIMEOUT: (
        "Another session held the lock for enabling pgvector for too long.",
        "Wait: the service tries again by itself. Who holds it: SELECT pid, state, query FROM pg_stat_activity "
        "WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory');",
    ),
    Code.PGVECTOR_UPDATE_AVAILABLE: (
        "pgvector {installed_version} is enabled, and the server offers {available_version}.",
        "Run in this database, as the owner of the extension: ALTER EXTENSION vector UPDATE; "
        "or set UPDATE_PGVECTOR=true and restart the service.",
    ),
    Code.PGVECTOR_DOWNGRADED: (
        "pgvector {installed_version} is enabled, and the server's files are the older {available_version}.",
        "Bring the server back to an image with pgvector {installed_version} or newer.",
    ),
    Code.PGVECTOR_LIBRARY_MISSING: (
        "pgvector {installed_version} is enabled in the catalogue, and its library is gone from the server.",
        "The server's image was exchanged: use one with pgvector for this major version, such as {image}.",
    ),
    Code.PGVECTOR_NOT_ON_SEARCH_PATH: (
        "pgvector is enabled in schema {schema}, and user {user} does not see it there.",
        "GRANT USAGE ON SCHEMA {schema_identifier} TO {user_identifier}; and put it on the search path: "
        'ALTER ROLE {user_identifier} SET search_path = "$user", public, {schema_identifier};',
    ),
    Code.PGVECTOR_SHADOWED: (
        "User {user} finds the {kind} {object} of {owner} before what pgvector has by that name in schema {schema}.",
        "As its owner or a superuser, after a look at what it is for: {statement} or put schema {schema} first on the "
        "search path of this role.",
    ),
    Code.PGVECTOR_REPLACED: (
        "The {kind} {object} is no longer what pgvector made: it was replaced, and is not run.",
        "As a superuser: {statement}",
    ),
    Code.PGVECTOR_OWNER_UNTRUSTED: (
        "The {kind} {object} is pgvector's own, and {owner}, who owns it, may replace it by anything.",
        "As a superuser: {statement}",
    ),
    Code.PGVECTOR_WRONG_RESULT: (
        "pgvector calculates, and wrongly: a distance came out that is not the right one.",
        "Exchange its library: use an image with pgvector for this processor and this major version, such as {image}, "
        "and restart the server.",
    ),
    Code.MIGRATIONS_BEHIND: (
        "The database is at revision {current}, and this code needs {head}.",
        "Run: pgvector-ready migrate",
    ),
    Code.MIGRATIONS_UNKNOWN: (
        "The database is at revision {current}, which this code does not know; its own newest is {head}.",
        "Deploy the newer code; a roll-back is fine as long as the newer revision is compatible.",
    ),
    Code.MIGRATIONS_RENAMED: (
        "The database is at revision 0001, which is the name that version 1 of this service gave to "
        "pgvector_ready_0001.",
        "Give it its new name: UPDATE {table} SET version_num = 'pgvector_ready_0001' WHERE version_num = '0001';",
    ),
    Code.MIGRATIONS_FAILED: (
        "A migration failed; the database is at revision {current}.",
        "Mend what is said below, and run pgvector-ready migrate again. What was done outside of a transaction, such "
        "as CREATE INDEX CONCURRENTLY, may have stayed.",
    ),
    Code.MIGRATIONS_ELSEWHERE: (
        "The application's env.py does not migrate the database that DATABASE_URL names: that one is at revision "
        "{current}, and not at {head}.",
        "Let env.py connect to DATABASE_URL. Where it keeps its revision in a table whose name is not plain text "
        "there, set MIGRATIONS_TABLE to schema.table.",
    ),
    Code.MIGRATIONS_PERMISSION_DENIED: (
        "User {user} lacks a right that migrations need in database {database}: "
        "to read alembic_version, or to make tables.",
        "To read it, as its owner: GRANT SELECT ON alembic_version TO {user_identifier}; To migrate, run "
        "pgvector-ready migrate as the role that owns the tables; where it is this role that shall own them, "
        "as the schema's owner: GRANT USAGE, CREATE ON SCHEMA public TO {user_identifier};",
    ),
    Code.MIGRATIONS_HIDDEN: (
        "Row level security stands on {table}, and decides what user {user} sees of the revision.",
        "As its owner: ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; or as a superuser: "
        "ALTER ROLE {user_identifier} BYPASSRLS;",
    ),
    Code.MIGRATIONS_UNTRUSTED: (
        "{table} is not read: {reason}.",
        "After a look at what it is for, as its owner or a superuser: {statement}",
    ),
    Code.STARTING: (
        "Start-up has not succeeded yet: the database is not vector-ready.",
        "See {database_path} for the cause; this turns to 200 by itself when it is mended.",
    ),
    Code.DRAINING: (
        "The service is shutting down and takes no new work.",
        "Nothing to do: another instance takes over.",
    ),
    Code.UNEXPECTED_ERROR: (
        "Something unforeseen went wrong; the detail is in the service's log and nowhere else.",
        "Read the log line probe_failed, and report it.",
    ),
}


def explain(code: Code, step: Step, target: Target, sqlstate: str | None = None, **facts: object) -> Failure:
    """The failure that `code` is, told about `target`; `facts` fill in what the sentences of that code name."""
    message, remedy = _SENTENCES[code]
    if "distrust" in facts:
        facts["reason"] = _DISTRUST[Distrust(str(facts["distrust"]))].format_map(facts)
    remedy = PROVIDER_REMEDIES.get((code, target.provider), remedy)
    values = _Known(
        facts,
        host=target.host,
        port=target.port,
        database=target.database,
        user=target.user,
        database_identifier=_identifier(target.database),
        user_identifier=_identifier(target.user),
        schema_identifier=_identifier(str(facts.get("schema"))),
    )
    return Failure(code, step, message.format_map(values), remedy.format_map(values), sqlstate)


_DISTRUST = {
    Distrust.KIND: "it is a {kind} of {owner}, and reading it runs what its owner wrote",
    Distrust.OWNER: "it belongs to {owner}, who is neither a superuser, nor the database's owner, "
    "nor granted to this role",
    Distrust.SCHEMA: "its schema belongs to {owner}, who is neither a superuser, nor the database's owner, "
    "nor granted to this role",
    Distrust.INHERITANCE: "it is part of a tree of tables",
    Distrust.RULE: "a rule stands on it",
    Distrust.PART: "the {kind} {object} of {owner} stands on it",
    Distrust.COLUMN: "it has no column version_num of text",
}


class _Known(dict[str, object]):
    """A fact that nobody knows yet is said to be unknown rather than spoiling the whole sentence."""

    def __missing__(self, key: str) -> str:
        return "unknown"


def _identifier(name: str | None) -> str:
    """A name as SQL wants it, safe to paste."""
    return '"{}"'.format((name or "unknown").replace('"', '""'))


def image_for(server_version: str) -> str:
    """The public image with pgvector for the same major version, which alone can open the server's data."""
    numbers = version(server_version)
    return f"pgvector/pgvector:pg{numbers[0]}" if numbers else "pgvector/pgvector:pg17"
