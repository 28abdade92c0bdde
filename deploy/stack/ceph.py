"""A real S3 server on loopback: the gateway of Ceph, whose objects lie in memory.

    python -m deploy.stack.ceph up FOLDER [PORT]     about 15 seconds; needs Debian's radosgw, ceph-mon and ceph-osd
    python -m deploy.stack.ceph down FOLDER

It takes path-style addresses, the region us-east-1 and one user, whose keys are those below: they open nothing but
these processes, which listen on 127.0.0.1 only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from deploy.stack.processes import NotStarted, Processes, answers

PORT = 8322
ACCESS_KEY = "AKIDEXAMPLE1"
SECRET_KEY = "SECRETEXAMPLE1"
REGION = "us-east-1"
PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common")
PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool")
NAMES = ("gateway", "osd", "mon")
START_SECONDS = 60.0
END_SECONDS = 3.0
"""The gateway does not always hear a SIGTERM."""

CONFIG = """\
[global]
fsid = {fsid}
mon initial members = a
mon host = {monitor}
keyring = {folder}/keyring
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
public addr = 127.0.0.1
cluster addr = 127.0.0.1
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
osd class load list = *
osd class default list = *
mon allow pool size one = true
mon warn on pool no redundancy = false
run dir = {folder}/run
log file = {folder}/log/$name.log
admin socket = {folder}/run/$name.asok
pid file =
[client.rgw]
rgw data = {folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw enable usage log = false
"""


def endpoint(port: int = PORT) -> str:
    return f"http://127.0.0.1:{port}"


def environment(port: int = PORT) -> dict[str, str]:
    """This will give the settings that point imgopt to it."""
    return {
        "AWS_S3_ENDPOINT_URL": endpoint(port),
        "AWS_S3_REGION_NAME": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def up(folder: Path, port: int = PORT) -> None:
    """This will start monitor, object store and gateway, and make the user. `NotStarted` if that fails."""
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        raise NotStarted(f"Expected {', '.join(missing)}: apt install --no-install-recommends {' '.join(PACKAGES)}")
    if folder.exists() and any(folder.iterdir()) and not (folder / "ceph.conf").exists():
        raise NotStarted(f"Expected an empty folder, or one of an S3 that has ended, received {folder}.")
    if taken := [each for each in (port, port - 1, port - 2) if answers(each)]:
        raise NotStarted(f"Port {taken[0]} is taken: is this S3 running already?")
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("mon", "osd", "gateway", "run", "log"):
        (folder / name).mkdir(parents=True)
    cluster = _Cluster(folder.resolve(), port)
    try:
        cluster.start()
    except (subprocess.SubprocessError, OSError) as error:
        down(folder)
        raise NotStarted(f"Ceph did not start ({error}); its logs are in {folder / 'log'}.") from error


def down(folder: Path) -> None:
    """This will end what `up` has started, and nothing else."""
    if not folder.exists():
        return
    processes = Processes(folder)
    for name in NAMES:
        processes.tell_to_end(name)
        processes.wait_for_end(name, END_SECONDS)


class _Cluster:
    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._processes = Processes(folder)
        self._fsid = str(uuid.uuid4())
        self._monitor = f"[v2:127.0.0.1:{port - 2}/0,v1:127.0.0.1:{port - 1}/0]"

    def start(self) -> None:
        config = CONFIG.format(folder=self._folder, fsid=self._fsid, monitor=self._monitor, port=self._port)
        (self._folder / "ceph.conf").write_text(config)
        self._make_keys()
        self._run("monmaptool", "--create", "--clobber", "--fsid", self._fsid, "--addv", "a", self._monitor, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self._begin("mon", "ceph-mon", "-i", "a", "-f")
        store = str(uuid.uuid4())
        self._run("ceph", "osd", "new", store, "0")  # waits for the monitor
        self._run("ceph", "auth", "import", "-i", "keyring")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        self._begin("osd", "ceph-osd", "-i", "0", "-f")
        self._begin("gateway", "radosgw", "-n", "client.rgw", "-f")
        self._wait()
        self._run(
            *("radosgw-admin", "user", "create", "--uid=imgopt", "--display-name=imgopt"),
            *(f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"),
        )

    def _make_keys(self) -> None:
        (self._folder / "keyring").touch(mode=0o600)
        for name, capabilities in {
            "mon.": {"mon": "allow *"},
            "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
            "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
            "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
        }.items():
            caps = [word for pair in capabilities.items() for word in ("--cap", *pair)]
            self._run("ceph-authtool", "keyring", "--gen-key", "-n", name, *caps)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self._folder / "ceph.conf")}

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, cwd=self._folder, env=self._environment, check=True, capture_output=True, timeout=START_SECONDS
        )

    def _begin(self, name: str, *command: str) -> None:
        self._processes.start(name, command, self._environment)

    def _wait(self) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            try:
                urllib.request.urlopen(endpoint(self._port), timeout=5).close()
            except urllib.error.HTTPError as error:
                error.close()  # it answers
            except OSError:
                time.sleep(0.2)
                continue
            return
        raise subprocess.SubprocessError(f"no answer on port {self._port} within {START_SECONDS:g} s")


def main(words: list[str]) -> int:
    match words:
        case ["up", folder, *port]:
            try:
                up(Path(folder), int(port[0]) if port else PORT)
            except NotStarted as error:
                print(error, file=sys.stderr)
                return 1
            print(f"S3 at {endpoint(int(port[0]) if port else PORT)}  {ACCESS_KEY}  {SECRET_KEY}")
        case ["down", folder]:
            down(Path(folder))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
