"""What surrounds a page's blocks: the running server, a folder with a photo, and programs by their usual names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.docs.blocks import ROOT
from tests.e2e.server import Server

SETTINGS = {
    "IMGOPT_DELIVERY_PRESETS": "hero:w=1600&ar=16:9&fit=crop;card:w=400&h=400&fit=crop;thumb:w=200&h=200&fit=crop",
    "IMGOPT_DELIVERY_CLIENT_HINTS": "true",
    "IMGOPT_APIKEYS_RATE": "1000",
    "IMGOPT_APIKEYS_BURST": "1000",
}
SHOE = "products/shoe"
PLACEHOLDER_ADDRESSES = ("http://127.0.0.1:8000", "https://images.example.com")
BLOCK_SECONDS = 60


class BlockFailed(AssertionError):
    pass


PYTHON = """#!/bin/sh
if [ "$1" = manage.py ] && [ "$IMGOPT_DATA_DIR" = "{data_dir}" ]; then
    exec "{python}" -S -E "{command}" "$@"
fi
exec "{python}" "$@"
"""
"""Commands on another data directory than the server's start as they do elsewhere, the others in `runner.py`."""

IMGOPT = """#!/bin/sh
exec "{python}" -m imgopt "$@"
"""
"""As the wheel's console script."""


@dataclass
class World:
    """One running server for all pages, and one process that runs their Python."""

    server: Server
    photo: Path
    folder: Path
    runner: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.runner = subprocess.Popen(
            [sys.executable, "-m", "tests.docs.runner", self.socket],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.runner.stdout is not None
        self.runner.stdout.readline()
        self._make_programs()

    @property
    def socket(self) -> str:
        return str(self.folder / "s")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @cached_property
    def key(self) -> str:
        return self.server.api_key

    @cached_property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ},
            **SETTINGS,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "IMGOPT_ENV_FILE": os.devnull,
            "IMGOPT_DATA_DIR": str(self.server.data_dir),
            "IMGOPT_PORT": str(self.server.port),
            "IMGOPT_LOG_LEVEL": "error",
            "DJANGO_SETTINGS_MODULE": "tests.docs.shop.settings",
            "IMGOPT_DOCS_SOCKET": self.socket,
            "KEY": self.key,
            "HOST": self.address,
            "NO_PROXY": "127.0.0.1",
        }

    def page(self, folder: Path, *, with_shoe: bool) -> PageWorld:
        """This will make a fresh folder and take away what other pages have uploaded."""
        listed = self.server.api("/api/v1/images?limit=500", self.key).json["results"]
        for master in listed:
            if not (master["key"] or "").startswith("demo/"):
                self.server.api(f"/api/v1/image/{master['id']}", self.key, method="DELETE")
        if with_shoe:
            self.server.upload(self.key, ("shoe.jpg", self.photo.read_bytes()), fields={"key": SHOE})
        for name in ("photo.jpg", "Red shoe (1).jpg"):
            shutil.copy(self.photo, folder / name)
        shutil.copytree(
            ROOT / "docs" / "recipes", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        (folder / "manage.py").symlink_to(ROOT / "manage.py")
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(self.folder / "bin")
        page = PageWorld(world=self, folder=folder)
        page.python("begin", str(folder))
        return page

    def close(self) -> None:
        self.runner.communicate(timeout=BLOCK_SECONDS)

    def _make_programs(self) -> None:
        (self.folder / "bin").mkdir()
        command = Path(__file__).with_name("command.py")
        python = PYTHON.format(data_dir=self.server.data_dir, python=sys.executable, command=command)
        for name, text in (("python", python), ("python3", python), ("imgopt", IMGOPT.format(python=sys.executable))):
            program = self.folder / "bin" / name
            program.write_text(text)
            program.chmod(0o755)


@dataclass
class PageWorld:
    world: World
    folder: Path

    def addressed(self, code: str) -> str:
        for address in PLACEHOLDER_ADDRESSES:
            code = code.replace(address, self.world.address)
        return code

    def bash(self, code: str) -> str:
        """This will run commands after the page's earlier ones, and give what they print."""
        state = self.folder / ".state"
        script = (
            "set -euo pipefail\n"
            + (f'. "{state}"\ncd "$_page_folder"\n' if state.exists() else "")
            + "set -a\n"
            + self.addressed(code)
            + f'\n_page_folder="$PWD"\nexport -p > "{state}"\n'
        )
        return self.run(["bash", "-c", script])

    def run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.world.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BlockFailed(f"ended with status {done.returncode}:\n{done.stdout}")
        return done.stdout

    def python(self, do: str, text: str) -> str:
        """This will have the runner do something of this page, and give what is printed."""
        runner = self.world.runner
        assert runner.stdin is not None
        assert runner.stdout is not None
        runner.stdin.write(json.dumps({"do": do, "text": self.addressed(text)}) + "\n")
        runner.stdin.flush()
        line = runner.stdout.readline()
        if not line:
            raise BlockFailed("ended the Python process")
        answer = json.loads(line)
        if answer["error"]:
            raise BlockFailed(f"{answer['output']}{answer['error']}")
        return str(answer["output"])
