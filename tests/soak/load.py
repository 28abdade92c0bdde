"""Mixed load at a bounded rate: what sites and their editors do all day, a tenth of the actions with bad files."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from imgopt_client.signing import SigningKey, sign_url
from tests.e2e.server import Answer, Server, multipart
from tests.soak import pictures

KEEP = 40
"""Masters: beyond it the oldest goes, or the library itself would be what grows."""
WIDTHS = (64, 160, 240, 320, 480, 640)
QUALITIES = ("q=60", "q=75", "q=auto")
REFUSALS = frozenset({400, 413, 415, 422})


class Load:
    """Some clients, each of which does one action after the other, together `rate` a second."""

    def __init__(self, server: Server, key: SigningKey, *, rate: float, clients: int = 4, seed: int = 1) -> None:
        self._server = server
        self._key = key
        self._api_key = server.api_key
        self._pause = clients / rate
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._masters: list[str] = []
        self._warm: list[str] = []
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._client, args=(random.Random(seed * 1000 + number),), daemon=True)
            for number in range(clients)
        ]
        self._actions: list[tuple[int, Callable[[random.Random], None]]] = [
            (10, self.bad_upload),
            (10, self.upload),
            (38, self.warm),
            (24, self.cold),
            (4, self.replace),
            (4, self.delete),
            (6, self.list),
            (2, self.batch),
            (2, self.forged),
        ]

    def run(self, seconds: float) -> None:
        for _ in range(8):
            self.upload(random.Random(7))
        for thread in self._threads:
            thread.start()
        self._end.wait(seconds)
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _client(self, chance: random.Random) -> None:
        weights, actions = zip(*self._actions, strict=True)
        while not self._end.is_set():
            began = time.monotonic()
            [action] = chance.choices(actions, weights)
            try:
                action(chance)
            except Exception as error:
                self._complain(f"{action.__name__}: {error!r}")
            self._end.wait(max(0.0, self._pause * chance.uniform(0.5, 1.5) - (time.monotonic() - began)))

    def _expect(self, name: str, answer: Answer, *statuses: int) -> bool:
        with self._lock:
            self.done[f"{name} {answer.status}"] += 1
        if answer.status in statuses:
            return True
        self._complain(f"{name}: {answer.status} {answer.body[:200]!r}")
        return False

    def _complain(self, sentence: str) -> None:
        with self._lock:
            self.wrong.append(sentence)

    def _any_master(self, chance: random.Random) -> str | None:
        with self._lock:
            return chance.choice(self._masters) if self._masters else None

    def _send(self, target: str, file: tuple[str, bytes], method: str = "POST") -> Answer:
        body, content_type = multipart((file,), {})
        headers = {"Authorization": f"Bearer {self._api_key}", "Content-Type": content_type}
        return self._server.request(target, method=method, body=body, headers=headers)

    def upload(self, chance: random.Random) -> None:
        answer = self._send("/api/v1/images", pictures.good(chance))
        if self._expect("upload", answer, 201):
            with self._lock:
                self._masters += [each["id"] for each in answer.json]
                surplus = len(self._masters) > KEEP
            if surplus:
                self.delete(chance)

    def bad_upload(self, chance: random.Random) -> None:
        self._expect("bad upload", self._send("/api/v1/images", pictures.bad(chance)), *REFUSALS)

    def cold(self, chance: random.Random) -> None:
        if master := self._any_master(chance):
            pairs = [f"w={chance.choice(WIDTHS)}", chance.choice(QUALITIES), f"blur={chance.randrange(1, 60)}"]
            url = sign_url(f"/i/{master}", pairs, self._key)
            if self._expect("cold", self._server.request(url), 200, 404):  # somebody may have deleted it
                with self._lock:
                    self._warm = [*self._warm[-200:], url]

    def warm(self, chance: random.Random) -> None:
        with self._lock:
            url = chance.choice(self._warm) if self._warm else None
        if url is not None:
            answer = self._server.request(url)
            if self._expect("warm", answer, 200, 404) and answer.status == 404:  # its master was deleted
                with self._lock:
                    self._warm = [each for each in self._warm if each != url]

    def forged(self, chance: random.Random) -> None:
        if master := self._any_master(chance):
            self._expect("forged", self._server.request(f"/i/{master}?w=100&s=k1.AAAA"), 403)

    def replace(self, chance: random.Random) -> None:
        if master := self._any_master(chance):
            answer = self._send(f"/api/v1/image/{master}", pictures.good(chance), method="PUT")
            self._expect("replace", answer, 200, 404)

    def delete(self, _chance: random.Random) -> None:
        with self._lock:
            master = self._masters.pop(0) if len(self._masters) > KEEP // 4 else None
        if master is not None:
            answer = self._server.api(f"/api/v1/image/{master}", self._api_key, method="DELETE")
            self._expect("delete", answer, 204)

    def list(self, chance: random.Random) -> None:
        self._expect("list", self._server.api(f"/api/v1/images?limit={chance.randrange(1, 50)}", self._api_key), 200)

    def batch(self, chance: random.Random) -> None:
        if master := self._any_master(chance):
            wanted = {"images": [master], "widths": [chance.choice(WIDTHS)], "formats": ["webp"]}
            answer = self._server.api("/api/v1/batch", self._api_key, method="POST", document=wanted)
            self._expect("batch", answer, 200, 201, 202, 404)
