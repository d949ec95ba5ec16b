"""The recent past: the last observations, kept in memory and drawn as a row of bars and a line."""

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import NamedTuple

from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.report import State
from pgvector_ready.web.status.language import Words
from pgvector_ready.web.status.markup import Html, icon, tag, together

# Four minutes of a page left open, at one observation every two seconds; drawn, a bar is still 2 px wide on a phone.
KEPT = 120
_STATES = (State.PASS, State.WARN, State.FAIL)
_BAR_HEIGHTS = {State.PASS: 10, State.WARN: 17, State.FAIL: 24}


class Moment(NamedTuple):
    """The part of an observation that is kept."""

    observed_at: datetime
    state: State
    latency_ms: float


class History:
    """The last `KEPT` observations; readiness tells it of each."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque(maxlen=KEPT)

    def remember(self, observation: Observation) -> None:
        """Keep the little that is drawn."""
        facts = observation.report.facts
        self._moments.append(Moment(facts.observed_at, observation.report.state, facts.latency_ms))

    def draw(self, words: Words) -> Html:
        """A section; what the pictures show stands in words beside them."""
        heading = tag("h2", words["recent"])
        if not self._moments:
            return tag("section", heading, tag("p", words["nothing_yet"], class_="quiet"))
        moments = tuple(self._moments)
        latency = _latency(moments, words)
        return tag(
            "section",
            heading,
            tag(
                "figure",
                _line(moments, latency) if latency else None,
                _bars(moments, _counts(moments, words)),
                tag("figcaption", _legend(moments, words), tag("span", latency) if latency else None),
            ),
        )


def _window(moments: tuple[Moment, ...], words: Words) -> str:
    first, last = (f"{moment.observed_at:%H:%M:%S}" for moment in (moments[0], moments[-1]))
    template = words["window"] if len(moments) > 1 else words["one_observation"]
    return template.format(count=len(moments), first=first, last=last)


def _tally(moments: tuple[Moment, ...], words: Words) -> Iterable[tuple[State, str]]:
    count = Counter(moment.state for moment in moments)
    return ((state, words[f"count_{state}"].format(count=count[state])) for state in _STATES if count[state])


def _counts(moments: tuple[Moment, ...], words: Words) -> str:
    return ", ".join((_window(moments, words), *(told for _, told in _tally(moments, words))))


def _legend(moments: tuple[Moment, ...], words: Words) -> Html:
    told = (tag("span", icon(state), text, class_="count") for state, text in _tally(moments, words))
    return together(tag("span", _window(moments, words)), *told)


def _latency(moments: tuple[Moment, ...], words: Words) -> str | None:
    """The latencies without those of failures, which say how patient the service is, not how fast the database."""
    measured = [moment.latency_ms for moment in moments if moment.state is not State.FAIL]
    if not measured:
        return None
    return words["latency"].format(median=f"{median(measured):.1f}", highest=f"{max(measured):.1f}")


def _picture(*children: Html, told: str, height: int, name: str) -> Html:
    # Stretched to the page's width: the newest observation is always at the right edge.
    box = f"0 0 {KEPT} {height}"
    return tag("svg", *children, class_=name, viewBox=box, preserveAspectRatio="none", role="img", aria_label=told)


def _bars(moments: tuple[Moment, ...], told: str) -> Html:
    tallest = max(_BAR_HEIGHTS.values())
    bars = (
        tag(
            "rect",
            class_=moment.state,
            x=f"{at + 0.15:g}",
            y=str(tallest - _BAR_HEIGHTS[moment.state]),
            width="0.7",
            height=str(_BAR_HEIGHTS[moment.state]),
        )
        for at, moment in enumerate(moments, KEPT - len(moments))
    )
    # Where nothing has been observed yet, the places wait for it.
    missing = KEPT - len(moments)
    waiting = (tag("path", d=f"M.15 {tallest - 2}H{missing}"),) if missing else ()
    return _picture(*waiting, *bars, told=told, height=tallest, name="bars")


def _line(moments: tuple[Moment, ...], told: str) -> Html:
    """Interrupted where there was no answer to measure; a point alone is a dot, thanks to the round ends."""
    highest = max(moment.latency_ms for moment in moments if moment.state is not State.FAIL) or 1.0
    path, is_drawing = "", False
    for at, moment in enumerate(moments, KEPT - len(moments)):
        if moment.state is not State.FAIL:
            path += f"{'L' if is_drawing else 'M'}{at + 0.5:g} {38 - 34 * moment.latency_ms / highest:.1f}"
            path += "" if is_drawing else "h0"
        is_drawing = moment.state is not State.FAIL
    return _picture(tag("path", d=path), told=told, height=40, name="line")
