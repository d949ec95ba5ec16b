"""The environment, read and validated once; every variable stands in docs/settings.md."""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import ConnectionString, DsnError, parse
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, VectorPolicy, VersionTable
from pgvector_ready.judgement.target import NOWHERE
from pgvector_ready.paths import FAILURES
from pgvector_ready.printable import NAME_LIMIT, printable
from pgvector_ready.redaction import Redactor
from pgvector_ready.surroundings import account

# Render takes an instance for dead that has not answered within 5 s.
_PLATFORM_PATIENCE_SECONDS = 5.0


class ConfigurationError(Exception):
    """The environment is wrong in a way that can be judged without a network; `str()` is the one line to print."""

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


def _as_version(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+){0,3}", value):
        message = "must be a version such as 0.8.0"
        raise ValueError(message)
    return value


def _as_table(value: str) -> str:
    VersionTable.of(value)
    return value


def _as_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s#?@]+", value):
        message = "must be the address of a page, such as https://docs.example.com/failures"
        raise ValueError(message)
    return value


def _listed(value: str | None) -> list[str]:
    return [word.strip() for word in (value or "").split(",") if word.strip()]


Version = Annotated[str, AfterValidator(_as_version)]
# What a platform calls this process: shown at every exit.
Name = Annotated[str, AfterValidator(lambda text: printable(text, NAME_LIMIT))]
Seconds = Annotated[float, Field(gt=0, le=60)]


