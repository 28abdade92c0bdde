"""Which drafts' finals are known to be written down as work, so that the ledger is not asked with every request."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from delivery.signals import final_wanted
from delivery.variants import VariantRequest

log = structlog.get_logger("delivery.drafts")

ASK_AGAIN_SECONDS: Final = 60.0
"""A draft that is still asked for may have lost its final: the ledger is looked at again."""
MAX_KNOWN: Final = 10_000


class Refinements:
    """A bounded memory of what was written down. Nothing hangs on it but the number of questions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def want(self, request: VariantRequest) -> None:
        """This will have the final of a draft written down as work, unless that was just done."""
        name = request.key.name
        with self._lock:
            if self._clock() < self._known.get(name, 0.0):
                return
            self._known[name] = self._clock() + ASK_AGAIN_SECONDS
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        answers = [answer for _, answer in final_wanted.send_robust(sender=VariantRequest, request=request)]
        if True not in answers:
            self.forget(request)  # whoever asks next tries again
            failed = [repr(answer)[:200] for answer in answers if isinstance(answer, Exception)]
            log.warning("final not written down", key=name, error=failed)

    def forget(self, request: VariantRequest) -> None:
        """This will have the next `want` ask: a new draft's final is new work."""
        with self._lock:
            self._known.pop(request.key.name, None)

    def clear(self) -> None:
        with self._lock:
            self._known.clear()


REFINEMENTS: Final = Refinements()
