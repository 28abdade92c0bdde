"""A worker process."""

from __future__ import annotations

import os
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from assets import children
from delivery import pulse, tracing
from delivery.metrics_files import VARIABLE, MetricsFolder
from jobs import metrics_port, sampling
from jobs.kinds import QUEUES
from jobs.notifications import kafka
from jobs.processes import Workers, commands
from jobs.worker import Worker, WorkerConfig

WATCH_SECONDS = 0.5


class Command(BaseCommand):
    help = "Work on the jobs of the ledger until told to end (SIGTERM, Ctrl-C); `make run` starts one by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--queues", type=_queues, default=QUEUES, metavar="NAME,…", help=f"Of {', '.join(QUEUES)}; default: all."
        )
        parser.add_argument(
            "--until-idle",
            action="store_true",
            help="End when nothing is due any more; such a worker looks into the ledger, and needs no broker.",
        )
        parser.add_argument("--parent", type=int, default=None, metavar="PID", help="End with this process.")

    def handle(self, *_args: Any, **options: Any) -> None:
        config, queues = settings.CONFIG, options["queues"]
        through_broker = config.jobs_engine == "celery" and not options["until_idle"]
        if through_broker and len(queues) > 1:
            self._start_one_a_queue(queues, options["parent"])
            return
        worker_config = WorkerConfig(
            places={queue: places for queue, places in _places().items() if queue in queues},
            lease_seconds=config.jobs_lease_seconds,
            grace_seconds=config.jobs_grace_seconds,
            parent_pid=options["parent"],
        )
        if through_broker:
            from jobs.engines.celery_worker import CeleryWorker

            broker_worker = CeleryWorker(worker_config)
            _on_signals(broker_worker.stop)
            self._work(broker_worker.run)
        else:
            worker = Worker(worker_config)
            _on_signals(worker.stop)
            self._work(lambda: worker.run(until_idle=options["until_idle"]))

    def _work(self, run: Callable[[], None]) -> None:
        connections.settings["default"].update(settings.IMGOPT_WORKER_DATABASE)
        pulse.start()  # keys, presets and purges reach this process too, and what it renders is written down
        sampling.start()
        tracing.start("worker")
        port = None if VARIABLE in os.environ else metrics_port.start()  # else whoever started this one tells them
        try:
            run()
        finally:
            if port is not None:
                port.shutdown()
            children.stop()
            kafka.close()
            pulse.write_down()
            connections.close_all()
        # A handler that did not end within the grace still runs in its thread; its job was handed back.
        os._exit(0)

    def _start_one_a_queue(self, queues: tuple[str, ...], parent_pid: int | None) -> None:
        environment = dict(os.environ)
        figures = None if VARIABLE in environment else MetricsFolder(settings.IMGOPT_DATA_DIR / "metrics")
        if figures is not None:
            environment[VARIABLE] = str(figures.path)
            metrics_port.start(environment[VARIABLE])
        workers = Workers(commands(1, queues), environment)
        told = threading.Event()
        _on_signals(told.set)
        try:
            while not told.is_set() and parent_pid in (None, os.getppid()):
                workers.keep_up()
                told.wait(WATCH_SECONDS)
        finally:
            workers.tell_to_end()
            workers.wait()
            if figures is not None:
                figures.close()


def _places() -> Mapping[str, int]:
    return {"renders": os.cpu_count() or 1, **dict(settings.CONFIG.jobs_concurrency)}


def _queues(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(QUEUES):
        raise ArgumentTypeError(f"Expected names out of {', '.join(QUEUES)}, received {text!r}.")
    return names


def _on_signals(stop: Callable[[], None]) -> None:
    """In a thread, for the main one may hold a lock that `stop` needs."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: threading.Thread(target=stop, name="imgopt-stop").start())
