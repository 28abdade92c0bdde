"""The secrets of `docker-compose.yml`, made once: `python3 -m deploy.env [FILE]` (`make env`). It needs only Python.

What the file has already is kept as it is: names that are missing are added below, and nobody else may read it. They
begin with STACK_, for `make run` reads the same `.env`, and must not take the containers' secrets for its own.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[1] / ".env"
HEAD = "# For docker-compose.yml, made by deploy/env.py. Keep STACK_SECRET_KEY: signing keys are sealed with it.\n"


def _secret() -> str:
    return secrets.token_hex(32)  # letters and digits only: it stands in addresses, too


MADE: dict[str, Callable[[], str]] = {
    "STACK_SECRET_KEY": _secret,
    "STACK_POSTGRES_PASSWORD": _secret,
    "STACK_REDIS_PASSWORD": _secret,
    "STACK_S3_ACCESS_KEY": lambda: f"IMGOPT{secrets.token_hex(7).upper()}",
    "STACK_S3_SECRET_KEY": _secret,
    "STACK_METRICS_TOKEN": _secret,
}


def write(file: Path) -> list[str]:
    """This will add the names that the file lacks, and give them."""
    known = file.read_text() if file.exists() else ""
    missing = [name for name in MADE if not re.search(rf"^{name}=", known, re.MULTILINE)]
    if missing:
        lines = "".join(f"{name}={MADE[name]()}\n" for name in missing)
        separator = "\n" if known and not known.endswith("\n") else ""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(descriptor, 0o600)
            stream.write(f"{separator}{HEAD}{lines}")
    return missing


def main(words: list[str]) -> int:
    if len(words) > 1:
        print(__doc__)
        return 2
    file = Path(words[0]) if words else DEFAULT
    made = write(file)
    print(f"{file}: {', '.join(made)} made" if made else f"{file} has all it needs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
