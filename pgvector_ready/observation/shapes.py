"""The answers of a database as they must be: a server may send anything, and nothing else goes any further."""

from typing import Annotated, TypeVar

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from pgvector_ready.database.exceptions import ProtocolViolationError, Violation

_T = TypeVar("_T")

# A name has 63 bytes, twice as many quoted; what pg_identify_object writes of a function names its arguments too.
_Name = Annotated[str, StringConstraints(max_length=300)]
_Identity = Annotated[str, StringConstraints(max_length=8_000)]
_LONGEST_VERSION = 100
_Version = Annotated[str, StringConstraints(max_length=_LONGEST_VERSION)]
_Oid = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")]
_Revision = Annotated[str, StringConstraints(max_length=128)]  # `statements.REVISIONS` cuts it there


def _strict(kind: type[_T]) -> type[_T]:
    """Do what pydantic's `with_config` does, which the oldest release that is supported has not got."""
    kind.__pydantic_config__ = ConfigDict(strict=True, hide_input_in_errors=True)  # type: ignore[attr-defined]
    return kind


@_strict
class FoundThing(TypedDict):
    """An object of the database."""

    kind: _Name | None
    name: _Identity | None
    owner: _Name | None


@_strict
class FoundStranger(FoundThing):
    """An object of a stranger's, and what reaches it."""

    reach: _Name


@_strict
class FoundSchema(TypedDict):
    """A schema to create the extension in."""

    name: _Name
    oid: _Oid


@_strict
class FoundFunction(FoundThing):
    """A function behind pgvector's type or one of its operators."""

    is_c: bool
    library: _Identity | None
    is_trusted: bool


@_strict
class FoundOperator(TypedDict):
    """An operator of pgvector's, and what its bare name means for this role."""

    own: _Oid
    found: _Oid | None


@_strict
class FoundExtension(TypedDict):
    """pgvector, as the catalogue of this database has it."""

    version: _Version
    schema: _Name
    quoted_schema: _Name
    type: _Oid | None
    found_type: _Oid | None
    operators: Annotated[list[FoundOperator], Field(max_length=100)] | None
    functions: Annotated[list[FoundFunction], Field(max_length=100)] | None


@_strict
class FoundVersionTable(TypedDict):
    """Alembic's table, as the catalogue has it."""

    schema: _Name
    name: _Name
    kind: _Name
    owner: _Name
    schema_owner: _Name
    is_owner_trusted: bool
    is_schema_trusted: bool
    is_inherited: bool
    has_rules: bool
    has_triggers: bool
    column_type: int | None
    is_readable: bool
    is_filtered: bool


@_strict
class FoundFacts(TypedDict):
    """Every fact of a probe."""

    version: _Version
    is_standby: bool
    is_read_only: bool
    database: _Name
    database_oid: _Oid
    user: _Name
    may_create_temporary_tables: bool
    system_identifier: Annotated[str, StringConstraints(max_length=30)] | None
    collation_version: _Name | None
    is_musl: bool
    is_32_bit: bool
    available_version: _Version | None
    extension: FoundExtension | None
    version_table: FoundVersionTable | None


_Text = Annotated[str, StringConstraints(max_length=2_000)]


@_strict
class FoundRelation(TypedDict):
    """A table, by its oid."""

    relation: _Oid


@_strict
class FoundVectorColumn(FoundRelation):
    """A column of vectors of one table or partition."""

    root: _Oid
    table: _Name
    name: _Name
    type: _Name
    typmod: int
    kind: _Name
    rows: float
    is_readable: bool
    null_share: float | None


@_strict
class FoundPartition(FoundRelation):
    """A partition of the table that an index is on."""

    of: _Oid
    kind: _Name
    schema: _Name
    table: _Name


@_strict
class FoundIndex(FoundRelation):
    """An approximate index, as the catalogue has it."""

    on: _Oid
    name: _Name
    table: _Name
    column: _Name | None
    method: _Name
    kind: _Name
    pages: int
    is_valid: bool
    operator_class: _Name | None
    key: _Text | None
    condition: _Text | None
    bare_name: _Name
    options: _Text | None
    parent: _Oid | None
    is_leftover: bool
    progress: Annotated[list[int | None], Field(min_length=4, max_length=4)] | None


@_strict
class FoundWanted(TypedDict):
    """A table that a model names, and the column that it names there."""

    schema: _Name | None
    name: _Name
    table: _Name
    column: _Name | None
    quoted: _Name
    type: _Name | None
    typmod: int | None


@_strict
class FoundCollation(TypedDict):
    """The version of the collation that sorted the database, and the one that this system has."""

    recorded: _Name | None
    now: _Name | None


@_strict
class FoundVectorDatabase(TypedDict):
    """The facts about the whole database that an inventory needs."""

    schema: _Name | None
    has_halfvec: bool
    is_standby: bool
    block_size: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")]
    total: int
    collation: FoundCollation | None


FACTS = TypeAdapter(FoundFacts)
RELATION = TypeAdapter(FoundRelation)
VECTOR_DATABASE = TypeAdapter(FoundVectorDatabase)
VECTOR_COLUMN = TypeAdapter(FoundVectorColumn)
VECTOR_INDEX = TypeAdapter(FoundIndex)
PARTITION = TypeAdapter(FoundPartition)
WANTED = TypeAdapter(FoundWanted)
THING = TypeAdapter(FoundThing)
SCHEMA = TypeAdapter(FoundSchema)
STRANGERS: TypeAdapter[list[FoundStranger]] = TypeAdapter(list[FoundStranger])
REVISIONS: TypeAdapter[list[_Revision | None]] = TypeAdapter(list[_Revision | None])


def read(shape: TypeAdapter[_T], text: str) -> _T:
    """Return what the JSON says, if it has this shape; else raise ProtocolViolationError, which repeats none of it."""
    try:
        return shape.validate_json(text, strict=True)
    except ValidationError:
        raise ProtocolViolationError(Violation.ANSWER) from None


def read_version(text: str) -> str:
    """Return a version as its library has it; raise ProtocolViolationError."""
    if not text.isprintable() or len(text) > _LONGEST_VERSION:
        raise ProtocolViolationError(Violation.ANSWER)
    return text


def read_number(text: str) -> float:
    """Return a number as PostgreSQL writes it, which may be infinite or none; raise ProtocolViolationError."""
    try:
        return float(text)
    except ValueError:
        raise ProtocolViolationError(Violation.ANSWER) from None
