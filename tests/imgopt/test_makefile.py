"""The Makefile's words, before anything is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = ROOT / "Makefile"
PROMISED = {"help", "run", "test", "lint", "format", "types", "bench", "mutants", "clean", "build"}

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def stub(folder: Path, script: str) -> str:
    """This will write a program to be called instead of Python."""
    file = folder / "stub-python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return f"PYTHON={file}"


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_comes_first_and_lists_every_target(copy: Path, arguments: tuple[str, ...]) -> None:
    done = make(copy, *arguments)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE.read_text(), re.MULTILINE))
    assert set(listed) == targets
    assert targets >= PROMISED
    assert all(listed.values())


def test_every_target_is_phony(copy: Path) -> None:
    text = MAKEFILE.read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", text, re.MULTILINE))
    [phony] = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert targets == set(phony.split())


@pytest.mark.parametrize("target", ["run", "test"])
def test_a_missing_venv_module_is_told_with_the_cure(copy: Path, target: str) -> None:
    done = make(copy, target, stub(copy, "echo \"No module named 'ensurepip'\" >&2; exit 1"))
    assert done.returncode != 0
    assert "Python's venv module is missing: sudo apt install python3-venv" in done.stdout
    assert not (copy / ".venv").exists()


def test_a_missing_python_is_told_with_the_cure(copy: Path) -> None:
    done = make(copy, "run", "PYTHON=")
    assert done.returncode != 0
    assert "Expected Python 3.11 or newer: sudo apt install python3 python3-venv" in done.stdout


def test_an_environment_that_could_not_be_made_is_not_taken_for_one(copy: Path) -> None:
    """Debian's Python without python3-venv makes half of one before it fails."""
    script = 'case "$1" in -c) exit 0;; esac; mkdir -p .venv/bin; touch .venv/bin/python; exit 1'
    assert make(copy, "run", stub(copy, script)).returncode != 0
    assert not (copy / ".venv" / "bin" / "python").exists()


def test_clean_keeps_the_data(copy: Path) -> None:
    for name in ("var", ".venv", "build", "app/__pycache__"):
        (copy / name).mkdir(parents=True)
    assert make(copy, "clean").returncode == 0
    assert (copy / "var").exists()
    assert not [name for name in (".venv", "build", "app/__pycache__") if (copy / name).exists()]
