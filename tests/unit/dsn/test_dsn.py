"""What a connection string leads to, what is repaired, what is refused and by which name, and that nothing leaks."""

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import configured, parts
from pgvector_ready.documents.wording import wording, words
from pgvector_ready.dsn import ConnectionString, DsnError, Host, parse, pasted, provider_of, refusals
from pgvector_ready.judgement import failures, phrases
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.target import Provider, Target
from tests.support.sentences import assert_complete

NEON = "ep-cool-cell-123456"

# The shapes that the platforms hand out, with names of nobody's.
PLATFORMS = [
    ("railway-private", "postgresql://postgres:secret@postgres.railway.internal:5432/railway",
     Target("postgres.railway.internal", 5432, "railway", "postgres", Provider.RAILWAY_INTERNAL), False),
    ("railway-public", "postgresql://postgres:secret@shuttle.proxy.rlwy.net:51234/railway",
     Target("shuttle.proxy.rlwy.net", 51234, "railway", "postgres", Provider.RAILWAY_PROXY), False),
    ("render-internal", "postgresql://app:secret@dpg-abc123def-a/app_db",
     Target("dpg-abc123def-a", 5432, "app_db", "app", Provider.RENDER_INTERNAL), False),
    ("render-external", "postgresql://app:secret@dpg-abc123def-a.frankfurt-postgres.render.com/app_db",
     Target("dpg-abc123def-a.frankfurt-postgres.render.com", 5432, "app_db", "app", Provider.RENDER_EXTERNAL), False),
    ("heroku", "postgres://u1:secret@ec2-10-0-0-1.compute-1.amazonaws.com:5432/d1",
     Target("ec2-10-0-0-1.compute-1.amazonaws.com", 5432, "d1", "u1", Provider.OTHER), False),
    ("neon-direct", f"postgresql://o:secret@{NEON}.eu-central-1.aws.neon.tech/neondb?sslmode=require",
     Target(f"{NEON}.eu-central-1.aws.neon.tech", 5432, "neondb", "o", Provider.NEON), False),
    ("neon-pooled", f"postgresql://o:secret@{NEON}-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require"
     "&channel_binding=require",
     Target(f"{NEON}-pooler.eu-central-1.aws.neon.tech", 5432, "neondb", "o", Provider.NEON), True),
    ("supabase-direct", "postgresql://postgres:secret@db.abcdefgh.supabase.co:5432/postgres",
     Target("db.abcdefgh.supabase.co", 5432, "postgres", "postgres", Provider.SUPABASE), False),
    ("supabase-session", "postgresql://postgres.abcdefgh:secret@aws-0-eu-west-2.pooler.supabase.com:5432/postgres",
     Target("aws-0-eu-west-2.pooler.supabase.com", 5432, "postgres", "postgres.abcdefgh", Provider.SUPABASE), False),
    ("supabase-transaction", "postgres://postgres.abcdefgh:secret@aws-0-eu-west-2.pooler.supabase.com:6543/postgres"
     "?sslmode=require&supa=base-pooler.x",
     Target("aws-0-eu-west-2.pooler.supabase.com", 6543, "postgres", "postgres.abcdefgh", Provider.SUPABASE), True),
    ("prisma", "postgresql://u:secret@db.example.net/app?schema=public&pgbouncer=true&connection_limit=1",
     Target("db.example.net", 5432, "app", "u", Provider.OTHER), True),
    ("rds", "postgresql://app:secret@db1.abcdef.eu-west-1.rds.amazonaws.com:5432/app?sslmode=verify-full",
     Target("db1.abcdef.eu-west-1.rds.amazonaws.com", 5432, "app", "app", Provider.RDS), False),
    ("azure", "postgresql://app%40srv:secret@srv.postgres.database.azure.com:5432/app?sslmode=require",
     Target("srv.postgres.database.azure.com", 5432, "app", "app@srv", Provider.AZURE), False),
    ("azure-pgbouncer", "host=srv.postgres.database.azure.com port=6432 dbname=app user=app password=secret",
     Target("srv.postgres.database.azure.com", 6432, "app", "app", Provider.AZURE), True),
    ("cloud-sql", "postgresql+asyncpg://app:secret@/app?host=/cloudsql/project:region:instance",
     Target("/cloudsql/project:region:instance", 5432, "app", "app", Provider.CLOUD_SQL), False),
    ("local", "postgres://user:password@localhost:5432/mydb",
     Target("localhost", 5432, "mydb", "user", Provider.LOCAL), False),
    ("local-socket", "postgresql:///app?user=me",
     Target("/var/run/postgresql", 5432, "app", "me", Provider.LOCAL), False),
    ("embedded", "postgresql://app@/app?host=/srv/pgvector-ready-1f",
     Target("/srv/pgvector-ready-1f", 5432, "app", "app", Provider.EMBEDDED), False),
    ("several", "postgresql://app:secret@a.example,b.example:5433/app?target_session_attrs=read-write",
     Target("a.example,b.example", "5432,5433", "app", "app", Provider.OTHER), False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "target", "is_pooled"), [row[1:] for row in PLATFORMS], ids=[row[0] for row in PLATFORMS]
)
def test_platforms_strings_lead_where_they_say(text: str, target: Target, *, is_pooled: bool) -> None:
    """As pasted from the dashboard, without a repair."""
    found = parse(text)

    assert found.target == target
    assert found.is_pooled is is_pooled
    assert not found.repaired


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        (None, Provider.LOCAL),
        ("", Provider.LOCAL),
        ("127.0.0.5", Provider.LOCAL),
        ("::1", Provider.LOCAL),
        ("::ffff:127.0.0.1", Provider.LOCAL),
        ("LOCALHOST", Provider.LOCAL),
        ("/var/run/postgresql", Provider.LOCAL),
        ("/srv/pgvector-ready-x/", Provider.EMBEDDED),
        ("/srv/pgvector-ready-x/other", Provider.LOCAL),
        ("/cloudsql/a:b:c", Provider.CLOUD_SQL),
        ("Shuttle.Proxy.RLWY.net.", Provider.RAILWAY_PROXY),
        ("proxy.rlwy.net.example.com", Provider.OTHER),
        ("x.postgres.vercel-storage.com", Provider.NEON),
        ("c-x.postgres.cosmos.azure.com", Provider.AZURE),
        ("abc.eu-west1.sql.goog", Provider.CLOUD_SQL),
        ("dpg-abc-a.example.com", Provider.OTHER),
        ("10.0.0.1", Provider.OTHER),
    ],
)
def test_providers_are_judged_by_host(host: str | None, provider: Provider) -> None:
    """By nothing else: a variable's name or a port says nothing."""
    assert provider_of(host) is provider


