"""The containers' secrets: fresh, closed to others, and never written over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import env
from imgopt.config import NAMES
from tests.deploy.compose import ROOT, secrets_of


def test_every_secret_is_fresh_and_the_file_is_closed_to_others(tmp_path: Path) -> None:
    first = secrets_of(tmp_path)
    assert set(first) == set(env.MADE)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert len(set(first.values())) == len(first)
    assert all(value.isalnum() for value in first.values()), "they stand in addresses"
    assert all(len(value) >= 32 for name, value in first.items() if name != "STACK_S3_ACCESS_KEY")
    (tmp_path / "other").mkdir()
    assert not set(first.values()) & set(secrets_of(tmp_path / "other").values())


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("IMGOPT_PORT=8123\nSTACK_SECRET_KEY=mine")
    file.chmod(0o644)
    values = secrets_of(tmp_path)
    assert (values["IMGOPT_PORT"], values["STACK_SECRET_KEY"]) == ("8123", "mine")
    assert set(env.MADE) < set(values)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert env.write(file) == []
    assert file.read_bytes() == before


def test_make_run_takes_none_of_them_for_its_own() -> None:
    """It reads the same file; with another secret its signing keys would not open any more."""
    assert not set(env.MADE) & set(NAMES)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        env.write(tmp_path / ".env")
    assert not (tmp_path / "elsewhere").exists()


def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    run = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('deploy.env', run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", run]
    done = subprocess.run([*command, str(ROOT), str(tmp_path / ".env")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "STACK_SECRET_KEY" in done.stdout
    value = (tmp_path / ".env").read_text().split("STACK_SECRET_KEY=")[1].split()[0]
    assert value not in done.stdout
