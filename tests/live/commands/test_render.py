"""Render's API through its client: patience, odd answers, and sentences without secrets."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from email.utils import formatdate
from functools import cache
from itertools import repeat
from resource import RUSAGE_SELF, getrusage
from typing import Any

import httpx
import pytest

from pgvector_ready.commands.switch.render import (
    Access,
    AccessError,
    RefusedError,
    Render,
    RenderError,
    UncertainError,
    _wait_asked_for,
)
from pgvector_ready.commands.switch.resources import Deploy, Phase
from pgvector_ready.redaction import Redactor
from tests.support.postgres import free_port
from tests.support.render_api import KEY, LOST, TOO_MANY, Odd, RenderApi

VALUE = "postgresql://app:secret@db.example.net/app"


@pytest.fixture
def api() -> Iterator[RenderApi]:
    with RenderApi() as api:
        yield api


@pytest.fixture
async def render(api: RenderApi) -> AsyncIterator[Render]:
    async with aclosing(Render(Access(KEY, api.url), Redactor({VALUE, KEY}), backoff_seconds=0.01)) as render:
        yield render


async def test_services_are_found_by_their_exact_name_over_all_pages(api: RenderApi, render: Render) -> None:
    for number in range(120):
        api.add(f"staging-{number}", is_running=False, type="private_service")
    wanted = api.add("staging", is_running=False)

    found = await render.services("staging")

    assert [service.id.raw for service in found] == [wanted.id]


async def test_a_variable_is_set_read_and_deleted_more_than_once(api: RenderApi, render: Render) -> None:
    service = api.add(is_running=False)

    await render.set_variable(service.id, "X", VALUE)
    first = await render.variable(service.id, "X")
    await render.set_variable(service.id, "X", None)
    await render.set_variable(service.id, "X", None)

    assert (first, await render.variable(service.id, "X")) == (VALUE, None)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(Odd(500, {"id": "x", "message": "oops"}), id="500"),
        pytest.param(Odd(502, "<html>"), id="html-502"),
        pytest.param(LOST, id="connection-cut"),
        pytest.param(Odd(429, TOO_MANY), id="429-without-a-hint"),
    ],
)
async def test_what_may_pass_is_asked_again(api: RenderApi, render: Render, odd: Odd) -> None:
    service = api.add(is_running=False)
    api.be_odd("PUT", "env-vars/X", odd, odd)

    await render.set_variable(service.id, "X", VALUE)

    assert service.variables == {"X": VALUE}
    assert len(api.changes()) == 3


async def test_the_wait_that_is_asked_for_is_kept(api: RenderApi, render: Render) -> None:
    service = api.add(is_running=False)
    api.be_odd("GET", "deploys", Odd(429, TOO_MANY, {"Retry-After": "1"}))
    started_at = time.monotonic()

    await render.deploys(service.id)

    assert time.monotonic() - started_at >= 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"Retry-After": "7", "Ratelimit-Reset": "9"}, 7, id="retry-after"),
        pytest.param({"Retry-After": "{an hour from now, as a date}"}, 3600, id="retry-after-as-a-date"),
        pytest.param({"Retry-After": formatdate(0)}, 0, id="retry-after-in-the-past"),
        pytest.param({"Retry-After": "soon", "Ratelimit-Reset": "9"}, 9, id="ratelimit-reset"),
        pytest.param(
            {"Ratelimit-Reset": "{an hour from now, as an instant}"}, 3600, id="ratelimit-reset-as-an-instant"
        ),
        pytest.param({"Ratelimit-Reset": "-1"}, None, id="nonsense"),
    ],
)
def test_a_wait_is_read_in_every_form_it_is_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    in_an_hour = time.time() + 3600
    forms = {
        "{an hour from now, as a date}": formatdate(in_an_hour, usegmt=True),
        "{an hour from now, as an instant}": str(int(in_an_hour)),
    }

    wait = _wait_asked_for(httpx.Headers({name: forms.get(value, value) for name, value in headers.items()}))

    assert wait == pytest.approx(seconds, abs=120)
    assert (wait is None) == (seconds is None)


@pytest.mark.parametrize(
    ("odd", "error", "said"),
    [
        pytest.param(
            Odd(401, {"id": "x", "message": "no"}), AccessError, "does not know this RENDER_API_KEY", id="401"
        ),
        pytest.param(Odd(403, {"id": "x", "message": "no"}), AccessError, "may not list the deploys: no:", id="403"),
        pytest.param(Odd(404, {"id": "x", "message": "gone"}), RefusedError, "found nothing there: gone.", id="404"),
        pytest.param(Odd(409, {"id": "x", "message": f"bad {VALUE}!"}), RefusedError, ": bad ***!.", id="409-redacted"),
        pytest.param(
            Odd(400, {"message": "a\n\x1b[31mb"}), RefusedError, "(HTTP 400): a\\n\\x1b[31mb.", id="400-one-line"
        ),
        pytest.param(
            Odd(409, {"message": "postgresql://other:s3cr@t@h/d"}), RefusedError, ": postgresql://***@h/d.", id="unread"
        ),
        pytest.param(Odd(402, [1]), RefusedError, "refused to list the deploys (HTTP 402).", id="unknown-body"),
        pytest.param(Odd(302, "", {"Location": "https://x.example"}), RefusedError, "(HTTP 302)", id="redirect"),
        pytest.param(Odd(302, "", {"Location": "file:///etc/passwd"}), RefusedError, "(HTTP 302)", id="to-a-file"),
        pytest.param(Odd(307, "", {"Location": "//["}), RefusedError, "(HTTP 307)", id="to-nowhere"),
        pytest.param(Odd(200, "<html>"), RenderError, "an answer of an unknown form", id="html"),
        pytest.param(Odd(200, {"value": VALUE}), RenderError, "an answer of an unknown form", id="another-document"),
        pytest.param(Odd(429, TOO_MANY, {"Retry-After": "600"}), RenderError, "left alone for 600 s", id="long-wait"),
    ],
)
async def test_each_refusal_is_one_sentence(
    api: RenderApi, render: Render, odd: Odd, error: type[RenderError], said: str
) -> None:
    service = api.add(is_running=False)
    api.be_odd("GET", "deploys", odd)

    with pytest.raises(RenderError) as raised:
        await render.deploys(service.id)

    assert isinstance(raised.value, error)
    assert said in str(raised.value)
    assert not [secret for secret in ("\n", "secret", KEY) if secret in str(raised.value)]


# An API that is hostile


DEEP = "[" * 200_000
ESCAPES = f"\x1b]0;{VALUE}\x07\r\n\u202elive\u2066 {KEY}" + "x" * 9_999


def _endless() -> Iterator[bytes]:
    return repeat(b" " * 65_536)


@cache
def _bomb() -> bytes:
    """A quarter of a gigabyte in a quarter of a megabyte."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(256)), packer.flush()])


