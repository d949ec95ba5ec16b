"""The status page's parts, drawn from the document that the endpoint serves: it can show nothing more."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pgvector_ready.documents.identity import SERVICE, Identity
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.judgement.failures import Step
from pgvector_ready.judgement.report import Reason
from pgvector_ready.paths import DATABASE_PATH, FAILURES, Paths
from pgvector_ready.web.status.history import History
from pgvector_ready.web.status.language import Words, spell
from pgvector_ready.web.status.markup import Html, icon, tag, together
from pgvector_ready.web.status.remedy import draw_remedy

# A DatabaseDocument or, where a token is asked for, an AnonymousDocument; as it went out, in JSON.
Document = dict[str, Any]


def draw_title(document: Document, identity: Identity, words: Words) -> str:
    """The page's title. The state comes first: a browser's tab shows no more than that."""
    where = f"{SERVICE} {identity.environment}" if _is_whole(document) and identity.environment else SERVICE
    return f"{words['headline_' + document['status']]} · {where}"


def draw_masthead(document: Document, identity: Identity) -> Html:
    """The name of the service, and of its environment."""
    environment = identity.environment if _is_whole(document) else None
    return together(tag("p", SERVICE, class_="name"), tag("p", environment, class_="where") if environment else None)


def draw_main(document: Document, identity: Identity, history: History, words: Words) -> Html:
    """All sections, the most important one first."""
    if not _is_whole(document):
        return together(_verdict(document, words), _withheld(document, words))
    return together(
        _verdict(document, words),
        _failure(document["error"], words) if document["error"] else None,
        _runbook(document["steps"], words),
        _vectors(document["vectors"], words) if document["vectors"] else None,
        history.draw(words),
        tag("div", _database(document, words), _process(document, identity, words), class_="facts"),
    )


def draw_footer(root_path: str, paths: Paths, words: Words) -> Html:
    """The links to the answers for machines."""
    links = (
        (paths.database, words["as_json"]),
        (f"{paths.database}?format=text", words["as_text"]),
        (paths.health, words["deploys"]),
        ("/docs", words["api"]),
    )
    items = (tag("li", tag("a", told, href=f"{root_path}{path}")) for path, told in links)
    return tag("ul", *items)


def draw_token(words: Words) -> Html:
    """A field for the token, which the script offers where nobody on the way could read it."""
    return tag(
        "section",
        tag("label", words["token"], " ", Html('<input type="password" id="token" autocomplete="off">')),
        tag("button", words["token_show"], type="button", id="show"),
        tag("p", "", id="refused", role="status", data_says=words["token_wrong"]),
        class_="token",
        aria_label=words["token_show"],
        hidden="",
    )


def _is_whole(document: Document) -> bool:
    return "steps" in document


def _verdict(document: Document, words: Words) -> Html:
    state = document["status"]
    heading = tag("h1", icon(state), words[f"headline_{state}"])
    told = (_since(document, words), _place(document, words)) if _is_whole(document) else ()
    return tag("section", heading, *told, class_=f"verdict {state}")


def _place(document: Document, words: Words) -> Html | None:
    """A line with the host, the database and the versions: the first thing to look at when something is strange."""
    target, server, pgvector = document["target"], document["server"], document["pgvector"]
    if not target["host"]:
        return None
    no_tls = words["no_tls"] if server["version"] else None
    parts = (
        f"{target['host']} ({target['provider']})",
        words["database_named"].format(name=target["database"]) if target["database"] else None,
        f"PostgreSQL {server['version']}" if server["version"] else None,
        f"pgvector {pgvector['installed_version']}" if pgvector["installed_version"] else None,
        target["tls"] or no_tls,
    )
    return tag("p", " · ".join(part for part in parts if part), class_="since")


def _since(document: Document, words: Words) -> Html:
    since, now = (datetime.fromisoformat(document[key]) for key in ("since", "observed_at"))
    spent = (now - since).total_seconds()
    template = words["since"] if spent >= 1 else words["just_now"]
    told = template.format(moment=_moment(since), spent=spell(spent, words))
    failures = document["consecutive_failures"]
    row = words["failures_in_a_row"].format(count=failures) if failures > 1 else None
    return tag("p", tag("span", told), tag("span", row) if row else None, class_="since")


def _failure(error: Document, words: Words) -> Html:
    return tag(
        "section",
        tag("h2", words["failure"]),
        tag("p", error["message"], class_="message"),
        tag("h3", words["remedy"]),
        tag("p", draw_remedy(error["remedy"], words), class_="remedy"),
        tag(
            "p",
            tag("code", error["code"]),
            tag("code", f"SQLSTATE {error['sqlstate']}") if error["sqlstate"] else None,
            _section(error["documentation"]) if error["documentation"] else None,
            class_="codes",
        ),
        class_="failure",
    )


def _section(place: str) -> Html:
    """A link to the section; a path leads below the one that the application is mounted at."""
    return tag("a", place, href=place.removeprefix("/"), rel="noreferrer")


def _withheld(document: Document, words: Words) -> Html:
    code = document["error"] and tag("p", tag("code", document["error"]["code"]), class_="codes")
    return tag("section", code, tag("p", words["withheld"].format(path=DATABASE_PATH), class_="quiet"))


def _runbook(steps: Iterable[Document], words: Words) -> Html:
    items = (_step(step, words) for step in steps)
    return tag("section", tag("h2", words["runbook"]), tag("ol", *items, class_="steps"), class_="runbook")


def _step(step: Document, words: Words) -> Html:
    name, state = step["step"], step["state"]
    duration = f"{step['duration_ms']:.1f} ms" if "duration_ms" in step else None
    return tag(
        "li",
        icon(state),
        tag("div", tag("code", name), " ", tag("span", words[f"step_{name}"], class_="quiet"), class_="what"),
        tag("div", tag("span", duration) if duration else None, " ", tag("strong", words[_state(step)])),
        # A failure stands in full above; what a warning says stands nowhere else.
        _warning(step, words) if state == "warn" else None,
        tag("p", _reason(step, words), class_="quiet") if "reason" in step else None,
        *(tag("p", note) for note in step.get("notes", ())),
        class_=state,
    )


def _vectors(vectors: Document, words: Words) -> Html:
    """The columns, indexes and findings of the last look; names and statements only where the document has them."""
    moment = _moment(datetime.fromisoformat(vectors["observed_at"]))
    counts = {name: vectors[name] for name in ("columns", "indexes", "building")}
    columns = [_column(column, words) for column in vectors["largest"]]
    findings = [_finding(finding, words) for finding in vectors["findings"]]
    is_withheld = any(finding["remedy"] is None for finding in vectors["findings"])
    return tag(
        "section",
        tag("h2", words["vectors"]),
        tag("p", words["vectors_counted"].format(moment=moment, **counts), class_="quiet"),
        tag("ol", *columns, class_="steps") if columns else None,
        tag("h3", words["vectors_wrong"]) if findings else None,
        tag("ol", *findings, class_="steps") if findings else None,
        tag("p", words["vectors_more"].format(more=vectors["more"])) if vectors["more"] else None,
        tag("p", words["vectors_check"], class_="quiet") if is_withheld else None,
        class_="vectors",
    )


def _column(column: Document, words: Words) -> Html:
    kind = f"{column['type']}({column['dimensions']})" if column["dimensions"] else column["type"]
    name = f"{column['table']}.{column['column']}" if column["table"] else None
    rows = None if column["rows"] is None else words["vectors_rows"].format(rows=f"{column['rows']:,}")
    states = {index["state"] for index in column["indexes"]}
    state = "skipped" if not states or "building" in states else "warn" if "invalid" in states else "pass"
    return tag(
        "li",
        icon(state),
        tag("div", tag("code", kind), " ", tag("span", name, class_="quiet") if name else None, class_="what"),
        tag("div", tag("span", rows) if rows else None),
        *(tag("p", _index(index, words), class_="quiet") for index in column["indexes"]),
        tag("p", words["vectors_no_index"], class_="quiet") if not column["indexes"] else None,
        class_=state,
    )


def _index(index: Document, words: Words) -> str:
    state = words[f"index_{index['state']}"]
    if index["progress"] is not None:
        state = f"{state} {index['progress']:.0%}"
    parts = (index["index"], index["method"], index["operator_class"], state, _size(index["size_bytes"]))
    return " · ".join(part for part in parts if part)


def _size(size_bytes: int) -> str:
    """The size in the units of PostgreSQL's pg_size_pretty, of 1,024 each."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < _NEXT_UNIT:
            return f"{size:.0f} {unit}"
        size /= 1_024
    return f"{size:.0f} TB"


