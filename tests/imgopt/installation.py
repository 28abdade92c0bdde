"""An installation by its commands alone: a data directory, and what the environment says besides."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installation:
    data: Path
    environment: dict[str, str] = field(default_factory=dict)

    def manage(self, *words: str, fails: bool = False) -> str:
        """This will run `manage.py`, and give what it printed."""
        ours = ("IMGOPT_", "DJANGO_", "AWS_", "PROMETHEUS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name[-4:] != "_URL"}
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**kept, "IMGOPT_ENV_FILE": os.devnull, "IMGOPT_DATA_DIR": str(self.data), **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr
