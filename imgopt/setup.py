"""What a fresh installation needs before its first request, made once and kept."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, transaction

from apikeys import service as apikeys
from assets import children, masters
from assets.errors import StorageUnavailable
from assets.masters import find_master
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery import keyring
from delivery.publish import signed_url
from imgopt.demo import DEMO_MASTERS, DemoMaster

log = structlog.get_logger("imgopt.setup")

ADMIN_NAME = "admin"
AGAIN_SECONDS = 2.0
"""Between two attempts to prepare while a dependency is away."""
LOCK_NUMBER = 0x696D676F7074
"""Of the advisory lock in PostgreSQL: `imgopt`, as a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is shown once, at the end of the first start."""

    password: str
    api_key: str


def prepare(say: Callable[[str], None]) -> None:
    """This will migrate, make a signing key, and draw the demo masters of a new installation."""
    with _alone():
        call_command("migrate", verbosity=0, interactive=False)
        if not settings.IMGOPT_SIGNING_KEYS and keyring.refresh().signer is None:
            keyring.rotate()
        if not has_admin():
            missing = [demo for demo in DEMO_MASTERS if not Master.objects.filter(key=demo.key).exists()]
            if missing:
                say("Drawing the demo masters …")
                _draw_demos(missing)


def is_prepared(say: Callable[[str], None]) -> bool:
    """This will prepare, or say `False` where the database or the masters' storage does not answer.

    A database of this machine is a file: what is wrong with it does not pass by waiting, and is raised.
    """
    try:
        prepare(say)
    except (OperationalError, InterfaceError, StorageUnavailable) as error:
        if connection.vendor == "sqlite" and not isinstance(error, StorageUnavailable):
            raise
        log.warning("not prepared yet", error=repr(error)[:200])
        connection.close()
        return False
    return True


class LateSetup:
    """Prepares in the background what could not be prepared at the start, as soon as everything for it answers."""

    def __init__(self, say: Callable[[str], None], then: Callable[[], None]) -> None:
        """`then` is called once, when all is prepared."""
        self._say = say
        self._then = then
        self._end = threading.Event()
        # It may hang with its dependency, and must not keep the server from ending.
        self._thread = threading.Thread(target=self._run, name="imgopt-setup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(AGAIN_SECONDS):
            try:
                if is_prepared(self._say):
                    self._then()
                    return
            except Exception:
                log.exception("setup failed")
            finally:
                connection.close()


@contextmanager
def _alone() -> Iterator[None]:
    """One machine at a time: two that start on the same empty database would both make its tables and its key."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])
    try:
        yield
    finally:
        if connection.is_usable():  # else the lock has ended with the connection
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_NUMBER])


def has_admin() -> bool:
    return get_user_model().objects.filter(is_superuser=True).exists()


def make_secrets() -> Secrets | None:
    """This will make the admin user and an API key, or give `None` where there is an admin already.

    It comes last, and both are made or none: whoever interrupts the first start finds a first start again.
    """
    with _alone():
        return None if has_admin() else _make_secrets()


def _make_secrets() -> Secrets:
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        user = get_user_model().objects.create_superuser(username=ADMIN_NAME, password=password)
        issued = apikeys.issue(name="first key", owner=user, scopes=["upload", "sign", "read", "manage"])
    return Secrets(password=password, api_key=issued.token)


def how_to_get_in(secrets: Secrets | None) -> list[str]:
    """This will give the lines that a newcomer needs, and an old hand otherwise."""
    url = settings.IMGOPT_PUBLIC_URL
    if secrets is None:
        return [f"  admin     {url}/admin/   (lost the password? `make password`)", ""]
    lines = [
        "",
        "Shown once, so keep them:",
        f"  admin     {url}/admin/",
        f"  user      {ADMIN_NAME}",
        f"  password  {secrets.password}",
        f"  API key   {secrets.api_key}",
        "",
        "Upload a photo of yours:",
        f'  curl -H "Authorization: Bearer {secrets.api_key}" -F file=@photo.jpg {url}/api/v1/images',
    ]
    demo = find_master(DEMO_MASTERS[0].key)
    if demo is not None:
        lines += ["", "A demo master, 800 pixels wide:", f"  {signed_url(demo, {'w': '800'})}"]
    return [*lines, ""]


def _draw_demos(demos: list[DemoMaster]) -> None:
    """Drawn in processes of their own: this one must never load libvips, for it will start others."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        pictures = [future.result() for future in [pool.submit(demo.draw) for demo in demos]]
    for demo, picture in zip(demos, pictures, strict=True):
        with upload_from_bytes(picture, demo.original_name) as upload:
            [master] = masters.create_masters([masters.inspect_upload(upload)], keys=[demo.key])
        masters.change_master(master, {"focal_x": demo.focal_x, "focal_y": demo.focal_y})
    children.stop()
