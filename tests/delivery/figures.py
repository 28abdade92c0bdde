"""How much the metrics of this process grow; other tests count in the same registry."""

from __future__ import annotations

from delivery import counters
from delivery.counters import REGISTRY


class Figures:
    """What has been counted since this was made."""

    def __init__(self) -> None:
        counters.flush()
        self._before = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
        }

    def grown(self, name: str, **labels: str) -> float:
        counters.flush()
        now = REGISTRY.get_sample_value(name, labels) or 0.0
        return now - self._before.get((name, *sorted(labels.items())), 0.0)
