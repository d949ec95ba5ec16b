"""What is done to the database, one event after another, and the truth about it written down as it happens."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.soak.cluster import Cluster
from bench.soak.observations import Observation
from bench.soak.truth import Phase, Timeline
from pgvector_ready.judgement.failures import Code
from tests.support.postgres import wait_until

_LIMIT_SECONDS = 60.0  # on top of what the service may take; only catches a hang

# A server that is going or coming may be met in any of these (docs/failures.md). With its standby answering, the
# service says that no host takes writes, whatever became of the one that did.
_GONE = frozenset({Code.CONNECTION_LOST, Code.CONNECTION_CLOSED, Code.SERVER_SHUTDOWN})
_MOVING = _GONE | {
    Code.CONNECTION_REFUSED,
    Code.CANNOT_CONNECT_NOW,
    Code.NO_MATCHING_HOST,
    Code.CONNECT_TIMEOUT,
    Code.QUERY_TIMEOUT,
}
_HALF_DROPPED = frozenset({Code.PGVECTOR_NOT_ENABLED, Code.PGVECTOR_NOT_ON_SEARCH_PATH})


def _nothing(_: Cluster) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """One way to break the database and to mend it again, and what the service may say meanwhile."""

    name: str
    shatter: Callable[[Cluster], None]
    mend: Callable[[Cluster], None] = _nothing
    # While it is down; none: it never is.
    codes: frozenset[Code] = frozenset()
    # While it goes down or comes back.
    changing: frozenset[Code] = _MOVING
    unnoticed_seconds: float = 0.0
    afterwards: Callable[[Cluster], None] = _nothing


KILL = Event(
    "killed", Cluster.kill, Cluster.start, frozenset({Code.NO_MATCHING_HOST}), afterwards=Cluster.wait_until_copied
)
FREEZE = Event("frozen", Cluster.freeze, Cluster.thaw, frozenset({Code.QUERY_TIMEOUT, Code.NO_MATCHING_HOST}))
RESTART = Event(
    "restarted",
    lambda cluster: cluster.primary.stop(),
    Cluster.start,
    frozenset({Code.NO_MATCHING_HOST}),
    afterwards=Cluster.wait_until_copied,
)
FAIL_OVER = Event(
    "failed over",
    Cluster.kill,
    Cluster.fail_over,
    frozenset({Code.NO_MATCHING_HOST}),
    afterwards=Cluster.rebuild_standby,
)
TERMINATE = Event("sessions terminated", Cluster.terminate_sessions, changing=_GONE)
DROP = Event(
    "pgvector dropped",
    Cluster.drop_vector,
    Cluster.create_vector,
    frozenset({Code.PGVECTOR_NOT_ENABLED}),
    changing=_HALF_DROPPED,
)


def _change_password(cluster: Cluster) -> None:
    cluster.set_password("another")


def _change_password_for_all(cluster: Cluster) -> None:
    cluster.set_password("another")
    cluster.terminate_sessions()


NEW_PASSWORD = Event(
    "password changed, sessions terminated",
    _change_password_for_all,
    Cluster.set_password,
    frozenset({Code.INVALID_PASSWORD}),
    changing=_GONE | {Code.INVALID_PASSWORD},
)
HELD_PASSWORD = Event(
    "password changed",
    _change_password,
    Cluster.set_password,
    frozenset({Code.INVALID_PASSWORD}),
    changing=frozenset({Code.INVALID_PASSWORD}),
    unnoticed_seconds=60.0,  # the longest that a connection is held
)
KILL_BOTH = Event(
    "both killed",
    lambda cluster: cluster.kill(*cluster.servers),
    lambda cluster: cluster.start(*cluster.servers),
    frozenset({Code.CONNECTION_REFUSED}),
    afterwards=Cluster.wait_until_copied,
)
FREEZE_BOTH = Event(
    "both frozen",
    lambda cluster: cluster.freeze(*cluster.servers),
    lambda cluster: cluster.thaw(*cluster.servers),
    frozenset({Code.QUERY_TIMEOUT, Code.CONNECT_TIMEOUT}),
)
EVENTS = (KILL, FREEZE, RESTART, FAIL_OVER, TERMINATE, DROP, NEW_PASSWORD, KILL_BOTH, FREEZE_BOTH, HELD_PASSWORD)


class Scenario:
    """Plays events on a cluster; `reported` is what the service last said. Conditions decide when one has taken effect.

    It begins with a usable database, before the service does.
    """

    def __init__(self, cluster: Cluster, reported: Callable[[], Observation | None], *, told: int = 3) -> None:
        """An outage is mended when it has been `told` so often: the first time may still be that of its beginning."""
        self._cluster = cluster
        self._reported = reported
        self._told = told
        self.timeline = Timeline(cluster.fingerprint)
        cluster.wait_until_usable()
        self._write("", is_usable=True)

    def play(self, event: Event) -> None:
        """From a usable database to a usable database, and the service having told of both."""
        self._write(event.name, is_usable=None, codes=event.changing | event.codes)
        event.shatter(self._cluster)
        if event.codes:
            self._write(event.name, is_usable=False, codes=event.codes, unnoticed_seconds=event.unnoticed_seconds)
            self._wait_until_told(event.unnoticed_seconds)
            self._write(event.name, is_usable=None, codes=event.changing | event.codes)
        event.mend(self._cluster)
        self._cluster.wait_until_usable()
        self._write("", is_usable=True)
        self._wait_until_healthy()
        event.afterwards(self._cluster)

    def _write(
        self,
        event: str,
        *,
        is_usable: bool | None,
        codes: frozenset[Code] = frozenset(),
        unnoticed_seconds: float = 0.0,
    ) -> None:
        ports = self._cluster.ports if is_usable is None else frozenset({self._cluster.primary.port})
        self.timeline.phases.append(Phase(time.time(), event, is_usable, ports, codes, unnoticed_seconds))

    def _wait_until_told(self, unnoticed_seconds: float) -> None:
        since = self.timeline.phases[-1].begins_at

        def is_told() -> bool:
            last = self._reported()
            return last is not None and last.consecutive_failures >= self._told and last.begins_at > since

        wait_until(is_told, unnoticed_seconds + _LIMIT_SECONDS)

    def _wait_until_healthy(self) -> None:
        since = self.timeline.phases[-1].begins_at

        def is_healthy() -> bool:
            last = self._reported()
            return last is not None and last.is_healthy and last.begins_at > since

        wait_until(is_healthy, _LIMIT_SECONDS)