def test_every_provider_has_a_string_of_its_shape() -> None:
    assert {target.provider for _, _, target, _ in PLATFORMS} == set(Provider)


REPAIRED = {
    "newline": "{}\n",
    "blanks": "  {}\t",
    "byte-order-mark": "\ufeff{}",
    "no-break-space": "{}\u00a0",
    "double-quotes": '"{}"',
    "single-quotes": "'{}'",
    "backticks": "`{}`",
    "typographic-quotes": "“{}”",
    "quote-in-front": '"{}',
    "quote-behind": "{}'",
    "variable": "DATABASE_URL={}",
    "other-variable": 'POSTGRES_URL = "{}"',
    "exported": "export DATABASE_URL='{}'\n",
    "yaml": "DATABASE_URL: {}",
    "psql": "psql '{}'",
    "psql-bare": "psql {}",
    "literal-newline": "{}\\n",
}


@pytest.mark.parametrize("form", REPAIRED.values(), ids=REPAIRED.keys())
def test_what_is_pasted_around_a_string_is_removed_and_told(form: str) -> None:
    """Its meaning is certain, so the service runs, and says so."""
    plain = parse("postgresql://app:secret@db.example.net/app")

    found = parse(form.format("postgresql://app:secret@db.example.net/app"))

    assert (found.hosts, found.user, found.password, found.database) == (
        plain.hosts, plain.user, plain.password, plain.database,
    )  # fmt: skip
    assert found.repaired
    assert words(found.notes[0]).startswith("Removed from around")


