"""The whole stack: started in order, rolled, ended."""

from __future__ import annotations

import http.client
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import nginx
from deploy.stack import services
from deploy.stack.plan import Plan, make_plan
from deploy.stack.processes import ROOT, Processes

NGINX = "nginx"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in small letters."""
    body: bytes


class Stack:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.processes = Processes(plan.folder)

    @property
    def server_names(self) -> list[str]:
        return [f"server-{number}" for number in range(1, len(self.plan.servers) + 1)]

    @property
    def worker_names(self) -> list[str]:
        return [f"worker-{number}" for number in range(1, self.plan.workers + 1)]

    def up(self) -> None:
        """This will start everything, or raise `NotStarted` and leave nothing behind."""
        services.check_programs(self.plan)
        self.plan.folder.chmod(0o711)  # `postgres` may have to pass; what has secrets in it is closed by itself
        self.plan.save()
        try:
            self._up()
        except BaseException:
            self.down()
            raise

    def _up(self) -> None:
        services.start_redis(self.plan, self.processes)
        services.start_postgresql(self.plan, self.processes)
        services.start_s3(self.plan)
        self.manage("s3_setup")
        first, *others = self.server_names
        self.processes.log(first).touch(mode=0o600)  # it has the admin's password in it
        self.start_server(first, prepares=True)
        self.wait_for_server(first)
        for name in self.worker_names:
            self.start_imgopt(name, "worker")
        for name in others:
            self.start_server(name)
        for name in others:
            self.wait_for_server(name)
        self.start_nginx()

    def start_server(self, name: str, *, prepares: bool = False) -> None:
        """This will start one, and not wait until it answers. The first one migrates and makes the secrets."""
        self.start_imgopt(name, "serve", *([] if prepares else ["--no-setup"]), port=self._port(name))

    def start_imgopt(self, name: str, *words: str, port: int | None = None, **settings: str) -> None:
        """This will start a command of `manage.py` on a machine of that name, with further settings if wanted."""
        environment = {**self.plan.environment(name, port), **settings}
        self.processes.start(name, [sys.executable, "manage.py", *words], environment)

    def wait_for_server(self, name: str) -> None:
        """It greets once it is healthy; what it said before a restart does not count. One that cannot render is not
        ready: the next one must not be restarted then. What all of them share may be away."""
        before = self._greetings(name)
        port = self._port(name)
        self.processes.wait_until(name, lambda: is_healthy(port, "/readyz?only=renderer"))
        if not before:
            self.processes.wait_until(name, lambda: self._greetings(name) > 0)

    def start_nginx(self) -> None:
        servers = [f"127.0.0.1:{port}" for port in self.plan.servers]
        folder = self.plan.folder / "nginx"
        main = nginx.write(folder, servers, LISTEN=f"127.0.0.1:{self.plan.port}")
        program = services.find_program("nginx") or "nginx"
        command = [program, "-e", str(folder / "error.log"), "-p", f"{folder}/", "-c", str(main)]
        self.processes.start(NGINX, command)
        self.processes.wait_until(NGINX, lambda: is_healthy(self.plan.port))

    def roll(self) -> None:
        """This will restart the servers, one after another, each when the one before answers again."""
        for name in self.server_names:
            self.processes.end(name)
            self.start_server(name)
            self.wait_for_server(name)

    def down(self) -> None:
        """This will end everything, front first, and remove what was made in borrowed services. What fails does not
        keep the rest from being ended."""
        ours = [*self.worker_names, *self.server_names]
        with ExitStack() as last_comes_first:
            last_comes_first.callback(self._remove_files)
            last_comes_first.callback(self._end_services)
            last_comes_first.callback(services.end_s3, self.plan)
            last_comes_first.callback(services.drop_database, self.plan)
            self.processes.end(NGINX)
            for name in ours:
                self.processes.tell_to_end(name)
            for name in ours:
                self.processes.wait_for_end(name)

    def _end_services(self) -> None:
        self.processes.end("redis")
        self.processes.tell_to_end("postgresql", signal.SIGINT)  # else it waits for whoever has a `psql` open
        self.processes.wait_for_end("postgresql")

    def _remove_files(self) -> None:
        for name in ("nginx", "redis", "postgresql", "s3", *self.worker_names, *self.server_names):
            shutil.rmtree(self.plan.folder / name, ignore_errors=True)

    def manage(self, *words: str) -> str:
        """This will run a command of `manage.py` on the first server's machine, and give what it prints."""
        environment = self.plan.environment(self.server_names[0])
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    def request(
        self,
        target: str,
        *,
        port: int | None = None,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """This will ask nginx, or whoever has that port."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.plan.port, timeout=60)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=named, body=response.read())
        finally:
            connection.close()

    @property
    def api_key(self) -> str:
        return self._said(r"API key +(imgo_\w+)")

    @property
    def password(self) -> str:
        return self._said(r"password +(\S+)")

    def _said(self, pattern: str) -> str:
        """The first server has said it once."""
        match = re.search(pattern, self.processes.log(self.server_names[0]).read_text(errors="replace"))
        return match[1] if match else ""

    def _greetings(self, name: str) -> int:
        return self.processes.log(name).read_text(errors="replace").count("imgopt serves on")

    def _port(self, name: str) -> int:
        return self.plan.servers[self.server_names.index(name)]


def is_healthy(port: int, path: str = "/healthz") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def stack(folder: Path, *, servers: int = 2, workers: int = 2, **settings: str) -> Iterator[Stack]:
    """This will run one and end it; `settings` are those of all its servers and workers."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Stack(make_plan(folder, servers=servers, workers=workers, settings=settings))
    running.up()
    try:
        yield running
    finally:
        running.down()
