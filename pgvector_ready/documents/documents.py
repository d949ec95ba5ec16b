"""The two documents that leave the service, and their schema."""

from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from pgvector_ready import __version__
from pgvector_ready.documents.fields import Document, Instant, Milliseconds, PreciseInstant, Shown
from pgvector_ready.documents.identity import SERVICE, Documentation, Identity
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.vectors import VectorsDocument
from pgvector_ready.documents.wording import wording, words
from pgvector_ready.judgement.facts import Extension, Facts
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, ProvisioningState
from pgvector_ready.judgement.report import Reason, Report, State, Verdict
from pgvector_ready.judgement.requirements import joined
from pgvector_ready.paths import DATABASE_PATH


class ErrorDocument(Document):
    """What is wrong, and the very next thing to do."""

    code: Code
    step: Step
    message: str
    remedy: str
    sqlstate: str | None = Field(description="The server's SQLSTATE, if it gave one.")
    documentation: str | None = Field(description="The section that explains this code; null where no page has it.")

    @classmethod
    def of(
        cls, failure: Failure, documentation: "Documentation", language: Language = Language.ENGLISH
    ) -> "ErrorDocument":
        """The failure as it is shown."""
        said = wording(failure, language)
        return cls(
            code=failure.code,
            step=failure.step,
            message=said.message,
            remedy=said.remedy,
            sqlstate=failure.sqlstate,
            documentation=documentation.of(failure.code),
        )