REFUSED = {
    Code.DATABASE_URL_INVALID: (
        "", "   ", "db.example.net", "localhost:5432", "http://db.example.net", "https://u:p@db.example.net/x",
        "mysql://u:p@h/db", "jdbc:postgresql://h/db?user=u", "prisma+postgres://x", "sqlite:///x.db", "pgsql://u:p@h/db",
        "postgresql:/h/db", "postgres://u:p@h:port1/db", "postgres://u:p@h:65536/db", "postgres://u:p@h:0/db",
        "postgres://u:p@h/db?sslmod=require", "postgres://u:p@h/db?sslmode=REQUIRE", "postgres://u:p@h/db?sslmode",
        "postgres://u:p@h/db?a=b=c", "postgres://u:p@h/%zz", "postgres://u:p@h/a%00b", "postgres://u:p@[::1/db",
        "postgres://u:p@::1/db", "postgres://u:p@h:1,h:2,h:3/db?port=1,2", "host=h user", "host=h user='u",
        "host=h nonsense=1", "service=mine", "host=h connect_timeout=soon", "host=h target_session_attrs=master",
        'psql "postgres://u:p@h/db" -c "select 1"', "PGPASSWORD=p psql -h h -U u db", "psql -h h -U u db",
        "Host=h;Username=u;Password=p;Database=d", "postgres://u:%E9@h/db", "postgres://u@h!/db", "host=h;x user=u",
        "hostaddr=nowhere",
    ),
    Code.DATABASE_URL_PLACEHOLDER: (
        "postgresql://user:password@host:port/database", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        "postgresql://user:pass@host:5432/dbname", "postgresql://username:password@hostname/db",
        "postgresql://app:<password>@db.example.net/app", "postgresql://app:<your password>@db.example.net/app",
        "postgresql://app:***@db.example.net/app", "postgresql://app:%3Cpassword%3E@localhost/app",
        "postgresql://postgres:[YOUR-PASSWORD]@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres.[YOUR-PROJECT-REF]:secret@aws-0-eu-west-2.pooler.supabase.com:6543/postgres",
        "postgresql://postgres:secret@db.[YOUR-PROJECT-REF].supabase.co/postgres",
        "postgresql://postgres:YOUR_PASSWORD@localhost/postgres", "postgresql://app:your_password@db.example.net/app",
        "postgresql://app:PASSWORD@db.example.net/app", "postgresql://app:secret@your-host/app",
        "postgresql://app:secret@<host>:<port>/app", "postgresql://{user}:{password}@{host}/{database}",
        "${{Postgres.DATABASE_URL}}", "${{ Postgres.DATABASE_URL }}", "${DATABASE_URL}", "$DATABASE_URL",
        "<DATABASE_URL>", "'$DATABASE_URL'", "postgresql://${{Postgres.PGUSER}}:x@h/db",
        "postgres://$PGUSER:$PGPASSWORD@$PGHOST/$PGDATABASE",
        "postgresql://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/app", "host=<host> user=app password=secret",
        "host=db.example.net user=app password=[YOUR-PASSWORD]", "postgresql://app@db.example.net/app?password=<password>",
    ),
    Code.DATABASE_URL_UNENCODED: (
        "postgres://u:p@ss@h/db", "postgres://u:p@s:s@h:5432/db", "postgres://u:p@s/s@h/db", "postgres://u:p/ss@h:5432/db",
        "postgres://u:1/ss@h:5432/db", "postgres://u:p?s/s@h/db", "postgres://u:a@b?c=d@h/db", "postgres://u:p%ss@h/db",
        "postgres://u:100%@h/db", "postgres://u:p%00@h/db", "postgres://u:p s@h/db", "postgres://u:p@[s@h/db",
        "postgres://u:p@@h/db", "postgres://u@corp:p@h/db", "postgres://u:p#@x@h/db", "postgres://u:p@h!x/db",
        "postgresql+asyncpg://u:p@ss@h/db",
    ),
    Code.DATABASE_URL_WHITESPACE: (
        "postgres://u:p@h /db", "postgres://u:p@h/db\nOTHER=x", "postgres://u:p@h.example\n.com/db",
        "postgres://u:p@h/d b", "postgres://u:p@h/db # the database",
        "postgres://u:p@h/db?application_name=my app", "postgres://u:p@h.\u200bexample/db",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in REFUSED.items() for text in texts], ids=repr
)
def test_what_cannot_be_meant_is_refused_by_name(code: Code, text: str) -> None:
    """With a sentence of fact, a sentence of advice, and nothing chained that would hold the value."""
    with pytest.raises(DsnError) as caught:
        parse(text)

    error = caught.value
    assert error.failure.code is code
    assert error.failure.step is Step.CONFIGURED
    assert str(error) == code
    assert_complete(error.failure)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("postgresql://user:password@host:port/database", "user, password, host, port and database"),
        ("postgresql://user:<password>@localhost:5432/mydb", "The password in"),
        ("postgresql://app:secret@<host>:<port>/app", "The host and port in"),
        ("postgresql://app:secret@h/<database>", "The database in"),
    ],
    ids=["all", "password", "host-and-port", "database"],
)
def test_a_placeholder_is_named(text: str, named: str) -> None:
    """So that nobody has to compare the string with the template."""
    with pytest.raises(DsnError) as refused:
        parse(text)

    assert named in wording(refused.value.failure).message


