"""The reference for Celery: as many messages with an id, as many threads, and a task that does nothing with it.

`python -m benchmarks.bare_celery BROKER MESSAGES THREADS` prints the seconds from the first task to the last, and
the processor time of these.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid

from celery import Celery
from celery.worker import state


def main(broker: str, messages: int, threads: int) -> None:
    app = Celery("bare", broker=broker, set_as_current=False)
    app.conf.update(
        task_default_queue=f"bare-{uuid.uuid4().hex}",
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_detect_quorum_queues=False,
    )
    times: list[float] = []
    processor: list[float] = []
    ended = threading.Event()

    @app.task(name="nothing")
    def nothing(_job_id: str) -> None:
        times.append(time.perf_counter())
        processor.append(time.process_time())
        if len(times) == messages:
            ended.set()

    for _ in range(messages):
        nothing.delay(str(uuid.uuid4()))
    worker = app.WorkController(
        pool_cls="threads", concurrency=threads, without_mingle=True, without_gossip=True, without_heartbeat=True
    )

    def stop() -> None:
        ended.wait()
        state.should_stop = 0
        worker.hub.call_soon(lambda: None)

    threading.Thread(target=stop).start()
    worker.start()
    with app.connection_for_write() as connection:
        connection.default_channel.queue_delete(app.conf.task_default_queue)
    print(times[-1] - times[0], processor[-1] - processor[0])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
