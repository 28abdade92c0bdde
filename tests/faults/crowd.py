"""Many clients at one moment, and what is done to the processes that answer them."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tests.e2e.server import Answer, Server
from tests.soak.watch import is_render_child, tree


def crowd(servers: Sequence[Server], target: str, clients: int) -> list[Answer]:
    """This will connect everybody, then let everybody ask in the same moment, each server as often as the others."""
    together = threading.Barrier(clients)

    def ask(number: int) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", servers[number % len(servers)].port, timeout=120)
        connection.connect()
        together.wait(60)
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask, range(clients)))


def asking(server: Server, target: str) -> Future[Answer]:
    """This will ask in a thread of its own."""
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(server.request(target))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return answer


def freeze(server: Server) -> None:
    """This will stop a server's own processes, as if the machine slept; what its children make waits for them."""
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)


def thaw(server: Server) -> None:
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGCONT)


def render_children(server: Server) -> list[int]:
    """The processes that render for a server; each is in a session of its own."""
    assert server.process is not None
    return [pid for pid in tree(server.process.pid) if is_render_child(pid)]