ALLOWED = {
    "an-example-that-works-at-home": "postgres://user:password@localhost:5432/mydb",
    "docker-compose": "postgres://postgres:postgres@db:5432/postgres",
    "docker-host-called-host": "postgres://app:secret@host/app",
    "tutorial-password-at-home": "postgres://postgres:yourpassword@localhost/postgres",
    "changeme": "postgres://postgres:changeme@db.example.net/app",
    "dollar-in-password": "postgres://app:$ecret@h/app",
    "hash-in-password": "postgres://app:p#w@h/app",
    "question-mark-in-password": "postgres://app:p?w@h/app",
    "colon-in-password": "postgres://app:p:w@h/app",
    "brackets-in-password": "postgres://app:[x]y@h/app",
    "azure-user-in-query": "postgres://h/app?user=app@server&password=secret",
    "no-port-after-colon": "postgres://app:secret@h:/app",
    "slash-in-database": "postgres://app:secret@h/app/session",
    "underscore-in-host": "postgres://app:secret@my_db/app",
    "upper-case-scheme": "POSTGRES://app:secret@h/app",
    "zone": "postgres://app@[fe80::1%25eth0]/app",
    "idn": "postgres://app@bücher.example/app",
    "nothing-but-scheme": "postgres://",
    "words-over-lines": "host=h\nuser=app\npassword='a b'",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_may_be_meant_is_accepted(text: str) -> None:
    """A refusal stops a deploy: only certainty justifies it."""
    found = parse(text)

    assert not found.repaired


@pytest.mark.parametrize(
    ("environment", "tls"),
    [
        ({"PGREQUIRESSL": "1"}, {"sslmode": "require"}),
        ({"PGREQUIRESSL": "0"}, {}),
        ({"PGREQUIRESSL": "1", "PGSSLMODE": "disable"}, {"sslmode": "disable"}),
    ],
    ids=["on", "off", "overruled"],
)
def test_the_old_variable_for_tls_still_counts(environment: dict[str, str], tls: dict[str, str]) -> None:
    """Unless the newer one is there."""
    assert parse("postgres://h", environment).tls == tls


def test_defaults_are_filled_in_as_libpq_does() -> None:
    """From the environment where the string says nothing, and never where it does, not even emptily."""
    environment = {
        "PGHOST": "env.example", "PGPORT": "6000", "PGUSER": "env", "PGDATABASE": "envdb", "PGPASSWORD": "envsecret",
        "PGSSLMODE": "require", "PGAPPNAME": "mine", "PGOPTIONS": "-c geqo=off", "PGTARGETSESSIONATTRS": "primary",
        "PGPASSFILE": "/pass", "PGLOADBALANCEHOSTS": "random", "USER": "os",
    }  # fmt: skip

    bare = parse("postgres://", environment)
    named = parse("postgres://u:p@h:1/d?sslmode=disable&host=", environment)

    assert bare.target == Target("env.example", 6000, "envdb", "env", Provider.OTHER)
    assert (bare.password, bare.passfile, bare.tls) == ("envsecret", "/pass", {"sslmode": "require"})
    assert bare.server_settings == {"application_name": "mine", "options": "-c geqo=off"}
    assert (bare.target_session_attrs, bare.load_balance_hosts) == ("primary", True)
    assert bare.keywords == {}
    assert named.target == Target("/var/run/postgresql", 1, "d", "u", Provider.LOCAL)
    assert (named.password, named.tls) == ("p", {"sslmode": "disable"})


@pytest.mark.parametrize(
    ("environment", "user"),
    [({"USER": "ann", "LOGNAME": "bob"}, "ann"), ({"LOGNAME": "bob"}, "bob"), ({}, "postgres")],
    ids=["user", "logname", "nobody"],
)
def test_an_unnamed_user_is_the_systems(environment: dict[str, str], user: str) -> None:
    """And an unnamed database is called like the user."""
    found = parse("postgres://h", environment)

    assert (found.user, found.database) == (user, user)


@pytest.mark.parametrize(
    ("text", "environment", "named"),
    [
        ("postgres://%40name/app", {}, "host"),
        ("host=/run,@name", {}, "host"),
        ("postgres:///app", {"PGHOST": "@name"}, "PGHOST"),
    ],
)
def test_an_abstract_socket_is_refused_with_what_to_use_instead(
    text: str, environment: dict[str, str], named: str
) -> None:
    """asyncpg has no way to one, and would look the name up."""
    with pytest.raises(DsnError) as refused:
        parse(text, environment)

    said = wording(refused.value.failure)
    assert said.message.startswith(f"{named} names an abstract Unix socket")
    assert "/var/run/postgresql" in said.remedy
    assert "name" not in said.message.removeprefix(f"{named} names")


@pytest.mark.parametrize(
    ("environment", "named"),
    [({"PGSSLMODE": "REQUIRE"}, "PGSSLMODE"), ({"PGPORT": "x"}, "PGPORT"), ({"PGSERVICE": "mine"}, "PGSERVICE")],
    ids=["sslmode", "port", "service"],
)
def test_a_bad_variable_is_named_by_its_own_name(environment: dict[str, str], named: str) -> None:
    """Whoever looks for the mistake in the connection string would not find it."""
    with pytest.raises(DsnError) as refused:
        parse("postgres://h", environment)

    assert named in wording(refused.value.failure).message


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", {}),
        ("?sslmode=require&sslrootcert=/ca.pem", {"sslmode": "require", "sslrootcert": "/ca.pem"}),
        ("?ssl=true", {"sslmode": "require"}),
        ("?ssl=1", {"sslmode": "require"}),
        ("?ssl=false", {"sslmode": "disable"}),
        ("?ssl=verify-full", {"sslmode": "verify-full"}),
        ("?ssl=%7B%22rejectUnauthorized%22:false%7D", {"sslmode": "require"}),
        ("?sslmode=no-verify", {"sslmode": "require"}),
        ("?sslmode=disable&sslmode=require", {"sslmode": "require"}),
        ("?requiressl=1", {"sslmode": "require"}),
        ("?channel_binding=require", {"sslmode": "require"}),
        ("?channel_binding=require&sslmode=verify-full", {"sslmode": "verify-full"}),
        ("?sslrootcert=system", {"sslrootcert": "system", "sslmode": "verify-full"}),
        ("?ssl_min_protocol_version=tlsv1.3", {"ssl_min_protocol_version": "TLSv1.3"}),
        ("?sslcert=&sslsni=0&sslcertmode=allow&sslcompression=0", {}),
    ],
)
def test_tls_is_never_weaker_than_was_asked_for(query: str, tls: dict[str, str]) -> None:
    """Other tools' words for it included; only words that asyncpg understands are handed on."""
    found = parse(f"postgres://u:p@h/db{query}")

    assert found.tls == tls


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pgbouncer=true&schema=public", "pgbouncer, schema"),
        ("options[project]=x", "options[project]"),
        ("sslmode=no-verify", "sslmode"),
        ("ssl=1", "ssl"),
        ("channel_binding=require", "channel_binding"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("gssencmode=require", "gssencmode"),
        ("replication=database", "replication"),
    ],
)
def test_what_is_set_aside_is_said(query: str, said: str) -> None:
    """One sentence each, without the value."""
    found = parse(f"postgres://u:p@h/db?{query}")

    assert len(found.notes) == 1
    assert said in words(found.notes[0])
    assert words(found.notes[0], Language.JAPANESE) != words(found.notes[0])


