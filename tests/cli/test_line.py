"""The line as a whole: commands, statuses, and what it must not need."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Imgopt, command, environment, names, photo, run_alone

COMMANDS = ("optimise", "optimize", "compare", "inspect", "placeholder", "sign")


def test_tells_its_version(imgopt: Imgopt) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert imgopt("--version") == imgopt("-version") == imgopt("inspect", "--version")
    assert imgopt("--version").out == f"imgopt {version}\n"


def test_the_console_script_is_the_same_function() -> None:
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["imgopt"]
    module, _, function = entry.partition(":")
    assert getattr(importlib.import_module(module), function)(["--version"]) == 0


def test_help_lists_the_commands_and_each_has_its_own(imgopt: Imgopt) -> None:
    whole = imgopt("--help")
    assert whole.status == 0
    for name in COMMANDS:
        if name != "optimize":
            assert f"\n  {name} " in whole.out
        own = imgopt(name, "-help")
        assert own.status == 0
        assert own.out.startswith(f"usage: imgopt {name.replace('mize', 'mise')}")


def test_an_empty_line_shows_the_usage_and_is_wrong(imgopt: Imgopt) -> None:
    assert imgopt().status == 2
    assert imgopt().out.startswith("usage: imgopt")


WRONG = {
    "optimise": "Expected a file or folder",
    "--json": "Expected a file or folder",
    "compare a.png": "Expected two files, received 1.",
    "compare": "Expected two files, received none.",
    "inspect": "Expected one file, received none.",
    "placeholder a b": "Expected one file, received 2.",
    "sign": "Expected a URL",
    "inspect a.png --widths 3": "Unrecognized arguments: --widths=3.",
    "a.png --out x -o y": "Expected --out or -output, received both.",
    "a.png -f heic": "Expected one of jpeg, png, webp, avif for format, received 'heic'.",
    "a.png -f ,": "Expected some of jpeg, png, webp, avif, separated by commas, for --format, received ','.",
    "a.png -q 0": "received '0'.",
    "a.png -q auto:2": "received 'auto:2'.",
    "a.png -d -3": "Expected an integer from 0 to 1000000 for --max-dimension, received '-3'.",
    "a.png --widths 0": "Expected widths from 1 to 16383 such as 480,800,1600 for --widths, received '0'.",
    "a.png --processes 0": "Expected an integer from 1 to 256 for --processes, received '0'.",
    "a.png -o b.tiff": "Expected an output that ends in .jpeg, .png, .webp, .avif, or -format, received 'b.tiff'.",
    "a.png -f webp -o b.jpg": "Expected an output that is called as what it is, webp, received 'b.jpg'.",
    "a.png -f webp,avif -o b.webp": "Expected one format and at most one width where -output names a file",
    "a.png -o a.png": "Expected another file for the output than the input, received 'a.png' for both.",
    "a.png --out a.png": "Expected a folder for the results, received 'a.png'.",
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.items(), ids=WRONG)
def test_a_wrong_line_ends_with_status_2_and_a_sentence(imgopt: Imgopt, folder: Path, text: str, sentence: str) -> None:
    photo(folder / "a.png")
    ended = imgopt(*text.split())
    assert ended.status == 2
    assert sentence in ended.err
    assert ended.out == ""
    assert names(folder) == ["a.png"]


def test_a_file_that_is_called_like_a_command_is_told_by_two_dashes(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png").rename(folder / "inspect")
    assert imgopt("-f", "webp", "--", "inspect").status == 0
    assert names(folder) == ["inspect", "inspect.webp"]


def test_needs_no_django_and_no_settings(folder: Path) -> None:
    """Not by import, not by work: a wrong setting of the service is none of its business."""
    photo(folder / "a.png")
    script = (
        "import sys; from imgopt.cli.main import main; status = main(['a.png', '-f', 'webp']);"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'django', 'rest_framework', 'boto3', 'celery', 'redis', 'psycopg', 'environ', 'pyvips', 'numpy'}), status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        env=environment(IMGOPT_PORT="nonsense", DJANGO_SETTINGS_MODULE="no.such.module", DATABASE_URL="nonsense"),
        timeout=100,
        check=False,
    )
    assert done.stdout.decode().splitlines()[-1] == "[] 0", done.stderr.decode()
    assert (folder / "a.webp").exists()


def test_runs_as_a_module_with_statuses_0_1_and_2(folder: Path) -> None:
    photo(folder / "a.png")
    assert run_alone("optimise", "a.png", "-f", "webp").status == 0
    failed = run_alone("optimise", "a.png", "missing.png", "-f", "webp")
    assert failed.status == 1
    assert failed.err == "missing.png: Expected a file or folder: No such file or directory.\n"
    assert run_alone("optimise", "--no-such").status == 2


def test_whoever_stops_reading_hears_no_complaint(folder: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        command("--help"), stdout=write_end, stderr=subprocess.PIPE, env=environment(), timeout=100, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")
