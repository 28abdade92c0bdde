"""What a render child is made to do in tests."""

from __future__ import annotations

import os
import signal


def die() -> None:
    os.abort()


def hang() -> None:
    signal.pause()