class Settings(BaseSettings):
    """The settings that the environment gives; frozen, and its `repr` shows no secret."""

    # Empty is as good as unset: dashboards cannot always delete a variable. hide_input: pydantic would print the value.
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True, extra="ignore")

    database_url: SecretStr | None = None

    enable_pgvector: bool = True
    update_pgvector: bool = False
    # The first release with HNSW indexes, which start-up proves.
    minimum_pgvector_version: Version = "0.5.0"
    require_writable: bool = True
    expected_database_host: str | None = None
    expected_database_name: str | None = None
    expected_database_fingerprint: str | None = None

    migrations: MigrationPolicy = MigrationPolicy.AUTO
    migrations_folder: Path | None = None
    migrations_table: Annotated[str, AfterValidator(_as_table)] | None = Field(default=None, repr=False)

    vectors: VectorPolicy = VectorPolicy.AUTO
    vector_index_rows: int = Field(default=50_000, ge=1)
    # 0: never.
    vector_inventory_seconds: float = Field(default=300.0, ge=0, le=86_400)
    accepted_warnings: str | None = None

    startup_gate: bool = True
    connect_timeout_seconds: Seconds = 3.0
    query_timeout_seconds: Seconds = 1.0
    slow_query_seconds: Seconds = 0.5
    drain_seconds: float = Field(default=0.0, ge=0, le=300)  # 300: the longest that Render waits

    health_token: SecretStr | None = None
    documentation_url: Annotated[str, AfterValidator(_as_address)] | None = None
    # What the platform calls this service.
    render_external_url: str | None = None
    railway_public_domain: str | None = None

    embedded_data_folder: Path | None = None
    environment: Name | None = Field(
        default=None, validation_alias=AliasChoices("ENVIRONMENT", "RAILWAY_ENVIRONMENT_NAME")
    )
    commit: Name | None = Field(
        default=None, validation_alias=AliasChoices("RENDER_GIT_COMMIT", "RAILWAY_GIT_COMMIT_SHA", "GIT_COMMIT")
    )
    instance: Name | None = Field(
        default=None, validation_alias=AliasChoices("RENDER_INSTANCE_ID", "RAILWAY_REPLICA_ID", "HOSTNAME")
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        """Python hands on bytes that are not UTF-8 as lone surrogates, and every document would break on them."""
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            message = "must be text in UTF-8"
            raise ValueError(message)
        return value

    @field_validator("health_token")
    @classmethod
    def _can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value() if value else ""
        if token != token.strip() or not token.isprintable():
            message = "must not hold a line break, nor begin or end with a blank: no client could send it"
            raise ValueError(message)
        return value

    @field_validator("accepted_warnings")
    @classmethod
    def _are_codes(cls, value: str | None) -> str | None:
        if not {warning.partition(":")[0] for warning in _listed(value)} <= set(Code):
            message = "must be codes of docs/failures.md, or code:object, separated by commas"
            raise ValueError(message)
        return value

    @field_validator("migrations", "vectors", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_require(self) -> Self:
        if self.vectors is VectorPolicy.REQUIRED and not self.vector_inventory_seconds:
            message = "VECTORS=required needs VECTOR_INVENTORY_SECONDS above 0: nobody would look"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _nests(self) -> Self:
        if self.connect_timeout_seconds + self.query_timeout_seconds >= _PLATFORM_PATIENCE_SECONDS:
            message = (
                "CONNECT_TIMEOUT_SECONDS and QUERY_TIMEOUT_SECONDS must together stay below "
                f"{_PLATFORM_PATIENCE_SECONDS:g} s, after which Render takes an instance for dead"
            )
            raise ValueError(message)
        return self

    @property
    def version_table(self) -> VersionTable | None:
        """MIGRATIONS_TABLE, read; None where it is not set."""
        return VersionTable.of(self.migrations_table) if self.migrations_table else None

    @property
    def own_failures_page(self) -> str:
        """The address of this service's page of failures, which a pager can open; else its path."""
        if self.render_external_url:
            return f"{self.render_external_url.rstrip('/')}{FAILURES}"
        return f"https://{self.railway_public_domain}{FAILURES}" if self.railway_public_domain else FAILURES

    @property
    def looks_at_vectors(self) -> bool:
        """True if the service looks at the columns of vectors."""
        return self.vectors is not VectorPolicy.OFF and self.vector_inventory_seconds > 0

    def requirements(self) -> Requirements:
        """Return what these settings ask of the database; of its migrations, `migrations.history` knows more."""
        connection_string = self.connection_string
        return Requirements(
            expected_host=self.expected_database_host,
            expected_database=self.expected_database_name,
            expected_fingerprint=self.expected_database_fingerprint,
            is_writable=self.require_writable,
            minimum_version=self.minimum_pgvector_version,
            slow_ms=self.slow_query_seconds * 1000,
            migrations=self.migrations,
            vectors=self.vectors,
            index_rows=self.vector_index_rows,
            accepted=frozenset(_listed(self.accepted_warnings)),
            notes=connection_string.notes,
            is_repaired=connection_string.repaired,
        )

    @cached_property
    def connection_string(self) -> ConnectionString:
        """DATABASE_URL, read. Raises ConfigurationError."""
        if self.database_url is None:
            raise wrong_database_url(Failure.about(Code.DATABASE_URL_MISSING, Step.CONFIGURED, NOWHERE))
        try:
            return parse(self.database_url.get_secret_value(), {**os.environ, **account()})
        except DsnError as error:
            raise wrong_database_url(error.failure) from None

    def with_database(self, url: str) -> Self:
        """Return these settings with this DATABASE_URL, where they have none."""
        return self.model_copy(update={"database_url": SecretStr(url)})

    @property
    def _readable(self) -> ConnectionString | None:
        """DATABASE_URL, read; None where it is not set or cannot be read."""
        try:
            return self.connection_string
        except ConfigurationError:
            return None

    @property
    def secrets(self) -> frozenset[str]:
        """The texts that may never be shown."""
        token = {self.health_token.get_secret_value()} if self.health_token else set()
        raw = {self.database_url.get_secret_value()} if self.database_url else set()
        return frozenset(token | raw) | (self._readable.secrets if self._readable else frozenset())

    def redactor(self, *more: str) -> Redactor:
        """Take these settings' secrets, and `more`, out of foreign text."""
        return Redactor({*self.secrets, *more}, self._readable.names if self._readable else ())


_Kind = TypeVar("_Kind", bound=Settings)


def load(**given: Any) -> Settings:
    """Return the settings of this process's environment; `given` takes precedence. Raises ConfigurationError."""
    return read(Settings, given)


def read(kind: type[_Kind], given: Mapping[str, Any]) -> _Kind:
    """Return the settings of this kind; `given` takes precedence. Raises ConfigurationError."""
    try:
        return kind(**given)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_sentence(detail) for detail in error.errors())) from None


def wrong_database_url(failure: Failure) -> ConfigurationError:
    """Return the error that a failure of DATABASE_URL is, with its sentences on one line."""
    said = wording(failure)
    sentence = f"{failure.code}: {said.message} {said.remedy}"
    return ConfigurationError(sentence if "DATABASE_URL" in sentence else f"DATABASE_URL: {sentence}", failure)


_WORDS = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
}


def _sentence(detail: ErrorDetails) -> str:
    message = _WORDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    name = ".".join(str(part) for part in detail["loc"]).upper()
    return f"{name}: {message[0].lower()}{message[1:]}" if name else message
