"""`make stack`, `make stack-down`, `make stack-roll`.

python -m deploy.stack up [FOLDER]       PORT=8080, SERVERS=2, WORKERS=2 in the environment
python -m deploy.stack status [FOLDER]   what runs, and where
python -m deploy.stack roll [FOLDER]     restart the servers one after another; no request fails
python -m deploy.stack down [FOLDER]     end all of it, and forget what was in it
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.stack.plan import load, make_plan
from deploy.stack.processes import ROOT, NotStarted
from deploy.stack.whole import Stack

FOLDER = ROOT / "var" / "stack"


def up(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "stack.json").exists() and Stack(load(folder)).processes.names():
        raise NotStarted(f"A stack runs in {folder} already: make stack-down")
    number = {name: int(os.environ.get(name) or default) for name, default in DEFAULTS.items()}
    settings = {name: value for name, value in os.environ.items() if name.startswith("IMGOPT_")}
    plan = make_plan(
        folder, port=number["PORT"], servers=number["SERVERS"], workers=number["WORKERS"], settings=settings
    )
    running, began = Stack(plan), time.monotonic()
    print(f"Starting {len(plan.servers)} servers, {plan.workers} workers and what they need …", flush=True)
    running.up()
    print(f"Ready after {time.monotonic() - began:.0f} s.")
    status(folder)
    print(f"  admin       {plan.url}/admin/   admin   {running.password}")
    print(f"  API key     {running.api_key}")
    print("\nmake stack-roll restarts the servers one after another, make stack-down ends all of it.")


def status(folder: Path) -> None:
    running = Stack(load(folder))
    plan, processes = running.plan, running.processes

    def line(label: str, text: str, *names: str) -> None:
        states = "  ".join(
            f"{name}: {'pid ' + str(pid) if (pid := processes.pid(name)) else 'ENDED'}" for name in names
        )
        print(f"  {label:<11} {text}   {states}".rstrip())

    line("nginx", plan.url, "nginx")
    for name, port in zip(running.server_names, plan.servers, strict=True):
        line("server", f"http://127.0.0.1:{port}", name)
    line("workers", "", *running.worker_names)
    line("Redis", f"redis://127.0.0.1:{plan.redis_port}/0", "redis")
    line("PostgreSQL", plan.database_url, *(["postgresql"] if plan.postgresql_port else []))
    line("S3", f"http://127.0.0.1:{plan.s3_port}   {', '.join(plan.buckets)}")
    line("logs", str(plan.folder / "log"))


def roll(folder: Path) -> None:
    running, began = Stack(load(folder)), time.monotonic()
    running.roll()
    print(f"{len(running.server_names)} servers restarted in {time.monotonic() - began:.0f} s.")


def down(folder: Path) -> None:
    running = Stack(load(folder))
    running.down()
    (folder / "stack.json").unlink()


DEFAULTS = {"PORT": "8080", "SERVERS": "2", "WORKERS": "2"}
COMMANDS = {"up": up, "status": status, "roll": roll, "down": down}


def main(words: Sequence[str]) -> int:
    if not words or words[0] not in COMMANDS or len(words) > 2:
        print(__doc__)
        return 2
    try:
        COMMANDS[words[0]](Path(words[1]).resolve() if len(words) > 1 else FOLDER)
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
