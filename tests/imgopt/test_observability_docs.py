"""`docs/observability.md` lists exactly the metrics there are, and its queries name none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from delivery.counters import PHASES, REGISTRY, ROUTES, TIERS
from delivery.quality_counters import STATES, TARGET_OUTCOMES
from jobs.counters import OUTCOMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "observability.md").read_text("utf-8")
ROW = re.compile(r"^\| `(imgopt_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
SERIES = ("_bucket", "_sum", "_count")


def metrics() -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for collector in {id(each): each for each in REGISTRY._names_to_collectors.values()}.values():
        [metric] = collector.describe() or collector.collect()  # type: ignore[attr-defined]
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        found[name] = (metric.type, tuple(collector._labelnames))  # type: ignore[attr-defined]
    return found


def test_every_metric_stands_in_the_table_with_its_type_and_labels() -> None:
    listed = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(PAGE)}
    assert listed == metrics()


def test_queries_and_alerts_name_metrics_that_are_there() -> None:
    known = set(metrics())
    blocks = "\n".join(re.findall(r"^ *```.*?^ *```", PAGE, re.MULTILINE | re.DOTALL))
    named = set(re.findall(r"\bimgopt_[a-z_]+", blocks))
    assert len(named) > 8
    for name in named:
        bare = next((name.removesuffix(end) for end in SERIES if name.endswith(end)), name)
        assert name in known or bare in known, name


def test_the_values_of_bounded_labels_are_told() -> None:
    for word in (*ROUTES, *TIERS, *PHASES, *OUTCOMES, *STATES, *TARGET_OUTCOMES):
        assert f"`{word}`" in PAGE, word
