"""Renderings kept for a moment, so that a crowd asking for one page costs one page."""

from collections.abc import Callable, Hashable


class Rendered:
    """Bytes by the manner of asking, forgotten as soon as the moment is another one."""

    def __init__(self) -> None:
        self._moment: object = None
        self._kept: dict[Hashable, bytes] = {}

    def get(self, moment: object, manner: Hashable, render: Callable[[], bytes]) -> bytes:
        """Return what was rendered for this manner in this moment; render it where nobody has asked yet."""
        if moment != self._moment:
            self._moment, self._kept = moment, {}
        if manner not in self._kept:
            self._kept[manner] = render()
        return self._kept[manner]