def test_what_changes_nothing_is_set_aside_in_silence() -> None:
    """Nobody wants to read about keepalives."""
    found = parse(
        "postgres://u:p@h/db?keepalives=1&keepalives_idle=30&connect_timeout=10&gssencmode=disable&krbsrvname=x"
        "&client_encoding=utf8&tcp_user_timeout=5&channel_binding=prefer&min_protocol_version=3.0&application_name=a"
    )

    assert found.notes == ()
    assert found.server_settings == {"application_name": "a"}


def test_several_hosts_keep_their_addresses_and_ports() -> None:
    """An empty place means the default, as everywhere in libpq."""
    found = parse("host=a,,c hostaddr=10.0.0.1,,10.0.0.3 port=1,,3")

    assert found.hosts == (
        Host("a", "10.0.0.1", 1),
        Host("/var/run/postgresql", None, 5432),
        Host("c", "10.0.0.3", 3),
    )


@pytest.mark.parametrize(
    "text",
    ["postgres://u:p%40s%2Fs%20w@h/db?application_name=x", "host=h user=u password='p@s/s w'"],
    ids=["uri", "words"],
)
def test_a_secret_is_listed_as_it_is(text: str) -> None:
    """The forms in which servers and drivers may write it are the redactor's to know."""
    found = parse(text)

    assert {text, "p@s/s w"} <= found.secrets
    assert "" not in found.secrets