@pytest.mark.parametrize("status", [200, 401, 403, 400])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(DEEP, {}, id="nested-deeply"),
        pytest.param('{"message":' * 50_000, {}, id="objects-nested-deeply"),
        pytest.param(_endless, {}, id="without-end"),
        pytest.param(_bomb, {"Content-Encoding": "gzip"}, id="compressed-zeros"),
        pytest.param(b"\xff\xfe\x00", {"Content-Encoding": "zstd"}, id="compressed-nonsense"),
        pytest.param(b'{"message": "\xed\xa0\x80"}', {}, id="half-a-character"),
        pytest.param('{"message": "\\ud800"}', {}, id="half-a-character-escaped"),
        pytest.param('{"message": 1e999999, "error": ' + "9" * 5_000 + "}", {}, id="numbers-without-end"),
        pytest.param({"message": ESCAPES}, {}, id="terminal-sequences"),
    ],
)
async def test_a_hostile_answer_is_one_short_sentence(
    api: RenderApi, render: Render, status: int, body: Any, headers: dict[str, str]
) -> None:
    service = api.add(is_running=False)
    api.be_odd("GET", "deploys", Odd(status, _bomb() if body is _bomb else body, headers))
    before = _memory()

    with pytest.raises(RenderError) as raised:
        await render.deploys(service.id)

    said = str(raised.value)
    assert said.isprintable()
    assert len(said) < 700
    assert not [secret for secret in ("secret", KEY) if secret in said]
    assert _memory() - before < 100_000_000


def _memory() -> int:
    """The highest that this process ever had, in bytes."""
    return getrusage(RUSAGE_SELF).ru_maxrss * 1024


async def test_a_list_of_services_without_end_is_given_up(api: RenderApi, render: Render) -> None:
    api.without_end("staging")

    with pytest.raises(RenderError, match="comes to no end: give the service's id"):
        await render.services("staging")

    assert len(api.requests) == 50


@pytest.mark.parametrize(
    "wait",
    [
        "-1",
        "-99999999999",
        "9" * 5_000,
        "1e9",
        "nan",
        "soon",
        "\u0661",
        "Fri, 31 Dec 9999 23:59:59 -0001",
        "0x10",
        "",
        ".",
    ],
)
async def test_an_odd_wait_is_no_traceback_and_no_long_sleep(api: RenderApi, render: Render, wait: str) -> None:
    service = api.add(is_running=False)
    headers = {"Retry-After": wait.encode().decode("latin-1")}
    api.be_odd("GET", "deploys", Odd(429, TOO_MANY, headers))

    async with asyncio.timeout(5):
        try:
            found: object = await render.deploys(service.id)
        except RenderError as error:
            found = str(error)

    assert found == [] or "wants to be left alone for more than a day" in str(found)


