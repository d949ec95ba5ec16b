"""A long way to a database, on one machine: every packet takes as long as light and routers would."""

import fcntl
import os
import select
import struct
import subprocess
import threading
import time
from collections import deque
from typing import Self

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_NAME = "distance"
HERE, THERE, NETWORK = "10.9.0.1", "10.9.0.2", "10.9.0.0/24"


class Tunnel:
    """Whatever is sent to `THERE` arrives at this same machine, late, and as if it came from `THERE`.

    Sender and receiver change places in each packet, which leaves all its checksums right. So a listener on `HERE` is
    reached at `THERE`, and TCP's own handshake takes its round trip too. `tc netem` would do the same, where the kernel
    has it; a tunnel is in every kernel. Needs root, and a network namespace of its own: `unshare --net`.
    """

    def __init__(self, round_trip_seconds: float) -> None:
        self._delay_seconds = round_trip_seconds / 2
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self._tunnel = os.open("/dev/net/tun", os.O_RDWR)

    def __enter__(self) -> Self:
        fcntl.ioctl(self._tunnel, _TUNSETIFF, struct.pack("16sH22x", _NAME.encode(), _IFF_TUN | _IFF_NO_PI))
        for command in (f"address add {HERE}/24 dev {_NAME}", f"link set {_NAME} up", "link set lo up"):
            subprocess.run(["ip", *command.split()], check=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        os.close(self._tunnel)

    def _carry(self) -> None:
        """Packets in the order they came, each after its time."""
        under_way: deque[tuple[float, bytes]] = deque()
        while not self._is_over.is_set():
            wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else 0.05
            if select.select([self._tunnel], [], [], wait)[0]:
                packet = os.read(self._tunnel, 65_536)
                if packet[0] >> 4 == 4:
                    under_way.append((time.monotonic() + self._delay_seconds, _turned(packet)))
            while under_way and under_way[0][0] <= time.monotonic():
                os.write(self._tunnel, under_way.popleft()[1])


def _turned(packet: bytes) -> bytes:
    """RFC 791: the sender's address is in bytes 12 to 15, the receiver's in the four after it."""
    return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
