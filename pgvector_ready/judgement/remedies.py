"""The very next thing to do where a provider has a way of its own."""

from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.target import Provider

_RESTART = (
    "Stop this service and start it again: the PostgreSQL that it brought along has ended; its log is beside its data."
)
_PUBLIC_RAILWAY = "Use the value of DATABASE_PUBLIC_URL from the Railway service (its host ends in .proxy.rlwy.net)."
_SESSION_POOLER = (
    "Copy the session pooler's string in Supabase's dashboard (Connect, Session pooler): the direct host has only an "
    "IPv6 address, which this network cannot reach; if that fails too, see there whether the project is paused."
)
_MANAGED = (
    "First make sure that this is the database you mean: this provider has pgvector. Then upgrade the server's version "
    "in the provider's console."
)
PROVIDER_REMEDIES: dict[tuple[Code, Provider], str] = {
    **{
        (Code.PGVECTOR_NOT_AVAILABLE, provider): _MANAGED
        for provider in (
            Provider.RDS,
            Provider.CLOUD_SQL,
            Provider.NEON,
            Provider.SUPABASE,
            Provider.RENDER_INTERNAL,
            Provider.RENDER_EXTERNAL,
        )
    },
    (Code.HOST_UNREACHABLE, Provider.SUPABASE): _SESSION_POOLER,
    (Code.DNS_NOT_FOUND, Provider.SUPABASE): _SESSION_POOLER,
    (Code.POOLER_ERROR, Provider.SUPABASE): (
        "Copy the pooler's string again in Supabase's dashboard (Connect): the user is postgres. and the project's "
        "reference, the host that of the project's region. If they are the same, see there whether the project is "
        "paused; the pooler's own words are in the log line probe_failed."
    ),
    (Code.POOLER_ERROR, Provider.NEON): (
        "Leave start-up parameters such as options=... out of DATABASE_URL (or use the host without -pooler). Without "
        "any, see in Neon's console whether the branch's compute still exists, is enabled and within its quota; "
        "Neon's own words are in the log line probe_failed."
    ),
    (Code.CONNECTION_REFUSED, Provider.LOCAL): (
        "Check that the database is running on this machine, on this port. In a container or on a platform localhost "
        "is the container itself: name the database's own host in DATABASE_URL."
    ),
    (Code.LOGIN_NOT_PERMITTED, Provider.AZURE): (
        "Add this service's outbound addresses to the server's firewall rules (Networking): Azure answers this way to "
        "every other; then see that the role may log in: ALTER ROLE {user_identifier} LOGIN;"
    ),
    (Code.TLS_UNTRUSTED, Provider.RDS): (
        "Download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem and name it in "
        "sslrootcert=/path/to/global-bundle.pem."
    ),
    (Code.SOCKET_NOT_FOUND, Provider.CLOUD_SQL): (
        "Attach the Cloud SQL instance to this service (on Cloud Run: --add-cloudsql-instances), by the name "
        "that stands behind /cloudsql/ in DATABASE_URL."
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.AZURE): (
        "First make sure that this is the database you mean; then allow it: add VECTOR to the server parameter "
        "azure.extensions."
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.RAILWAY_INTERNAL): (
        "First make sure that DATABASE_URL comes from the right service: Railway's standard PostgreSQL has no "
        "pgvector. Deploy the template pgvector-pg17 or pgvector-pg18 and use its DATABASE_URL."
    ),
    (
        Code.PRIVATE_HOST,
        Provider.RAILWAY_INTERNAL,
    ): f"{_PUBLIC_RAILWAY} Private names only work between Railway services.",
    (Code.PRIVATE_HOST, Provider.RENDER_INTERNAL): (
        "Use the External Database URL from the database's page on Render (its host ends in .render.com), "
        "or run this service in the database's region and workspace."
    ),
    (Code.CONNECTION_REFUSED, Provider.EMBEDDED): _RESTART,
    (Code.SOCKET_NOT_FOUND, Provider.EMBEDDED): _RESTART,
    (Code.CONNECTION_REFUSED, Provider.RAILWAY_PROXY): (
        f"Copy the address again, its port is random and changes. {_PUBLIC_RAILWAY}"
    ),
    (Code.CONNECTION_CLOSED, Provider.RAILWAY_PROXY): (
        "Railway's proxy answers and the database behind it does not: look at the database service's deployment "
        "and restart it there."
    ),
    (Code.TLS_NOT_SUPPORTED, Provider.RAILWAY_PROXY): (
        "Railway's plain pgvector templates have no TLS: use sslmode=prefer in DATABASE_URL, "
        "or Railway's standard PostgreSQL image, which has it."
    ),
    (Code.TLS_HOSTNAME_MISMATCH, Provider.RAILWAY_PROXY): (
        "Use sslmode=require: Railway's certificate is made out to localhost, so that no host name can match it."
    ),
    (Code.TLS_UNTRUSTED, Provider.RAILWAY_PROXY): "Use sslmode=require: Railway's certificate is self-signed.",
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.RAILWAY_PROXY): (
        "First make sure that DATABASE_URL comes from the right service: Railway's standard PostgreSQL has no "
        "pgvector. Deploy the template pgvector-pg17 or pgvector-pg18 and use its DATABASE_PUBLIC_URL."
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.RDS): (
        "Log in as the master user (a member of rds_superuser), in this database: CREATE EXTENSION vector;"
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.AZURE): (
        "Allow it first: add VECTOR to the server parameter azure.extensions; then as the administrator "
        "(a member of azure_pg_admin), in this database: CREATE EXTENSION vector;"
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.CLOUD_SQL): (
        "Log in as a member of cloudsqlsuperuser (the user postgres is one), in this database: CREATE EXTENSION vector;"
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.SUPABASE): (
        "Enable vector under Database, Extensions in Supabase's dashboard, or as the user postgres: "
        "CREATE EXTENSION vector WITH SCHEMA extensions;"
    ),
}
