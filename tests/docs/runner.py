"""The process in which Python blocks and templates run, and `manage.py` commands begin: `python -m tests.docs.runner`.

Each line of standard input is a block, each line of standard output its answer. Commands come over the socket that the
first argument names, from `command.py`: this process has Django loaded and forks, which saves a second a command.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.core.management import execute_from_command_line
from django.db import connections

APP = "shop"
MODULE = "tests.docs.shop.models"
"""Where a page's models are said to be defined, for Django wants to know their app."""


def main() -> None:
    django.setup()
    pages = Page()
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(sys.argv[1])
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        sys.stdout.write("\n")
        sys.stdout.flush()
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    run_command(listener)
                elif line := sys.stdin.readline():
                    sys.stdout.write(json.dumps(pages.answer(json.loads(line))) + "\n")
                    sys.stdout.flush()
                else:
                    return


class Page:
    """The names of one page's Python blocks."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def answer(self, asked: dict[str, str]) -> dict[str, str]:
        printed, error = io.StringIO(), ""
        with contextlib.redirect_stdout(printed):
            try:
                getattr(self, asked["do"])(asked["text"])
            except Exception:
                error = traceback.format_exc()
        connections.close_all()
        return {"output": printed.getvalue(), "error": error}

    def begin(self, folder: str) -> None:
        from assets.models import Master

        # Models of the page before have no tables, which a command on this page may look for: a backup, say.
        apps.all_models[APP].clear()
        apps.clear_cache()
        for name in [name for name, module in sys.modules.items() if _lies_in(module, str(Path.cwd()))]:
            del sys.modules[name]
        os.chdir(folder)
        sys.path[0] = folder
        master = Master.objects.select_related("blob").get(key="demo/harbour")
        self.names = {"__name__": MODULE, "Master": Master, "master": master}

    def python(self, code: str) -> None:
        exec(compile(code, "block", "exec"), self.names)

    def template(self, code: str) -> None:
        from django.template import engines

        sys.stdout.write(engines["django"].from_string(code).render(self.names))


def run_command(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        data, descriptors, _, _ = socket.recv_fds(connection, 65536, 3)
        asked = json.loads(data)
        child = os.fork()
        if child == 0:
            for target, descriptor in enumerate(descriptors):
                os.dup2(descriptor, target)
            os.chdir(asked["folder"])
            os._exit(_status(asked["arguments"]))
        for descriptor in descriptors:
            os.close(descriptor)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.send(str(status).encode())


def _status(arguments: list[str]) -> int:
    status = 0
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    try:
        execute_from_command_line(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _lies_in(module: Any, folder: str) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(folder + os.sep)


if __name__ == "__main__":
    main()
