"""The paths that this service answers, each named once."""

HEALTH_PATH = "/api/v1/health"
DATABASE_PATH = "/api/v1/health/db"
BADGE_PATH = f"{HEALTH_PATH}/badge.svg"
METRICS_PATH = "/metrics"
# The status page; an open one asks again by itself.
PAGE = "/"

# Asked by machines, again and again; the two health endpoints keep their own silence (`web.health`).
POLLED = frozenset({METRICS_PATH, BADGE_PATH})
