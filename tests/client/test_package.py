"""`imgopt_client` is a package of its own: no Django, no other dependency, and nothing forgotten."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import imgopt_client

FOLDER = Path(imgopt_client.__file__).parent
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))
MODULES = [f"imgopt_client.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__"]

ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for name in sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names):
    print(name)
"""


def test_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(FOLDER.parent)!r}){ALONE}", *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["__main__", "imgopt_client"] or done.stdout.split() == ["imgopt_client"], done
    assert PROJECT["project"]["dependencies"] == []


def test_the_wheel_has_every_folder() -> None:
    folders = {path.parent.relative_to(FOLDER.parent) for path in FOLDER.rglob("*.py")}
    packages = {".".join(folder.parts) for folder in folders if "build" not in folder.parts}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages


def test_the_readme_keeps_its_word() -> None:
    blocks = (FOLDER / "README.md").read_text("utf-8").split("```python")[1:]
    first = blocks[0].partition("```")[0]
    assert compile(first, "README.md", "exec")
    exec(first, {})
