"""A secret in every part of every form of a connection string, looked for at every exit of the service."""

import base64
import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import DsnError, parse
from pgvector_ready.logs import ConsoleFormatter, JsonFormatter
from pgvector_ready.settings import ConfigurationError, load
from tests.conftest import Database
from tests.support.service import DATABASE, HEALTH, running

SECRET = "Kz7Qx#9w@R/ö5"  # noqa: S105 - it is looked for
ENCODED = quote(SECRET, safe="")
PLAIN = "Kz7Qx-9wR5-Lm2"  # where nothing need be encoded
PATHS = (HEALTH, DATABASE, f"{DATABASE}?format=text", f"{DATABASE}?strict=true", "/", "/metrics", "/openapi.json")

FORMS = {
    "password": "postgresql://app:{e}@127.0.0.1:{port}/{name}",
    "password, a query": "postgresql://app@127.0.0.1:{port}/{name}?password={e}",
    "password, words": "host=127.0.0.1 port={port} user=app dbname={name} password='{s}'",
    "password, of SQLAlchemy": "postgresql+asyncpg://app:{e}@127.0.0.1:{port}/{name}",
    "password, not encoded": "postgresql://app:{s}@127.0.0.1:{port}/{name}",
    "password, twice": "postgresql://app:{e}@127.0.0.1:{port}/{name}?password={p}",
    "password, several hosts": "postgresql://app:{e}@127.0.0.1:1,127.0.0.1:{port}/{name}",
    "sslpassword": "postgresql://app:x@127.0.0.1:{port}/{name}?sslpassword={e}",
    "oauth": "postgresql://app:x@127.0.0.1:{port}/{name}?oauth_client_secret={e}",
    "scram key": "postgresql://app:x@127.0.0.1:{port}/{name}?scram_client_key={e}",
    "options": "postgresql://postgres:x@127.0.0.1:{port}/{name}?options=-c%20TimeZone%3D{p}",
    "options, words": "host=127.0.0.1 port={port} user=app dbname={name} options='-c my.key={p}'",
    "a file of TLS": "postgresql://app:x@127.0.0.1:{port}/{name}?sslmode=require&sslcert=/{p}&sslkey=/{p}",
    "a root": "postgresql://app:x@127.0.0.1:{port}/{name}?sslmode=verify-full&sslrootcert=/{p}",
    "a password file": "postgresql://app@127.0.0.1:{port}/{name}?passfile={passfile}",
    "a service": "postgresql://app:x@127.0.0.1:{port}/{name}?service={p}",
    "a value": "postgresql://app:x@127.0.0.1:{port}/{name}?sslmode={p}",
    "a port": "postgresql://app:x@127.0.0.1:{p}/{name}",
    "an unknown word": "postgresql://app:x@127.0.0.1:{port}/{name}?{p}=1",
    "an unknown word's value": "postgresql://app:x@127.0.0.1:{port}/{name}?apikey={p}",
    "another tool's word": "postgresql://app:x@127.0.0.1:{port}/{name}?schema={p}",
    "the database": "postgresql://app:x@127.0.0.1:{port}/{name}&password={p}",
    "the database, encoded": "postgresql://app:x@127.0.0.1:{port}/{name}%26password%3D{p}",
    "the database, a semicolon": "postgresql://app@127.0.0.1:{port}/{name};user=app;password={p}",
    "the user": "postgresql://app;password={p}@127.0.0.1:{port}/{name}",
    "the user, encoded in one piece with it": "postgresql://app%3A{e}@127.0.0.1:{port}/{name}",
    "the user, encoded twice": "postgresql://app%253A{p}@127.0.0.1:{port}/{name}",
    "the host": "postgresql://app:x@127.0.0.1;password={p}/{name}",
    "a socket": "postgresql://app:x@/{name}?host=/run%3Bpassword%3D{p}",
    "application_name": "postgresql://app:x@127.0.0.1:{port}/{name}?application_name=web%26password%3D{p}",
    "an address in a name": "dbname='postgresql://app:{p}@db/app' host=127.0.0.1 port={port}",
    "another database's": "mysql://app:{p}@127.0.0.1:{port}/{name}",
    "JDBC": "jdbc:postgresql://127.0.0.1:{port}/{name}?user=app&password={p}",
    ".NET": "Host=127.0.0.1;Port={port};Username=app;Password={p};Database={name}",
    "around it": "export DATABASE_URL='postgresql://app:{e}@127.0.0.1:{port}/{name}'",
}


def looked_for() -> set[str]:
    """As it could really appear: as it is, encoded, in Base64, in other cases, and its pieces."""
    found = set()
    for secret in (SECRET, PLAIN):
        for written in (secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1], secret[::-1]):
            found |= {written, written.upper(), written.lower(), written.swapcase()}
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        found |= {encoded, encoded[:-2], "Kz7Qx", "kz7qx", "KZ7QX"}
    return found


def assert_clean(said: str) -> None:
    for piece in looked_for():
        assert piece not in said, said


@pytest.mark.parametrize("form", FORMS)
async def test_a_secret_in_any_part_leaves_by_no_exit(
    form: str, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passfile = tmp_path / "passfile"
    passfile.write_text(f"*:*:*:*:{PLAIN}\n")
    passfile.chmod(0o600)
    port, name = database.server.port, database.name
    url = FORMS[form].format(s=SECRET, e=ENCODED, p=PLAIN, port=port, name=name, passfile=passfile)
    caplog.set_level("DEBUG")
    try:
        found = parse(url)
    except DsnError as error:
        for language in Language:
            assert_clean(f"{wording(error.failure, language)} {error!r} {error.failure!r}")
        with pytest.raises(ConfigurationError) as refused:
            load(database_url=url).connection_string  # noqa: B018 - it is judged
        assert_clean(f"{refused.value} {refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}")
        return

    redact = load(database_url=url).redactor()
    async with running(url) as service:
        answers = [await service.client.get(path) for path in PATHS]

    assert_clean(f"{found!r} {found.target!r} {found.names!r}")
    for answer in answers:
        assert_clean(f"{answer.headers} {answer.text}")
    for formatter in (JsonFormatter(redact), ConsoleFormatter(redact)):
        for record in caplog.records:
            if record.name.partition(".")[0] in {"pgvector_ready", "uvicorn", "asyncio"}:
                assert_clean(formatter.format(record))
    logging.getLogger().debug("looked through")
