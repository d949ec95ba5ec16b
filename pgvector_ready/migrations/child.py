"""Run an Alembic history: the child of `pgvector-ready migrate`, started as a file, which imports nothing of ours.

Its orders come over a socket, and over that it reports; whatever env.py and the revisions print is their own. When the
socket ends, the parent has ended, and so does this process.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_GRACE_SECONDS = 5.0
_MOST_LINES = 6

# Only in the database in which the parent holds this lock, whatever name or pooler leads there.
_IS_HERE = """\
SELECT pg_catalog.count(*)
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) l.database
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  AND l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted
  AND l.classid OPERATOR(pg_catalog.=) {high} AND l.objid OPERATOR(pg_catalog.=) {low}
  AND l.objsubid OPERATOR(pg_catalog.=) 1"""


class _ElsewhereError(Exception):
    """env.py connected to another database than the parent."""


def main() -> None:
    """Carry out the orders; exit code 0 when everything was applied."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    received = channel.makefile("rb")
    orders = json.loads(received.readline())
    threading.Thread(target=_end_with_parent, args=(received,), daemon=True).start()
    sys.argv = ["alembic", "upgrade", "heads"]

    def report(event: str, **values: Any) -> None:
        channel.sendall(json.dumps({"event": event, **values}).encode() + b"\n")

    try:
        _upgrade(orders, report)
    except BaseException as error:  # noqa: BLE001 - env.py may end in any way, and each is reported
        if not isinstance(error, KeyboardInterrupt):
            report("failed", **_described(error, [Path(folder) for folder in orders["folders"]]))
        raise SystemExit(1) from None


def _end_with_parent(received: Any) -> None:
    received.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def _upgrade(orders: dict[str, Any], report: Any) -> None:
    from alembic.config import Config  # noqa: PLC0415 - what it raises is reported
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    sys.path.append(orders["path"])
    config = Config(orders["ini"], **({"toml_file": orders["toml"]} if orders["toml"] else {}))
    if not orders["ini"] and not orders["toml"]:
        # Alembic reads it as a template, in which a percent sign begins a name.
        config.set_main_option("script_location", orders["script_location"].replace("%", "%%"))
    config.attributes["is_locked"] = True
    script = ScriptDirectory.from_config(config)

    def steps(heads: Any, _: Any) -> Any:
        return script._upgrade_revs("heads", heads)  # noqa: SLF001 - what `alembic upgrade heads` calls

    environment = EnvironmentContext(config, script, fn=steps, as_sql=False, destination_rev="heads")
    run_migrations = environment.run_migrations

    def run_here(**arguments: Any) -> None:
        """Look where env.py has connected to, before anything is written there: its `context.run_migrations`."""
        connection = _connection(environment.get_context(), orders["lock"])
        report("connected", **connection)
        if not connection["is_here"]:
            raise _ElsewhereError
        run_migrations(**arguments)

    environment.run_migrations = run_here  # type: ignore[method-assign]
    with environment:
        script.run_env()


def _connection(context: Any, lock: int) -> dict[str, Any]:
    """Return what env.py has connected to, and where Alembic will look for the revision there."""
    url = context.connection.engine.url if context.connection is not None else None
    is_here = _is_here(context, lock)
    return {
        "is_here": is_here,
        "host": str(url.host or url.query.get("host", "")) if url else "",
        "database": str(url.database or "") if url else "",
        "heads": list(context.get_current_heads()) if is_here else [],
        "version_table": context.version_table,
        "version_table_schema": context.version_table_schema,
    }


def _is_here(context: Any, lock: int) -> bool:
    if context.connection is None or context.dialect.name != "postgresql":
        return False
    statement = _IS_HERE.format(high=lock >> 32, low=lock & 0xFFFFFFFF)
    return bool(context.connection.exec_driver_sql(statement).scalar())


def _described(error: BaseException, folders: list[Path]) -> dict[str, Any]:
    """Return what there is to say of an error: its own words, the database's code, and the line of the history."""
    chain = list(_causes(error))
    codes = [(one, getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)) for one in reversed(chain)]
    origin, sqlstate = next(((one, code) for one, code in codes if isinstance(code, str)), (error, None))
    statement = next((one for one in (getattr(link, "statement", None) for link in chain) if isinstance(one, str)), "")
    file, line = next((place for one in chain for place in _places(one, folders)), ("", 0))
    words = str(origin).strip().splitlines()[:_MOST_LINES]
    return {
        "kind": f"{type(origin).__module__}.{type(origin).__qualname__}".removeprefix("builtins."),
        "words": words,
        "sqlstate": sqlstate,
        "statement": statement[:1000],
        "missing": next((one.name for one in chain if isinstance(one, ModuleNotFoundError)), None),
        "file": file,
        "line": line,
    }


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        origin = getattr(error, "orig", None)  # SQLAlchemy's name for the driver's error
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or (origin if isinstance(origin, BaseException) else None) or context


def _places(error: BaseException, folders: list[Path]) -> Iterator[tuple[str, int]]:
    """Yield where in the history's own files it happened, the innermost first."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((Path(error.filename), error.lineno or 0))
    for file, line in reversed(frames):
        if any(file.is_relative_to(folder) for folder in folders):
            yield str(file), line


if __name__ == "__main__":
    main()
