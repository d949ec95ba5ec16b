"""An object of the user's own code, by its name; what goes wrong there is told as theirs."""

import os
import sys
import traceback
from contextlib import redirect_stdout
from importlib import import_module
from types import TracebackType
from typing import Any

from sqlalchemy import MetaData

from pgvector_ready.observation.models import models_of
from pgvector_ready.settings import ConfigurationError


class NotLoadedError(Exception):
    """The application cannot be loaded; the text is the one sentence, after the traceback of the code that it is in."""


def load_object(name: str, kind: str, example: str) -> Any:
    """Return what MODULE:NAME is, importing the module with the working directory at the end of the path.

    `kind` and `example` are for the sentence about a wrong name. Raises NotLoadedError, or ConfigurationError where
    the code itself does.
    """
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        message = f"{name} names no {kind.partition(' ')[2]}: write MODULE:{_placeholder(kind)}, such as {example}."
        raise NotLoadedError(message)
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109 - as the path has it
        sys.path.append(os.getcwd())  # noqa: PTH109 - last: nothing that is installed is hidden by it
    found: Any = _imported(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            message = f"The module {module_name} has no {path}."
            raise NotLoadedError(message)
        found = getattr(found, part)
    return found


def load_models(name: str) -> MetaData:
    """Return the MetaData of MODULE:BASE. Raises NotLoadedError."""
    with redirect_stdout(sys.stderr):
        found = load_object(name, "a base", "app.models:Base")
    metadata = getattr(found, "metadata", found)
    if not isinstance(metadata, MetaData):
        message = f"{name} is neither a declarative base nor a MetaData of SQLAlchemy."
        raise NotLoadedError(message)
    if models_of(metadata) is None:
        message = f"{name} has no column of a type of pgvector.sqlalchemy: there is nothing to compare."
        raise NotLoadedError(message)
    return metadata


def _placeholder(kind: str) -> str:
    return "APP" if "application" in kind else "BASE"


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            message = f"There is no module {name}, neither installed nor in the working directory."
            raise NotLoadedError(message) from None
        show(error)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever their code raises
        show(error)
    message = f"The module {name} cannot be imported: its traceback is above."
    raise NotLoadedError(message)


def show(error: BaseException) -> None:
    """Print the traceback as far as it is the user's own: the frames of the import say nothing to its author."""
    frames: TracebackType | None = error.__traceback__
    while frames and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    print(*traceback.format_exception(error.with_traceback(frames)), sep="", end="", file=sys.stderr)  # noqa: T201 - as above


def _is_ours(file: str) -> bool:
    return _OURS in file or file.startswith("<frozen importlib") or file.endswith("importlib/__init__.py")


_OURS = os.path.dirname(__file__)  # noqa: PTH120 - as a traceback has it
