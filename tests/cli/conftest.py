"""What tests of the command line may use: lines run in this process, or in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgopt.cli.main import main
from tests.images import encoded, scene

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
"""No settings of ours: the command line must do without."""


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results of a report by their paths."""
        return {result["path"]: result for file in self.json["files"] for result in file["results"]}


Imgopt = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def imgopt(folder: Path, capfd: pytest.CaptureFixture[str]) -> Imgopt:
    """Runs a line in this process; render children are real."""

    def run(*words: str | Path) -> Ended:
        capfd.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:  # argparse's --help
            status = int(end.code or 0)
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    return run


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "imgopt", *(str(word) for word in words)]


def environment(**more: str) -> dict[str, str]:
    return {**ENVIRONMENT, "PYTHONPATH": str(ROOT), **more}


def run_alone(*words: str | Path, **more: str) -> Ended:
    """This will run a line in a process of its own, as a shell does."""
    done = subprocess.run(command(*words), capture_output=True, env=environment(**more), timeout=100, check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def photo(path: Path, width: int = 240, height: int = 160, *, seed: int = 1, **options: Any) -> Path:
    """This will draw something like a photo, in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"jpg": "jpeg", "tif": "tiff"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())
    path.write_bytes(encoded(scene(width, height, seed=seed), kind, **options))
    return path


def names(folder: Path) -> list[str]:
    """The files below a folder, without the journals."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"
    )


def states(report: Ended) -> dict[str, str]:
    return {path: result["state"] for path, result in report.results.items()}
