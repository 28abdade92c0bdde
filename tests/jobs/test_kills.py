"""Workers as real processes, killed, stopped and told to end in the midst of their jobs: on every engine alike."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.crew import PLACES, Crew, crew
from tests.jobs.services import need
from tests.jobs.soak import lose_a_worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def on(*names: str) -> pytest.MarkDecorator:
    """These engines; each test is tried where what it tries is done differently."""
    marked = [pytest.param(name, marks=[pytest.mark.services] if PLACES[name].ports else []) for name in names]
    return pytest.mark.parametrize("workers", marked, indirect=True)


@pytest.fixture
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    need(*PLACES[request.param].ports)
    with crew(request.param, tmp_path) as found:
        yield found


@on("table-sqlite", "table-postgresql", "celery-redis", "celery-rabbitmq")
def test_a_worker_killed_in_the_midst_of_300_jobs_leaves_none_behind_and_doubles_none(workers: Crew) -> None:
    held, again = lose_a_worker(workers)
    assert held >= 1
    # Not all of what it held: the database may end a transaction whose client was killed after sending COMMIT.
    assert again >= 1, "what it held was done by the other"


@on("table-sqlite", "table-postgresql", "celery-redis")
def test_a_worker_stopped_past_its_lease_and_woken_changes_nothing(workers: Crew) -> None:
    [job] = workers.ask("enqueue", seconds=3)
    sleeper = workers.hire()
    workers.wait_for(1, "running")
    sleeper.send_signal(signal.SIGSTOP)
    other = workers.hire()
    workers.wait_for_ends(1)
    sleeper.send_signal(signal.SIGCONT)
    workers.ask("enqueue", number=8, seconds=0.05)
    workers.wait_for_ends(9)
    sleeper.terminate()
    sleeper.wait()
    [first, *_] = workers.check_each_has_one_result(9)
    assert (first["id"], first["worker"], first["attempts"]) == (job, str(other.pid), 2)


@on("table-sqlite", "celery-redis", "celery-rabbitmq")
def test_told_to_end_a_worker_finishes_what_it_can_and_hands_back_the_rest(workers: Crew) -> None:
    workers.ask("enqueue", number=3, seconds=0.3)
    [long] = workers.ask("enqueue", seconds=60)
    worker = workers.hire(IMGOPT_JOBS_GRACE_SECONDS="1")
    workers.wait_for(1, "done")
    worker.terminate()
    assert worker.wait(20) == 0
    jobs = {job["id"]: job for job in workers.ask("jobs")}
    assert (jobs[long]["state"], jobs[long]["attempts"], jobs[long]["results"]) == ("waiting", 0, 0)
    assert [job["state"] for job in jobs.values() if job["id"] != long] == ["done"] * 3


@on("table-sqlite", "celery-rabbitmq")
def test_a_deadly_job_is_a_dead_letter_while_others_finish(workers: Crew) -> None:
    workers.ask("enqueue", kind="deadly")
    workers.ask("enqueue", number=100, seconds=0.01)
    staff = [workers.hire(), workers.hire()]

    def ended() -> bool:
        for place, worker in enumerate(staff):
            if worker.poll() is not None:
                staff[place] = workers.hire()
        counts = workers.ask("states", kinds=["deadly", "errand"])
        return set(counts) <= {"done", "failed"}

    workers.wait_until(ended, "an end of all")
    workers.check_each_has_one_result(100)
    [deadly] = workers.ask("jobs", kinds=["deadly"])
    assert (deadly["state"], deadly["attempts"]) == ("failed", 3)
    assert deadly["error"] == "The worker was lost while it worked on this job."
