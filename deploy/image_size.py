"""How large the image gets, known without building one; and what is left out of it.

    python -m deploy.image_size             makes the image's environment, holds it to the budget, and tries it
    python -m deploy.image_size trim VENV   the Dockerfile's: removes what nobody runs

The sum is of what lies unpacked in the image: Python's slim base, the requirements without what is trimmed, our code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUDGET_MB = 450
BASE_MB = 130
"""python:3.13-slim-bookworm, unpacked."""
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
KEPT_LANGUAGES = {"en", "en_GB", "__init__.py", "__pycache__"}
"""Of Django's own words: nobody asks for the others, since there is no LocaleMiddleware."""
CODE = ("apikeys", "assets", "delivery", "imgopt", "imgopt_client", "jobs", "metrics", "pipeline")


def superfluous(venv: Path) -> Iterator[Path]:
    """This will give the folders and files of a virtual environment that the service never opens.

    Not those called `test`: Django REST framework needs Django's, and drf-spectacular needs that.
    """
    for packages in venv.glob("lib/python3.*/site-packages"):
        for name in INSTALLERS:
            yield from packages.glob(name)
            yield from packages.glob(f"{name}-*.dist-info")
        yield from packages.glob("**/tests")
        for locale in packages.glob("django/**/locale"):
            yield from (each for each in locale.iterdir() if each.name not in KEPT_LANGUAGES)
        yield from packages.glob("**/*.pyi")
    yield from venv.glob("bin/pip*")


def trim(venv: Path) -> int:
    """This will remove them, and give the bytes."""
    freed = 0
    for path in list(superfluous(venv)):
        if not path.exists():  # within a folder that is gone already
            continue
        freed += size(path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return freed


def size(*paths: Path) -> int:
    """This will give the bytes of files, those in folders too; a link counts nothing."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in ([path] if path.is_file() else path.rglob("*"))
        if file.is_file() and not file.is_symlink()
    )


def parts_mb(venv: Path) -> dict[str, float]:
    """This will give what each part of the image takes, in MB of 10⁶ bytes."""
    code = size(*(ROOT / name for name in CODE))
    return {"base": float(BASE_MB), "requirements": size(venv) / 1e6, "code": code / 1e6}


def make(venv: Path) -> None:
    """This will do what the Dockerfile's first stage does."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-binary=pyvips",
    )
    subprocess.run([venv / "bin" / "pip", "install", *options, "-r", ROOT / "requirements.txt"], check=True)
    trim(venv)


def try_out(venv: Path, data: Path) -> None:
    """This will load the whole server with it: what is trimmed must not be missed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMGOPT_", "DJANGO_"))}
    environment = {**kept, "IMGOPT_DATA_DIR": str(data), "IMGOPT_ENV_FILE": os.devnull}
    python = venv / "bin" / "python"
    for command in (
        ["manage.py", "migrate", "-v0"],
        ["manage.py", "signing_key", "rotate"],
        ["-c", "import imgopt.wsgi"],
    ):
        subprocess.run([python, *command], cwd=ROOT, env=environment, check=True)


def main(words: list[str]) -> int:
    match words:
        case ["trim", venv]:
            print(f"{trim(Path(venv)) / 1e6:.0f} MB removed")
            return 0
        case []:
            with tempfile.TemporaryDirectory(prefix="imgopt-image-") as folder:
                made = Path(folder) / "venv"
                make(made)
                parts = parts_mb(made)
                try_out(made, Path(folder) / "data")
            for name, megabytes in parts.items():
                print(f"{name:14} {megabytes:4.0f} MB")
            print(f"{'image':14} {sum(parts.values()):4.0f} MB, of {BUDGET_MB} at most")
            return int(sum(parts.values()) > BUDGET_MB)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
