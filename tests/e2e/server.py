"""The real server for end-to-end tests, started as `make run` starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
LINE_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    output: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def whole_environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("IMGOPT_", "DJANGO_"))},
            "IMGOPT_ENV_FILE": os.devnull,
            "IMGOPT_DATA_DIR": str(self.data_dir),
            "IMGOPT_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }

    def start(self) -> None:
        """This will return once the server greets."""
        self.port = self.port or free_port()
        self.output = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=self.whole_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        greeted = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self.process, greeted), daemon=True)
        self._reader.start()
        if not greeted.wait(START_SECONDS):
            self.stop()
            raise RuntimeError("the server did not greet:\n" + "".join(self.output))

    def _read(self, process: subprocess.Popen[str], greeted: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line)
                if line.startswith("imgopt serves on"):
                    greeted.set()
        greeted.set()

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """This will end the server as a terminal or a service manager does, and give its exit status."""
        process = self.process
        if process is None:
            return 0
        self.process = None
        if process.poll() is None:
            os.kill(process.pid, signum)
        try:
            return process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._reader.join()

    def kill(self) -> None:
        """This will end the server, its workers and its render children at once, as a power cut does."""
        process = self.process
        assert process is not None
        self.process = None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reader.join()

    @property
    def text(self) -> str:
        return "".join(self.output)

    def line_with(self, text: str) -> str:
        """This will wait for the one line of its output that has this text."""
        give_up_at = time.monotonic() + LINE_SECONDS
        while not (found := [line for line in self.text.splitlines() if text in line]):
            assert time.monotonic() < give_up_at, self.text
            time.sleep(0.02)
        [line] = found
        return line

    @property
    def api_key(self) -> str:
        match = re.search(r"imgo_\w+", self.text)
        assert match, self.text
        return match[0]

    def request(
        self, target: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        url = target if target.startswith("http") else f"http://127.0.0.1:{self.port}{target}"
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=60) as response:
                return Answer(response.status, lowered(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, lowered(error.headers), error.read())

    def api(self, target: str, key: str, *, method: str = "GET", document: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        return self.request(target, method=method, body=body, headers=headers)

    def upload(self, key: str, *files: tuple[str, bytes], fields: dict[str, str] | None = None) -> Answer:
        body, content_type = multipart(files, fields or {})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
        return self.request("/api/v1/images", method="POST", body=body, headers=headers)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def multipart(files: tuple[tuple[str, bytes], ...], fields: dict[str, str]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