@pytest.mark.parametrize("identifier", ["../../v1/owners", "srv-1?limit=1", "srv 1", "\x1b[2J", "", "x" * 65, 7, None])
async def test_an_identifier_that_leads_elsewhere_is_not_taken(
    api: RenderApi, render: Render, identifier: object
) -> None:
    document = {"id": identifier, "name": "staging", "type": "web_service"}
    api.be_odd("GET", "services", Odd(200, [{"service": document}]))

    with pytest.raises(RenderError, match="an answer of an unknown form"):
        await render.services("staging")


async def test_what_render_calls_its_things_is_shown_without_secrets_and_on_one_line(
    api: RenderApi, render: Render
) -> None:
    service = api.add(is_running=False)
    api.be_odd("GET", "deploys", Odd(200, [{"deploy": {"id": KEY, "status": ESCAPES}}]))

    (deploy,) = await render.deploys(service.id)

    said = f"Deploy {deploy.id} is {deploy.status}"
    assert said.startswith("Deploy *** is \\x1b]0;***\\x07\\r\\n\\u202elive")
    assert said.isprintable()
    assert len(said) < 600
    assert (KEY in said, KEY in repr(deploy)) == (False, False)


async def test_an_api_that_keeps_failing_is_given_up(api: RenderApi, render: Render) -> None:
    service = api.add(is_running=False)
    api.be_odd("GET", "deploys", *[Odd(503, "")] * 9)

    with pytest.raises(RenderError, match="keeps answering HTTP 503"):
        await render.deploys(service.id)

    assert len(api.requests) == 5


async def test_an_api_that_is_not_there_is_given_up() -> None:
    nowhere = Access(KEY, f"http://127.0.0.1:{free_port()}/v1")

    async with aclosing(Render(nowhere, str, backoff_seconds=0.001)) as render:
        with pytest.raises(RenderError, match="cannot be reached"):
            await render.services("staging")


async def test_a_deploy_is_asked_for_once_where_the_answer_is_lost(api: RenderApi, render: Render) -> None:
    service = api.add(is_running=False)
    api.be_odd("POST", "deploys", LOST)

    with pytest.raises(UncertainError):
        await render.start_deploy(service.id)

    assert len(service.deploys) == 1


@pytest.mark.parametrize(
    ("status", "is_over", "phase"),
    [
        pytest.param("created", False, Phase.RUNNING, id="created"),
        pytest.param("pre_deploy_in_progress", False, Phase.RUNNING, id="in-progress"),
        pytest.param("live", True, Phase.SUCCEEDED, id="live"),
        pytest.param("deactivated", True, Phase.SUCCEEDED, id="deactivated"),
        pytest.param("canceled", True, Phase.CANCELED, id="canceled"),
        pytest.param("update_failed", True, Phase.FAILED, id="failed"),
        pytest.param("image_pull_failed", False, Phase.FAILED, id="failed-in-a-new-way"),
        pytest.param("warming_up", False, Phase.RUNNING, id="unknown"),
        pytest.param("retired", True, Phase.ENDED, id="unknown-end"),
        pytest.param(None, False, Phase.RUNNING, id="none"),
    ],
)
def test_statuses_are_an_open_set(status: str | None, is_over: bool, phase: Phase) -> None:  # noqa: FBT001
    document = {"id": "dep-1", "status": status, **({"finishedAt": "2026-11-23T05:00:00Z"} if is_over else {})}

    assert Deploy.model_validate(document, context=str).phase is phase


@pytest.mark.parametrize(
    ("key", "url"),
    [
        pytest.param("rnd example", "https://api.example.net", id="blank-in-the-key"),
        pytest.param("rnd_schlüssel", "https://api.example.net", id="letter-in-the-key"),
        pytest.param(KEY, "http://api.example.net", id="in-clear"),
        pytest.param(KEY, "https://[", id="no-address"),
        pytest.param(KEY, "api.example.net", id="no-scheme"),
    ],
)
def test_access_that_would_give_the_key_away_is_refused(key: str, url: str) -> None:
    with pytest.raises(AccessError) as raised:
        Access(key, url)

    assert key not in str(raised.value)


def test_the_key_does_not_show() -> None:
    assert KEY not in repr(Access(KEY))
