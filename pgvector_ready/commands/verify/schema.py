"""Whether a document speaks the contract: its keys and types, held against the schema of our own documents."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from pgvector_ready.documents.documents import AnonymousDocument

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
    "null": type(None),
}


def read(body: bytes) -> Any:
    """The JSON in `body`. Raises ValueError."""
    try:
        return json.loads(body)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def is_anonymous(document: object) -> bool:
    """Whether it is the little that a service with a HEALTH_TOKEN tells to everybody."""
    if not isinstance(document, dict) or set(document) != set(AnonymousDocument.model_fields):
        return False
    return not differences(document, AnonymousDocument)


def differences(document: object, model: type[BaseModel]) -> list[str]:
    """What a document lacks of `model`, or has of another type. More keys and new codes are a newer version's right."""
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    return list(_differences(document, schema, schema.get("$defs", {}), ""))


def _differences(value: object, schema: Mapping[str, Any], parts: Mapping[str, Any], path: str) -> Iterator[str]:
    allowed = [_resolved(one, parts) for one in schema.get("anyOf", [schema])]
    fitting = next((one for one in allowed if _is_kind(value, one.get("type"))), None)
    if fitting is None:
        yield f"{path or 'the document'} is {_kind_of(value)}"
    elif isinstance(value, dict):
        for key in fitting.get("required", ()):
            where = f"{path}.{key}".lstrip(".")
            if key not in value:
                yield f"{where} is missing"
            else:
                yield from _differences(value[key], fitting["properties"][key], parts, where)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _differences(item, fitting.get("items", {}), parts, f"{path}[{number}]")


def _resolved(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return parts[reference.rpartition("/")[2]] if reference else schema


def _is_kind(value: object, kind: str | None) -> bool:
    if isinstance(value, bool):
        return kind in {"boolean", None}
    return kind is None or isinstance(value, _KINDS[kind])


def _kind_of(value: object) -> str:
    return next(name for name in _KINDS if _is_kind(value, name))
