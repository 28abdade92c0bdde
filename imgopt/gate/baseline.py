"""What was recorded: one JSON file, sorted, so that two of them can be compared line by line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from imgopt.gate.figures import Figures, read_figures
from pipeline.errors import BadParameter
from pipeline.quality import METRIC, METRIC_VERSION
from pipeline.version import fingerprint

FORM: Final = 1
METRIC_SAID: Final = f"{METRIC}/{METRIC_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One picture."""

    name: str
    renders: Mapping[str, Figures]
    """By what was asked for: `imgopt.gate.figures.row_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    pictures: Mapping[str, Entry]
    """By the digest of their bytes: a picture that is called otherwise is the same picture."""
    fingerprint: str = field(default_factory=fingerprint)
    """Of the code and the encoders that made the figures."""
    metric: str = METRIC_SAID

    def text(self) -> str:
        pictures = {
            digest: {"name": entry.name, "renders": {row: each.as_dict() for row, each in entry.renders.items()}}
            for digest, entry in self.pictures.items()
        }
        said = {"form": FORM, "fingerprint": self.fingerprint, "metric": self.metric, "pictures": pictures}
        return json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_baseline(path: Path) -> Baseline:
    """This will read a recorded file. Raises BadParameter for what is none, or measured otherwise than today."""
    try:
        said = json.loads(path.read_text("utf-8"))
        if said["form"] != FORM:
            raise ValueError(said["form"])
        found = Baseline(
            pictures={digest: _entry(each) for digest, each in said["pictures"].items()},
            fingerprint=str(said["fingerprint"]),
            metric=str(said["metric"]),
        )
    except FileNotFoundError as error:
        raise BadParameter(f"Expected a baseline, {path}, and there is none: make one with --record.") from error
    except OSError as error:
        raise BadParameter(f"Expected a baseline that can be read, {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadParameter(f"Expected a baseline that --record has written, received {path}.") from error
    if found.metric != METRIC_SAID:
        raise BadParameter(
            f"Expected a baseline measured by {METRIC_SAID}, received one by {found.metric}: record a new one with the "
            "old encoders."
        )
    return found


def write_baseline(path: Path, baseline: Baseline) -> None:
    """This will write it whole or not at all. Raises BadParameter."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(baseline.text(), "utf-8")
        beside.replace(path)
    except OSError as error:
        raise BadParameter(f"Expected a baseline that can be written, {path}: {error.strerror}.") from error


def _entry(said: Any) -> Entry:
    renders = {str(row): read_figures(each) for row, each in said["renders"].items()}
    return Entry(name=str(said["name"]), renders=renders)
