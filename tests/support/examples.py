"""One database that is usable, and the same out of reach, for tests of what is made of such facts."""

from datetime import UTC, datetime

from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.target import Provider, Target

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target("db.example.net", 5432, "app", "app", Provider.OTHER)
SERVER = Server(
    version="17.6",
    is_standby=False,
    is_read_only=False,
    database="app",
    user="app",
    tls="TLSv1.3",
    is_pooled=False,
    fingerprint="3f9ac2d1",
)
USABLE = Facts(TARGET, NOON, 2.9, SERVER, Extension("0.8.6", "0.8.6", "public"))
LOST = Facts(TARGET, NOON, 1.1, failure=Failure.about(Code.CONNECTION_REFUSED, Step.CONNECTED, TARGET))
