"""The parts of `make stack` that need none of its services."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.stack import ceph, plan, services
from deploy.stack.__main__ import main
from deploy.stack.plan import Plan, load, make_plan
from deploy.stack.processes import NotStarted, Processes
from deploy.stack.whole import Stack
from imgopt.loading import load as load_config

SLEEPS = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('awake', flush=True); time.sleep(600)",
]


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    return make_plan(tmp_path, own_postgresql=True, own_s3=True, settings={"IMGOPT_DELIVERY_DRAFTS": "false"})


def is_awake(processes: Processes, name: str) -> bool:
    return "awake" in processes.log(name).read_text()


def test_a_process_is_ended_by_whoever_reads_what_was_written_down(tmp_path: Path) -> None:
    starter = Processes(tmp_path)
    starter.start("one", SLEEPS)
    starter.wait_until("one", lambda: is_awake(starter, "one"))
    other = Processes(tmp_path)
    pid = other.pid("one")
    assert pid is not None
    assert other.names() == ["one"]
    other.tell_to_end("one")
    starter.wait_for_end("one")
    assert other.pid("one") is None
    assert other.names() == []


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("deaf", DEAF)
    processes.wait_until("deaf", lambda: is_awake(processes, "deaf"))
    processes.tell_to_end("deaf")
    processes.wait_for_end("deaf", seconds=0.2)
    assert processes.pid("deaf") is None


def test_a_strangers_process_with_a_number_of_ours_is_left_alone(tmp_path: Path) -> None:
    """Numbers come again; the time of start does not."""
    processes = Processes(tmp_path)
    with subprocess.Popen(SLEEPS, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        (tmp_path / "pids" / "old.pid").write_text(f"{stranger.pid} 1")
        assert processes.pid("old") is None
        processes.end("old")
        assert stranger.poll() is None
        stranger.kill()


def test_what_outlives_its_leader_is_ended_with_it(tmp_path: Path) -> None:
    """A server that was killed leaves processes behind that go on listening."""
    words = f"import subprocess, time; print(subprocess.Popen({SLEEPS!r}).pid, flush=True); time.sleep(600)"
    processes = Processes(tmp_path)
    processes.start("server", [sys.executable, "-c", words])
    processes.wait_until("server", lambda: is_awake(processes, "server"))
    told = re.search(r"\d+", processes.log("server").read_text())
    assert told is not None
    processes.tell_to_end("server", signal.SIGKILL)
    processes.wait_for_end("server")
    give_up_at = time.monotonic() + 20
    while is_running(int(told[0])):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(NotStarted, match=r"(?s)broken did not start.*no such thing"):
        processes.wait_until("broken", lambda: False)
    processes.wait_for_end("broken")


def test_what_is_missing_is_told_with_the_line_that_installs_it(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "find_program", lambda name: None if name in ("nginx", "radosgw") else f"/bin/{name}")
    with pytest.raises(NotStarted, match=r"sudo apt install --no-install-recommends nginx radosgw ceph-mon"):
        services.check_programs(planned)


def test_a_taken_port_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotStarted, match=f"make stack PORT={port + 10}"):
            make_plan(tmp_path, port=port, own_postgresql=False, own_s3=False)


def test_machines_share_everything_but_their_folder_and_port(planned: Plan) -> None:
    one = load_config(planned.environment("server-1", 8001))
    two = load_config(planned.environment("server-2", 8002))
    assert (one.data_dir, two.data_dir) == (planned.folder / "server-1", planned.folder / "server-2")
    assert (one.port, two.port) == (8001, 8002)
    for name in ("secret_key", "database_url", "redis_url", "s3_endpoint_url", "masters_bucket", "jobs_engine"):
        assert getattr(one, name) == getattr(two, name) != ""
    assert (one.storage, one.jobs_engine, one.delivery_drafts) == ("s3", "celery", False)
    assert one.trusted_proxies == ("127.0.0.1",)


def test_a_port_in_the_shell_is_not_every_servers(tmp_path: Path) -> None:
    around = {"IMGOPT_PORT": "8000", "IMGOPT_DATA_DIR": "/elsewhere"}
    found = make_plan(tmp_path, own_postgresql=True, own_s3=True, settings=around).environment("server-1", 8001)
    assert (found["IMGOPT_PORT"], found["IMGOPT_DATA_DIR"]) == ("8001", str(tmp_path / "server-1"))


def test_settings_around_it_do_not_reach_the_stack(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    monkeypatch.setenv("AWS_PROFILE", "of-somebody")
    environment = planned.environment("server-1", 8001)
    assert "elsewhere" not in environment["REDIS_URL"]
    assert "AWS_PROFILE" not in environment


def test_a_plan_is_kept_for_its_owner_only(planned: Plan) -> None:
    planned.save()
    assert load(planned.folder) == planned
    assert (planned.folder / plan.FILE).stat().st_mode & 0o077 == 0


def test_what_cannot_be_removed_does_not_keep_the_rest_running(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Plan) -> None:
        raise NotStarted("The database is away.")

    s3_ended: list[Plan] = []
    monkeypatch.setattr(services, "drop_database", refuse)
    monkeypatch.setattr(services, "end_s3", s3_ended.append)
    running = Stack(planned)
    running.processes.start("redis", SLEEPS)
    with pytest.raises(NotStarted, match="is away"):
        running.down()
    assert running.processes.pid("redis") is None
    assert s3_ended == [planned]


def test_s3_erases_no_folder_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    (tmp_path / "precious").touch()
    with pytest.raises(NotStarted, match="empty folder"):
        ceph.up(tmp_path)
    assert (tmp_path / "precious").exists()


def test_s3_that_runs_already_is_not_started_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    (tmp_path / "ceph.conf").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotStarted, match="running already"):
        ceph.up(tmp_path, taken.getsockname()[1])
    assert (tmp_path / "ceph.conf").exists()


@pytest.mark.parametrize("word", ["down", "roll", "status"])
def test_without_a_stack_there_is_nothing_to_do(tmp_path: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word, str(tmp_path)]) == 1
    assert "make stack" in capsys.readouterr().err


def test_nonsense_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upp"]) == 2
    assert "make stack" in capsys.readouterr().out