_NEXT_UNIT = 10_240


def _finding(finding: Document, words: Words) -> Html:
    return tag(
        "li",
        icon("skipped" if finding["accepted"] else "warn"),
        tag("div", _code(finding["code"]), class_="what"),
        tag("div", tag("strong", words["state_accepted" if finding["accepted"] else "state_warn"])),
        tag("p", finding["message"], " ", draw_remedy(finding["remedy"], words) if finding["remedy"] else None),
        class_="skipped" if finding["accepted"] else "warn",
    )


def _reason(step: Document, words: Words) -> str:
    return why_skipped(Step(step["step"]), Reason(step["reason"]), Language(words["lang"]))


def _state(step: Document) -> str:
    return "state_accepted" if step.get("accepted") else f"state_{step['state']}"


def _warning(step: Document, words: Words) -> Html:
    return tag("p", _code(step["code"]), f" {step['message']} ", draw_remedy(step["remedy"], words))


def _code(code: str) -> Html:
    """A code, which leads to its section of the page beside this one."""
    return tag("a", tag("code", code), href=f"{FAILURES.removeprefix('/')}#{code}")


def _database(document: Document, words: Words) -> Html:
    target, server, migrations = document["target"], document["server"], document["migrations"]
    # Where the server was asked, nothing found is an answer too.
    nothing = words["none"] if server["version"] else None
    return _facts(
        words["database"],
        (
            (words["host"], target["host"]),
            (words["port"], str(target["port"]) if target["port"] else None),
            (words["name"], target["database"]),
            (words["user"], target["user"]),
            (words["provider"], target["provider"]),
            (words["tls"], target["tls"] or nothing),
            (words["fingerprint"], target["fingerprint"]),
            (words["server"], words[server["role"]].format(**server) if server["role"] else None),
            (words["pgvector"], _pgvector(document["pgvector"], words)),
            (words["migrations"], words["migrations_at"].format(**migrations) if migrations["current"] else nothing),
        ),
        words,
    )


def _process(document: Document, identity: Identity, words: Words) -> Html:
    return _facts(
        words["process"],
        (
            (words["version"], document["version"]),
            (words["commit"], document["commit"]),
            (words["environment"], identity.environment),
            (words["instance"], identity.instance),
            (words["started"], _moment(identity.started_at)),
            (words["observed"], _moment(datetime.fromisoformat(document["observed_at"]))),
        ),
        words,
    )


def _facts(heading: str, rows: Iterable[tuple[str, str | None]], words: Words) -> Html:
    drawn = (tag("div", tag("dt", name), _value(value, words)) for name, value in rows)
    return tag("section", tag("h2", heading), tag("dl", *drawn))


def _value(value: str | None, words: Words) -> Html:
    return tag("dd", value) if value else tag("dd", words["unknown"], class_="quiet")


def _pgvector(pgvector: Document, words: Words) -> str | None:
    state, available, installed = (pgvector[key] for key in ("state", "available_version", "installed_version"))
    if state == "unknown":
        return None
    differs = installed and available and installed != available
    told = words["pgvector_differs" if differs else f"pgvector_{state}"]
    return told.format(version=installed, available=available, schema=pgvector["schema"])


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
