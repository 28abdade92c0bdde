"""What a fresh installation needs before its first request, made once and kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

from apikeys import service as apikeys
from assets import children, masters
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery import keyring
from imgopt.demo import DEMO_MASTERS, DemoMaster

ADMIN_NAME = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is shown once, at the end of the first start."""

    password: str
    api_key: str


def prepare(say: Callable[[str], None]) -> None:
    """This will migrate, make a signing key, and draw the demo masters of a new installation."""
    call_command("migrate", verbosity=0, interactive=False)
    if not settings.IMGOPT_SIGNING_KEYS and keyring.refresh().signer is None:
        keyring.rotate()
    if not has_admin():
        missing = [demo for demo in DEMO_MASTERS if not Master.objects.filter(key=demo.key).exists()]
        if missing:
            say("Drawing the demo masters …")
            _draw_demos(missing)


def has_admin() -> bool:
    return get_user_model().objects.filter(is_superuser=True).exists()


def make_secrets() -> Secrets | None:
    """This will make the admin user and an API key, or give `None` where there is an admin already.

    It comes last, and both are made or none: whoever interrupts the first start finds a first start again.
    """
    if has_admin():
        return None
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        user = get_user_model().objects.create_superuser(username=ADMIN_NAME, password=password)
        issued = apikeys.issue(name="first key", owner=user, scopes=["upload", "sign", "read", "manage"])
    return Secrets(password=password, api_key=issued.token)


def _draw_demos(demos: list[DemoMaster]) -> None:
    """Drawn in processes of their own: this one must never load libvips, for it will start others."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        pictures = [future.result() for future in [pool.submit(demo.draw) for demo in demos]]
    for demo, picture in zip(demos, pictures, strict=True):
        with upload_from_bytes(picture, demo.original_name) as upload:
            [master] = masters.create_masters([masters.inspect_upload(upload)], keys=[demo.key])
        masters.change_master(master, {"focal_x": demo.focal_x, "focal_y": demo.focal_y})
    children.stop()
