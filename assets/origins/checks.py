"""System checks of the origins: what would fail at every request is told when the service starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from assets.origins.addresses import may_go_to
from assets.origins.errors import OriginRefused
from assets.origins.guard import target_of
from assets.origins.places import folder_of


@register()
def check_origins(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name, address in settings.CONFIG.origins:
        kind = address.partition(":")[0]
        found += {"file": _check_folder, "s3": _check_bucket}.get(kind, _check_site)(name, address)
    return found


def _check_folder(name: str, address: str) -> list[CheckMessage]:
    folder = folder_of(address).resolve()
    data = Path(settings.IMGOPT_DATA_DIR).resolve()
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        return [
            Error(
                f"The origin {name!r} and the data directory lie in each other.",
                hint="The data directory holds the secret and the database; name a folder of pictures only.",
                id="assets.E001",
            )
        ]
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        return [
            Warning(
                f"The origin {name!r} names a folder that is not there or cannot be read.",
                hint="Its pictures are answered with 503 until it is.",
                id="assets.W001",
            )
        ]
    return []


def _check_bucket(name: str, _address: str) -> list[CheckMessage]:
    config = settings.CONFIG
    if (config.s3_access_key_id and config.s3_secret_access_key) or _finds_credentials():
        return []
    return [
        Warning(
            f"The origin {name!r} is a bucket, and there are no credentials for S3.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, unless this machine has a role of its own.",
            id="assets.W002",
        )
    ]


def _finds_credentials() -> bool:
    """Where boto3 would find some, but for the metadata service of a cloud: a check does not go to the network."""
    from botocore.session import get_session

    search = get_session().get_component("credential_provider")
    search.remove("iam-role")
    search.remove("container-role")
    return search.load_credentials() is not None


def _check_site(name: str, address: str) -> list[CheckMessage]:
    try:
        target = target_of(address)
    except OriginRefused as error:
        return [
            Error(
                f"The origin {name!r} has an address that is refused.",
                hint=error.message,
                id="assets.E002",
            )
        ]
    is_number = ":" in target.host or target.host.replace(".", "").isdigit()
    if is_number and not may_go_to(target.host, settings.CONFIG.origins_private_networks):
        return [
            Warning(
                f"The origin {name!r} lies in a network that is not public.",
                hint="Name that network in IMGOPT_ORIGINS_PRIVATE_NETWORKS.",
                id="assets.W003",
            )
        ]
    return []
