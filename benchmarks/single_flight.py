"""Single flight: 200 clients ask at once for one variant nobody has asked for; exactly one render may follow.

Every render child appends a line to a file; the lines are counted. The requests are sent over connections that are
open already, to two server processes that share nothing but files.
"""

from __future__ import annotations

import collections
import http.client
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.report import heading, line, save
from benchmarks.serving import photos, serving, sign, upload

CLIENTS = 200
SERVER_PROCESSES = 2
WIDTHS = (700, 1100, 1500)
GOAL = 1


def main() -> None:
    heading("single_flight", f"{CLIENTS} clients at once for one new variant, {SERVER_PROCESSES} server processes")
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "renders"
        log.touch()
        with serving(IMGOPT_SERVER_WORKERS=str(SERVER_PROCESSES), IMGOPT_RENDER_LOG=str(log)) as server:
            image = upload(server, photos(Path(folder))[0])
            for width in WIDTHS:
                before = len(log.read_text().splitlines())
                target = sign(server, image, w=str(width), fm="webp", snap="0")
                start = time.perf_counter()
                answers = crowd(server.port, target)
                elapsed = time.perf_counter() - start
                renders = len(log.read_text().splitlines()) - before
                tiers = dict(collections.Counter(tier for _, tier, _ in answers))
                bodies = len({body for _, _, body in answers})
                statuses = sorted({status for status, _, _ in answers})
                samples.append({"renders": renders, "tiers": tiers, "bodies": bodies, "statuses": statuses})
                line(
                    f"w={width}", f"{renders} render, statuses {statuses}, {bodies} body, {elapsed:.2f} s, from {tiers}"
                )
    most = max(int(str(sample["renders"])) for sample in samples)
    line("renders", f"{most} at most   goal {GOAL}: {'met' if most == GOAL else 'MISSED'}")
    save("single_flight", {"clients": CLIENTS, "server_processes": SERVER_PROCESSES, "turns": samples})


def crowd(port: int, target: str) -> list[tuple[int, str, bytes]]:
    """This will connect everybody, then let everybody ask in the same moment."""
    together = threading.Barrier(CLIENTS)
    answers: list[tuple[int, str, bytes]] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        together.wait(60)
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        answers.append((response.status, response.headers["X-Cache"] or "none", body))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(answers) != CLIENTS:
        raise RuntimeError(f"Expected {CLIENTS} answers, received {len(answers)}.")
    return answers


if __name__ == "__main__":
    main()
