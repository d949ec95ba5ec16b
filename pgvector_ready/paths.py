"""The paths that are answered, each named once."""

from dataclasses import dataclass
from functools import cached_property

HEALTH_PATH = "/api/v1/health"
DATABASE_PATH = "/api/v1/health/db"
BADGE_PATH = f"{HEALTH_PATH}/badge.svg"
METRICS_PATH = "/metrics"
# The status page; an open one asks again by itself.
PAGE = "/"

# What each code means, and what to do.
FAILURES = "/failures"

# Asked by machines, again and again; the two health endpoints keep their own silence (`web.health`).
POLLED = frozenset({METRICS_PATH, BADGE_PATH})


@dataclass(frozen=True)
class Paths:
    """The paths of the endpoints: the one about the process is given, and the others lie below it."""

    health: str = HEALTH_PATH

    @cached_property
    def database(self) -> str:
        """The path of the endpoint about the database."""
        return f"{self.health}/db"

    @cached_property
    def badge(self) -> str:
        """The path of the badge."""
        return f"{self.health}/badge.svg"

    @cached_property
    def about_service(self) -> frozenset[str]:
        """The path of the endpoint about the process, with and without a slash at its end."""
        return frozenset({self.health, f"{self.health}/"})

    @cached_property
    def about_database(self) -> frozenset[str]:
        """The path of the endpoint about the database, in the same two ways."""
        return frozenset({self.database, f"{self.database}/"})

    @cached_property
    def polled(self) -> frozenset[str]:
        """The paths of both endpoints."""
        return self.about_service | self.about_database


def own_path(path: str, root_path: str) -> str:
    """Return the path below the one that an application is mounted at."""
    return path.removeprefix(root_path) if root_path else path
