"""The server: prepares a fresh installation, starts Granian, and says what a newcomer needs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from contextlib import suppress
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from delivery.metrics_files import VARIABLE, MetricsFolder
from imgopt.setup import LateSetup, Secrets, how_to_get_in, is_prepared, make_secrets
from jobs.processes import Workers, commands

START_SECONDS = 60
STOP_SECONDS = 30
WATCH_SECONDS = 0.5


class Command(BaseCommand):
    help = "Run the service; the first time it also prepares everything and prints how to get in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-setup", action="store_true", help="Neither migrate nor make first-run secrets.")

    def handle(self, *_args: Any, **options: Any) -> None:
        config = settings.CONFIG
        refuse_taken_port(config.host, config.port)
        prepares = not options["no_setup"]
        prepared = prepares and is_prepared(self.stdout.write)
        connections.close_all()
        figures = MetricsFolder(settings.IMGOPT_DATA_DIR / "metrics")
        environment = {**os.environ, VARIABLE: str(figures.path)}
        server = subprocess.Popen(granian_command(), env=environment)
        workers = Workers(commands(config.jobs_workers), environment)
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, _forward_to(server))
        late = LateSetup(self.stdout.write, lambda: self._tell(*how_to_get_in(make_secrets())))
        try:
            self._wait_until_healthy(server)
            self._greet(make_secrets() if prepared else None)
            if prepares and not prepared:
                self._tell("It is not prepared yet, for a dependency does not answer: /readyz says which.", "")
                late.start()
            connections.close_all()
            while server.poll() is None:
                workers.keep_up()
                with suppress(subprocess.TimeoutExpired):
                    server.wait(WATCH_SECONDS)
        finally:
            late.stop()
            workers.tell_to_end()
            stop(server)
            workers.wait()
            figures.close()
        if server.returncode not in (0, -signal.SIGTERM, -signal.SIGINT):
            raise CommandError(f"The server ended with status {server.returncode}.")

    def _wait_until_healthy(self, server: subprocess.Popen[bytes]) -> None:
        host = "127.0.0.1" if settings.CONFIG.host in ("0.0.0.0", "::", "") else settings.CONFIG.host  # noqa: S104
        give_up_at = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < give_up_at:
            try:
                with urllib.request.urlopen(f"http://{host}:{settings.CONFIG.port}/healthz", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise CommandError("The server did not start; its own words are above.")

    def _greet(self, secrets: Secrets | None) -> None:
        self._tell("", f"imgopt serves on {settings.IMGOPT_PUBLIC_URL}  (Ctrl-C ends it)", *how_to_get_in(secrets))

    def _tell(self, *lines: str) -> None:
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def granian_command() -> list[str]:
    config = settings.CONFIG
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface=wsgi",
        f"--host={config.host}",
        f"--port={config.port}",
        f"--workers={config.server_workers}",
        f"--blocking-threads={config.server_threads}",
        "--respawn-failed-workers",
        f"--workers-kill-timeout={STOP_SECONDS - 10}",
        "--no-ws",
        # Granian warns of our number of threads; most of them only wait for renders, see `delivery.edge`.
        f"--log-level={'debug' if config.log_level == 'debug' else 'error'}",
        "imgopt.wsgi:application",
    ]


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}). "
                f"Choose another one: IMGOPT_PORT={port + 1} make run"
            ) from error


def stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _forward_to(server: subprocess.Popen[bytes]) -> Any:
    def forward(_signum: int, _frame: FrameType | None) -> None:
        if server.poll() is None:
            os.kill(server.pid, signal.SIGTERM)

    return forward
