"""How monitors judge an answer, by their own documentation; pure functions, for those that no test can run."""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What a monitor got."""

    status: int
    body: str
    seconds: float


Rule = Callable[[Reply], bool]
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NOTHING = object()


def all_of(*rules: Rule) -> Rule:
    return lambda reply: all(rule(reply) for rule in rules)


def status_within(*accepted: str) -> Rule:
    """Codes and ranges of codes, as most of them write it: `200`, `200-299`."""
    ranges = [(int(low), int(high or low)) for low, _, high in (one.partition("-") for one in accepted)]
    return lambda reply: any(low <= reply.status <= high for low, high in ranges)


def body_has(keyword: str) -> Rule:
    """A keyword monitor's rule, a raw substring."""
    return lambda reply: keyword in reply.body


def body_lacks(keyword: str) -> Rule:
    return lambda reply: keyword not in reply.body


# Uptime Kuma


def kuma_body(reply: Reply) -> Reply:
    """JSON is parsed and written again, without blanks, before the keyword is looked for."""
    try:
        compact = json.dumps(json.loads(reply.body), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return reply
    return Reply(reply.status, compact, reply.seconds)


def kuma_json_query(query: str, condition: str, expected: str) -> Rule:
    """Both sides are compared as strings, or as numbers by `<` and its kin; nothing, a list and an object are down."""

    def judge(reply: Reply) -> bool:
        found = _jsonata(query, json.loads(reply.body))
        if found is None or isinstance(found, list | dict):
            return False
        value = found if isinstance(found, str) else json.dumps(found)
        match condition:
            case "==":
                return value == expected
            case "!=":
                return value != expected
            case "contains":
                return expected in value
            case _:
                return _COMPARISONS[condition](float(value), float(expected))

    return judge


def _jsonata(query: str, document: Any) -> Any:
    """As much of JSONata as a recipe needs: a path, and `path ? path : "literal"`."""
    choice = re.fullmatch(r'(\S+) \? (\S+) : "([^"]*)"', query)
    if choice:
        condition, then, otherwise = choice.groups()
        return _jsonata(then, document) if _jsonata(condition, document) else otherwise
    assert re.fullmatch(r"\$|(\$\.)?\w+(\.\w+)*", query), query
    found = _at(query.removeprefix("$").removeprefix("."), document)
    return None if found is _NOTHING else found


# Gatus


def gatus(condition: str) -> Rule:
    """`[PLACEHOLDER] operator value`; response times in milliseconds."""
    left, comparison, right = re.fullmatch(r"(\S+) (==|!=|<=?|>=?) (.+)", condition).groups()  # type: ignore[union-attr]

    def judge(reply: Reply) -> bool:
        found = _gatus_value(left, reply)
        if comparison in _COMPARISONS:
            return _COMPARISONS[comparison](float(found), float(right))
        choices = re.fullmatch(r"any\((.+)\)", right)
        is_equal = found in ([one.strip() for one in choices[1].split(",")] if choices else [right])
        return is_equal == (comparison == "==")

    return judge


def _gatus_value(placeholder: str, reply: Reply) -> str:
    match placeholder.partition("."):
        case ("[STATUS]", "", ""):
            return str(reply.status)
        case ("[RESPONSE_TIME]", "", ""):
            return str(int(reply.seconds * 1000))
        case ("[BODY]", ".", path):
            found = _at(path, json.loads(reply.body))
            return "(INVALID)" if found is _NOTHING else found if isinstance(found, str) else json.dumps(found)
    message = f"no such placeholder: {placeholder}"
    raise ValueError(message)


# blackbox_exporter


def cel(expression: str) -> Rule:
    """`body.path == literal`, joined by `&&`; a field that is missing is an error, and so is a body without JSON."""
    terms = [re.fullmatch(r"body\.(\S+) == (.+)", term.strip()) for term in expression.split("&&")]
    wanted = [(term[1], json.loads(term[2].replace("'", '"'))) for term in terms if term]
    assert len(wanted) == len(terms), expression

    def judge(reply: Reply) -> bool:
        try:
            document = json.loads(reply.body)
        except ValueError:
            return False
        return all(_at(path, document) == value for path, value in wanted)

    return judge


def _at(path: str, document: Any) -> Any:
    for key in filter(None, path.split(".")):
        if not isinstance(document, dict) or key not in document:
            return _NOTHING
        document = document[key]
    return document
