"""What a benchmark leaves behind: a few lines on the terminal and all raw samples in a file."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("Django", "granian", "pyvips", "pyvips-binary", "Pillow", "numpy", "celery", "kombu", "psycopg")


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return {
        "cpu": sorted(models),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def save(name: str, samples: dict[str, Any]) -> None:
    """This will write the raw samples and print where they are."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"name": name, "at": now.isoformat(), "machine": machine(), **samples}, indent=1))
    print(f"  samples      {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")


def heading(name: str, text: str) -> None:
    print(f"{name}: {text}", flush=True)


def line(label: str, text: str) -> None:
    print(f"  {label:<12} {text}", flush=True)


def compare(label: str, ours: Sequence[float], reference: Sequence[float], *, unit: str, goal: float | None) -> None:
    """This will print both medians and the ratio; more is better, and `goal` is the least ratio wanted, if any."""
    ratio = statistics.median(ours) / statistics.median(reference)
    verdict = "" if goal is None else f"   goal {goal:.0%}: {'met' if ratio >= goal else 'MISSED'}"
    line(f"{label} ours", f"{_row(ours)} {unit}")
    line("reference", f"{_row(reference)} {unit}")
    line("ratio", f"{ratio:.1%}{verdict}")


def compare_less(
    label: str, ours: Sequence[float], reference: Sequence[float], *, unit: str, goal: float | None = None
) -> None:
    """This will print both medians and the ratio; less is better, and `goal` is the most wanted, if there is one."""
    ratio = statistics.median(ours) / statistics.median(reference)
    verdict = "" if goal is None else f"   goal at most {goal:.0%}: {'met' if ratio <= goal else 'MISSED'}"
    line(label, f"{_row(ours)} {unit}")
    line("reference", f"{_row(reference)} {unit}")
    line("ratio", f"{ratio:.1%}{verdict}")


def percentile(values: Sequence[float], share: float) -> float:
    """This will give the value below which `share` (0..1) of the values lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _row(values: Sequence[float]) -> str:
    places = 1 if statistics.median(values) >= 10 else 2
    turns = "  ".join(f"{value:,.{places}f}" for value in values)
    return f"{statistics.median(values):>10,.{places}f}   (turns: {turns})"
