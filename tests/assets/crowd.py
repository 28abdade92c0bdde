"""Two processes of several threads that upload and delete the same bytes at the same time.

`python -m tests.assets.crowd PICTURE` prints, as JSON, what each step left in the settings' data directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "imgopt.settings"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from assets import masters  # noqa: E402
from assets.blobs import Incoming  # noqa: E402
from assets.errors import StorageUnavailable  # noqa: E402
from assets.models import Blob, Master  # noqa: E402
from assets.uploads import upload_from_bytes  # noqa: E402
from pipeline.source import SourceInfo  # noqa: E402

PARENT = os.getpid()
INFO = SourceInfo(format="jpeg", width=48, height=36)  # decoding is not what is tried here


def upload(picture: bytes) -> Master:
    with upload_from_bytes(picture, "photo.jpg") as file:
        [master] = masters.create_masters([Incoming(file, INFO)])
    return master


def churn(picture: bytes) -> None:
    """This will upload and delete a few times, so that the last master often goes; it ends with one master."""
    for _ in range(6):
        try:
            masters.delete_master(upload(picture))
        except StorageUnavailable:
            continue  # deleted twice in a row under our hands: an honest 503
    while True:
        try:
            upload(picture)
        except StorageUnavailable:
            continue
        return


def together(work: Callable[[bytes], Any], picture: bytes, threads: int) -> None:
    """This will work in two forked processes; libvips was not loaded here, so that forking is safe."""
    connections.close_all()
    children = [os.fork() for _ in range(2) if os.getpid() == PARENT]
    if os.getpid() != PARENT:
        os._exit(in_threads(work, picture, threads))
    for child in children:
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise SystemExit(f"a process of the crowd failed: {status}")


def in_threads(work: Callable[[bytes], Any], picture: bytes, threads: int) -> int:
    def one(_: int) -> bool:
        try:
            work(picture)
        except Exception:
            traceback.print_exc()
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(threads) as pool:
        return 0 if all(pool.map(one, range(threads))) else 1


def look() -> dict[str, Any]:
    folder = Path(settings.STORAGES["masters"]["OPTIONS"]["location"])
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        "masters": Master.objects.count(),
        "blobs": Blob.objects.count(),
        "files": [path.name for path in files],
        "digests": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
    }


def main(picture: bytes) -> list[dict[str, Any]]:
    call_command("migrate", verbosity=0)
    together(upload, picture, 8)
    first = look()
    together(churn, picture + b"churned", 3)
    return [first, look()]


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]).read_bytes()), sys.stdout)