def test_what_is_shown_anyway_is_no_secret() -> None:
    found = parse("postgres://u:u@h.example,i.example:1/db?hostaddr=10.0.0.1,::1&application_name=x")

    assert found.names == {"h.example", "i.example", "10.0.0.1", "::1", "5432", "1", "u", "db", "x"}


def test_the_query_string_is_a_secret() -> None:
    """It may hold a password as well."""
    assert "sslpassword=hush&sslmode=require" in parse("postgres://h?sslpassword=hush&sslmode=require").secrets


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("postgres://u:p@h/db?qqzzy=1", True),
        ("postgres://u:p@h/db?Qqzzy=1", False),
        ("postgres://u:p@h/db?" + "q" * 41 + "=1", False),
        ("postgres://h/db?password=a&qqzzy=1", False),
        ("postgres://u:p@h/db?sslpassword=a&qqzzy=1", False),
        ("postgres://u:p?qqzzy=1", False),
        ("postgres://h/db?qqzzy=1", True),
        ("host=h qqzzy=1 password=a", True),
        ("qqzzy==", False),
        ("host=h password=a qqzzy=1", False),
    ],
)
def test_an_unknown_parameter_is_named_only_when_it_is_no_piece_of_a_password(text: str, *, is_named: bool) -> None:
    """An unencoded & or blank makes the rest of a password look like a parameter."""
    with pytest.raises(DsnError) as caught:
        parse(text)

    said = spoken(caught.value.failure)[0]
    assert ("q" * 3 in said or "qqzzy" in said) is is_named


