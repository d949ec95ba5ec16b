"""Every way this service can fail: the runbook's steps, the codes, and the failure that carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from pgvector_ready.judgement.phrases import Value
from pgvector_ready.judgement.target import Target


class Step(StrEnum):
    """A step of the runbook, in the order of `RUNBOOK`; `SERVICE` is the process itself and no step of it."""

    CONFIGURED = "configured"
    CONNECTED = "connected"
    EXPECTED = "expected"
    WRITABLE = "writable"
    AVAILABLE = "available"
    ENABLED = "enabled"
    USABLE = "usable"
    MIGRATED = "migrated"
    SEARCHABLE = "searchable"
    SERVICE = "service"


RUNBOOK = tuple(step for step in Step if step is not Step.SERVICE)


class Code(StrEnum):
    """A stable name for one situation; part of the contract, never renamed. A section each in `docs/failures.md`."""

    DATABASE_URL_MISSING = "database_url_missing"
    DATABASE_URL_INVALID = "database_url_invalid"
    DATABASE_URL_PLACEHOLDER = "database_url_placeholder"
    DATABASE_URL_UNENCODED = "database_url_unencoded"
    DATABASE_URL_WHITESPACE = "database_url_whitespace"
    DATABASE_URL_REPAIRED = "database_url_repaired"
    DATABASE_URL_DOUBTFUL = "database_url_doubtful"
    DNS_NOT_FOUND = "dns_not_found"
    PRIVATE_HOST = "private_host"
    CONNECTION_REFUSED = "connection_refused"
    HOST_UNREACHABLE = "host_unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    SOCKET_NOT_FOUND = "socket_not_found"
    NOT_POSTGRESQL = "not_postgresql"
    PROTOCOL_VIOLATION = "protocol_violation"
    CONNECTION_CLOSED = "connection_closed"
    TLS_NOT_SUPPORTED = "tls_not_supported"
    TLS_REQUIRED = "tls_required"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HOSTNAME_MISMATCH = "tls_hostname_mismatch"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_REVOKED = "tls_revoked"
    TLS_ROOT_MISSING = "tls_root_missing"
    TLS_REQUEST_REFUSED = "tls_request_refused"
    TLS_HANDSHAKE_FAILED = "tls_handshake_failed"
    TLS_OFF = "tls_off"
    INVALID_PASSWORD = "invalid_password"  # noqa: S105 - the name of a failure
    LOGIN_NOT_PERMITTED = "login_not_permitted"
    PRELOAD_LIBRARY_FAILED = "preload_library_failed"
    DATABASE_MISSING = "database_missing"
    DATABASE_CONNECT_DENIED = "database_connect_denied"
    DATABASE_NOT_ACCEPTING = "database_not_accepting"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    CANNOT_CONNECT_NOW = "cannot_connect_now"
    SERVER_SHUTDOWN = "server_shutdown"
    CONNECTION_LOST = "connection_lost"
    QUERY_TIMEOUT = "query_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    POOLER_ERROR = "pooler_error"
    NO_MATCHING_HOST = "no_matching_host"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    SLOW = "slow"
    WRONG_TARGET = "wrong_target"
    STANDBY = "standby"
    READ_ONLY = "read_only"
    PGVECTOR_NOT_AVAILABLE = "pgvector_not_available"
    PGVECTOR_NOT_ENABLED = "pgvector_not_enabled"
    PGVECTOR_PERMISSION_DENIED = "pgvector_permission_denied"
    PGVECTOR_REFUSED = "pgvector_refused"
    PGVECTOR_SCHEMA_MISSING = "pgvector_schema_missing"
    PGVECTOR_FILES_INCOMPLETE = "pgvector_files_incomplete"
    PGVECTOR_NAME_TAKEN = "pgvector_name_taken"
    PGVECTOR_TOO_OLD = "pgvector_too_old"
    PGVECTOR_LOCK_TIMEOUT = "pgvector_lock_timeout"
    PGVECTOR_UPDATE_AVAILABLE = "pgvector_update_available"
    PGVECTOR_DOWNGRADED = "pgvector_downgraded"
    PGVECTOR_LIBRARY_MISSING = "pgvector_library_missing"
    PGVECTOR_LIBRARY_MISMATCH = "pgvector_library_mismatch"
    PGVECTOR_LIBRARY_OUTDATED = "pgvector_library_outdated"
    PGVECTOR_CRASHES_SERVER = "pgvector_crashes_server"
    PGVECTOR_NOT_ON_SEARCH_PATH = "pgvector_not_on_search_path"
    PGVECTOR_SHADOWED = "pgvector_shadowed"
    PGVECTOR_REPLACED = "pgvector_replaced"
    PGVECTOR_OWNER_UNTRUSTED = "pgvector_owner_untrusted"
    PGVECTOR_WRONG_RESULT = "pgvector_wrong_result"
    MIGRATIONS_BEHIND = "migrations_behind"
    MIGRATIONS_UNKNOWN = "migrations_unknown"
    MIGRATIONS_RENAMED = "migrations_renamed"
    MIGRATIONS_FAILED = "migrations_failed"
    MIGRATIONS_ELSEWHERE = "migrations_elsewhere"
    MIGRATIONS_PERMISSION_DENIED = "migrations_permission_denied"
    MIGRATIONS_HIDDEN = "migrations_hidden"
    MIGRATIONS_UNTRUSTED = "migrations_untrusted"
    UNTRUSTED_CODE = "untrusted_code"
    VECTOR_COLUMN_MISSING = "vector_column_missing"
    VECTOR_DIMENSIONS_DIFFER = "vector_dimensions_differ"
    PGVECTOR_CORRUPTS_INDEXES = "pgvector_corrupts_indexes"
    COLLATION_CHANGED = "collation_changed"
    VECTOR_INDEX_INVALID = "vector_index_invalid"
    VECTOR_INDEX_DIFFERS = "vector_index_differs"
    PGVECTOR_VULNERABLE = "pgvector_vulnerable"
    VECTOR_INDEX_MISSING = "vector_index_missing"
    VECTOR_DIMENSIONS_UNINDEXABLE = "vector_dimensions_unindexable"
    VECTOR_COLUMN_UNDIMENSIONED = "vector_column_undimensioned"
    VECTOR_INDEX_DUPLICATE = "vector_index_duplicate"
    VECTORS_UNKNOWN = "vectors_unknown"
    STARTING = "starting"
    DRAINING = "draining"
    UNEXPECTED_ERROR = "unexpected_error"


@dataclass(frozen=True, slots=True)
class Failure:
    """One situation, also what a warning carries; `documents.wording` makes a message and a remedy of it.

    `case` tells apart the situations that share a code, where each has sentences of its own.
    """

    code: Code
    step: Step
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    sqlstate: str | None = None
    case: str = ""
    # The server's own, raw: for a command to print, redacted, and in no document.
    words: str = field(default="", compare=False, repr=False)

    @classmethod
    def about(  # noqa: PLR0913, PLR0917 - what a failure is made of
        cls,
        code: Code,
        step: Step,
        target: Target,
        values: Mapping[str, Value | None] = MappingProxyType({}),
        sqlstate: str | None = None,
        case: str = "",
    ) -> Self:
        """Return the failure with what is known of `target`, and with those of `values` that are known."""
        known: dict[str, Value | None] = {
            "host": target.host,
            "port": target.port,
            "database": target.database,
            "user": target.user,
            "provider": target.provider,
            **values,
        }
        kept = {name: value for name, value in known.items() if value is not None}
        return cls(code, step, MappingProxyType(kept), sqlstate, case)
