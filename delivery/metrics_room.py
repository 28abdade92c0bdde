"""Files of metrics without holes.

They are memory-mapped: where a hole is written to for the first time on a full disk, the kernel ends the process
(SIGBUS). `prometheus_client` makes and enlarges them with holes; here they are filled first. A series that finds no
room is kept in memory, and written with its next event after there is some.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from prometheus_client import mmap_dict, values

LARGEST_HEAD_BYTES = 64
"""What a series takes besides its name, rounded up."""


class FilledDict(mmap_dict.MmapedDict):
    def __init__(self, filename: str, read_mode: bool = False) -> None:
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        if not read_mode:
            with suppress(OSError):
                self._fill(self._capacity)

    def read_value(self, key: str) -> Any:
        try:
            return super().read_value(key)  # type: ignore[no-untyped-call]
        except OSError:
            return 0.0, 0.0

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        with suppress(OSError):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + LARGEST_HEAD_BYTES
        if needed > self._capacity:
            self._fill(self._capacity * 2)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _fill(self, byte_size: int) -> None:
        file: Any = self._f
        os.posix_fallocate(file.fileno(), 0, byte_size)


def reserve() -> None:
    """This will have every file of metrics that is made from now on filled."""
    values.MmapedDict = FilledDict  # type: ignore[attr-defined]