# Each puts the password where a mistake in it, or next to it, is refused; some are accepted for some passwords.
BROKEN = (
    "{}", "postgres://u:{}@h:x/db", "postgres://u:{}@h:99999/db", "postgres://u:{}@h/db?sslmode=bad", "http://u:{}@h/db",
    "postgres://u:{}@<host>/db", "postgres://u:{}@h/d b", "postgres://u:{}@h/%zz", "postgres://u:{}@[h/db",
    "postgres://u:{0}?{0}={0}@h/db", "postgres://h/db?password={0}&{0}=1", "postgres://h/db?password={0}={0}",
    "postgres://u:{}@h/db?nonsense=1", "postgres://u:{}@h!/db", "postgres://u:{}@h,i/db?port=1,2,3",
    "host=h password={} nonsense", "host=h password={} sslmode=bad", "host=h password='{}",
    "host=h password={0} {0}={0}",
    "PGPASSWORD={} psql -h h", "Host=h;Password={};Username=u", "jdbc:postgresql://h/db?password={}", "mysql://u:{}@h/db",
    "postgres://u:{}@h/db?service=x", "postgres://u:{}@h/db", "postgres://u:{}%@h/db", "postgres://u:{}@@h/db",
    "postgres://u:{}@h/${{{{x}}}}", "DATABASE_URL=postgres://u:{}@h:x/db", "postgres://u:{}@h/db\nX=1",
)  # fmt: skip
_PASSWORD = st.text(st.sampled_from("qxzjkvwyQXZJKV0123456789_@/#?%:&=+ '\"\\<[$!é"), min_size=3, max_size=24)


def spoken(failure: Failure) -> list[str]:
    said = [wording(failure, language) for language in Language]
    return [sentence for one in said for sentence in (one.message, one.remedy)]


def exits(text: str) -> list[str]:
    """Everything that leaves `parse` in words, either way."""
    try:
        found = parse(text)
    except DsnError as error:
        failure = error.failure
        return [str(error), repr(error), *spoken(failure), repr(failure), repr(error.args)]
    return [repr(found), str(found), *map(words, found.notes)]


# What stands in these sentences and values whatever the password is, such as the default port.
OUR_WORDS = "".join(map(inspect.getsource, (refusals, pasted, phrases, configured, parts, failures))) + "".join(BROKEN)
OUR_WORDS += "".join(text for template in BROKEN for text in exits(template.format("0")))


@settings(max_examples=300, deadline=None, database=None)
@given(_PASSWORD)
def test_no_piece_of_a_password_leaves(password: str) -> None:
    """Not three characters of it, whichever way it tears the string."""
    pieces = {password[at : at + 3] for at in range(len(password) - 2)}
    pieces = {piece for piece in pieces if piece not in OUR_WORDS}

    leaving = [text for template in BROKEN for text in exits(template.format(password))]

    assert not [(piece, text) for text in leaving for piece in pieces if piece in text]


def test_what_is_shown_of_a_connection_string_has_no_secret() -> None:
    """`repr` is what a debugger, a log line and a failing test print."""
    found: ConnectionString = parse("postgres://u:hush1@h/d?sslpassword=hush2&options=-c%20x%3Dhush3&sslmode=require")

    assert "hush" not in repr(found)
    assert "hush" not in repr(found.target)