class StepDocument(Document):
    """One step of the runbook; what it warns of stands beside it."""

    step: Step
    state: State
    accepted: bool = Field(default=False, description="Somebody has decided to live with this warning.")
    duration_ms: Milliseconds | None = None
    code: Code | None = None
    message: str | None = None
    remedy: str | None = None
    notes: tuple[str, ...] = ()
    reason: Reason | None = Field(
        default=None,
        description="Why it was skipped: nobody set what it needs, an earlier step failed, or nobody has looked yet.",
    )

    @model_serializer(mode="wrap")
    def _without_the_unknown(self, serialise: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a type would be its schema
        return {
            name: value
            for name, value in serialise(self).items()
            if value is not None and (value or name not in {"notes", "accepted"})
        }

    @classmethod
    def of(cls, verdict: Verdict, language: Language = Language.ENGLISH) -> "StepDocument":
        """The verdict as it is shown."""
        failure = verdict.failure
        said = wording(failure, language) if failure else None
        return cls(
            step=verdict.step,
            state=verdict.state,
            accepted=verdict.is_accepted,
            duration_ms=verdict.duration_ms,
            code=failure and failure.code,
            message=said and said.message,
            remedy=said and said.remedy,
            notes=tuple(words(note, language) for note in verdict.notes),
            reason=verdict.reason,
        )


class PgvectorDocument(Document):
    """The extension: `available` is on the server and not enabled in this database, `unknown` was not reached."""

    state: Literal["installed", "available", "not_available", "unknown"]
    installed_version: Shown | None
    available_version: Shown | None
    library_version: Shown | None = Field(description="Of the library that is loaded; null where nobody says it.")
    schema_name: Shown | None = Field(serialization_alias="schema")


class TargetDocument(Document):
    """Which database this is about; nothing secret."""

    host: Shown | None
    port: int | str | None
    database: Shown | None
    user: Shown | None
    provider: str
    tls: str | None
    fingerprint: str | None


class ServerDocument(Document):
    """The PostgreSQL server behind it."""

    version: Shown | None
    role: Literal["primary", "standby"] | None
    writable: bool | None


class MigrationsDocument(Document):
    """Alembic's revisions: the database's, and the newest this code knows."""

    current: Shown | None
    head: Shown | None


class ProvisioningDocument(Document):
    """What start-up made of the extension, and in how many attempts."""

    state: ProvisioningState
    attempts: int


class LinksDocument(Document):
    """Where to look next."""

    database: str


class AnonymousError(Document):
    """The code of a failure, and no more."""

    code: Code


class AnonymousDocument(Document):
    """What everybody may see where HEALTH_TOKEN is set; with the token it is the whole document."""

    healthy: bool
    status: Literal["pass", "warn", "fail"]
    error: AnonymousError | None

    @classmethod
    def of(cls, document: "ServiceDocument | DatabaseDocument") -> "AnonymousDocument":
        """The little of it."""
        error = document.error and AnonymousError(code=document.error.code)
        return cls(healthy=document.healthy, status=document.status, error=error)


class ServiceDocument(Document):
    """May this process live, may this deploy go live?"""

    healthy: bool
    status: Literal["pass", "fail"]
    service: str
    version: str
    commit: Shown | None
    environment: Shown | None
    instance: Shown | None
    started_at: Instant
    links: LinksDocument
    error: ErrorDocument | None

    @classmethod
    def of(cls, failure: Failure | None, identity: Identity, database_path: str = DATABASE_PATH) -> "ServiceDocument":
        """The process as it is shown; `failure` is why it may not take traffic."""
        return cls(
            healthy=failure is None,
            status="fail" if failure else "pass",
            service=SERVICE,
            version=__version__,
            commit=identity.commit,
            environment=identity.environment,
            instance=identity.instance,
            started_at=identity.started_at,
            links=LinksDocument(database=database_path),
            error=failure and ErrorDocument.of(failure, identity.documentation),
        )


class DatabaseDocument(Document):
    """Is PostgreSQL with pgvector usable right now?"""

    healthy: bool
    status: Literal["pass", "warn", "fail"]
    pgvector: PgvectorDocument
    target: TargetDocument
    server: ServerDocument
    migrations: MigrationsDocument
    vectors: VectorsDocument | None = Field(description="Null until somebody has looked.")
    steps: tuple[StepDocument, ...]
    provisioning: ProvisioningDocument
    error: ErrorDocument | None
    latency_ms: Milliseconds
    observed_at: PreciseInstant
    since: Instant
    consecutive_failures: int
    service: str
    version: str
    commit: Shown | None

    @classmethod
    def of(
        cls,
        observation: Observation,
        identity: Identity,
        language: Language = Language.ENGLISH,
        *,
        shows_names: bool = False,
    ) -> "DatabaseDocument":
        """The observation as it is shown, with the names of tables, columns and indexes where `shows_names`."""
        report, provisioning = observation.report, observation.provisioning
        report = report if shows_names else report.without_names()
        return cls(
            healthy=report.is_healthy,
            status=report.state.value,
            pgvector=_pgvector(report.facts.extension),
            target=_target(report.facts),
            server=_server(report.facts),
            migrations=MigrationsDocument(
                current=joined(report.facts.revisions or frozenset()), head=joined(report.heads)
            ),
            vectors=VectorsDocument.of(report, language, shows_names=shows_names),
            steps=tuple(StepDocument.of(verdict, language) for verdict in report.verdicts),
            provisioning=ProvisioningDocument(state=provisioning.state, attempts=provisioning.attempts),
            error=report.failure and ErrorDocument.of(report.failure, identity.documentation, language),
            latency_ms=report.facts.latency_ms,
            observed_at=report.facts.observed_at,
            since=observation.since,
            consecutive_failures=observation.consecutive_failures,
            service=SERVICE,
            version=__version__,
            commit=identity.commit,
        )


class OfflineDocument(Document):
    """The configuration judged alone; that nobody asked the database, it does not say that it is healthy."""

    status: Literal["pass", "warn", "fail"]
    target: TargetDocument
    steps: tuple[StepDocument, ...]
    error: ErrorDocument | None

    @classmethod
    def of(cls, report: Report) -> "OfflineDocument":
        """The judgement as it is shown."""
        return cls(
            status=report.state.value,
            target=_target(report.facts),
            steps=tuple(StepDocument.of(verdict) for verdict in report.verdicts),
            error=report.failure and ErrorDocument.of(report.failure, Identity.of_a_command().documentation),
        )


def _pgvector(extension: Extension | None) -> PgvectorDocument:
    if extension is None:
        return PgvectorDocument(
            state="unknown", installed_version=None, available_version=None, library_version=None, schema_name=None
        )
    is_there = "available" if extension.available_version else "not_available"
    return PgvectorDocument(
        state="installed" if extension.installed_version else is_there,
        installed_version=extension.installed_version,
        available_version=extension.available_version,
        library_version=extension.library_version,
        schema_name=extension.schema,
    )


def _target(facts: Facts) -> TargetDocument:
    target, server = facts.target, facts.server
    return TargetDocument(
        host=target.host,
        port=target.port,
        database=server.database if server else target.database,
        user=server.user if server else target.user,
        provider=target.provider,
        tls=server and server.tls,
        fingerprint=server and server.fingerprint,
    )


def _server(facts: Facts) -> ServerDocument:
    if facts.server is None:
        return ServerDocument(version=None, role=None, writable=None)
    return ServerDocument(
        version=facts.server.version,
        role="standby" if facts.server.is_standby else "primary",
        writable=facts.server.is_writable,
    )
