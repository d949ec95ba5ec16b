"""Time that only goes forward, also while the machine sleeps."""

import time

# Python's own monotonic clock stands still on Linux while a laptop or a virtual machine is suspended; macOS has no
# CLOCK_BOOTTIME, and there it is the other way round.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)


def moment() -> float:
    """Return the seconds since some time in the past."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
