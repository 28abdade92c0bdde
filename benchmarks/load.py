"""A load generator: keep-alive connections that ask for one URL as fast as they are answered.

One process with epoll and raw sockets. Bodies are thrown away inside the kernel (MSG_TRUNC), so that a client costs
much less than the server it measures; whether it does is told by its own share of processor time.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import subprocess
import sys
import time
from array import array
from dataclasses import asdict, dataclass
from typing import Any

ACCEPT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SINK = bytearray(1 << 20)
HEAD_BYTES = 2048


@dataclass(frozen=True, kw_only=True)
class Order:
    port: int
    target: str
    connections: int
    seconds: float
    core: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    answers: int
    seconds: float
    client_busy: float
    """The client's own share of one core, 0..1."""
    latencies_ms: list[float]


def measure(order: Order) -> Outcome:
    """This will run the load in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(order))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=order.seconds + 30)
    return Outcome(**json.loads(done.stdout))


class Client:
    """One connection with one request under way."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._left = 0
        self.asked_at = 0.0

    def ask(self) -> None:
        self.asked_at = time.perf_counter()
        self.socket.send(self._request)

    def take(self) -> bool:
        """This will take what has arrived, and say whether the answer is complete."""
        if self._left == 0:
            self._left = self._take_head()
        if self._left:
            self._left -= self.socket.recv_into(SINK, self._left, socket.MSG_TRUNC | socket.MSG_DONTWAIT)
        return self._left == 0

    def _take_head(self) -> int:
        """This will read the head, which comes in one piece, and give the number of bytes still to come."""
        head = self.socket.recv(HEAD_BYTES)
        end = head.index(b"\r\n\r\n") + 4
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head[:200])
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at : head.index(b"\r", at)])
        return end + length - len(head)


def generate(order: Order) -> Outcome:
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    request = f"GET {order.target} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nAccept: {ACCEPT}\r\n\r\n".encode()
    everybody = [Client(order.port, request) for _ in range(order.connections)]
    clients = {client.socket.fileno(): client for client in everybody}
    poll = select.epoll()
    for descriptor in clients:
        poll.register(descriptor, select.EPOLLIN)
    latencies = array("d")
    gc.disable()
    cpu, start = time.process_time(), time.perf_counter()
    end = start + order.seconds
    for client in clients.values():
        client.ask()
    now = start
    while now < end:
        for descriptor, _ in poll.poll(1.0):
            client = clients[descriptor]
            try:
                complete = client.take()
            except BlockingIOError:
                continue
            if complete:
                latencies.append(time.perf_counter() - client.asked_at)
                client.ask()
        now = time.perf_counter()
    return Outcome(
        answers=len(latencies),
        seconds=now - start,
        client_busy=(time.process_time() - cpu) / (now - start),
        latencies_ms=[round(1000 * latency, 3) for latency in latencies],
    )


def main(arguments: list[str]) -> None:
    order: dict[str, Any] = json.loads(arguments[0])
    json.dump(asdict(generate(Order(**order))), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
