"""System checks of delivery."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def check_storages(**_: Any) -> list[CheckMessage]:
    """Masters and variants in one place would let an eviction delete masters."""
    if settings.STORAGES["masters"] == settings.STORAGES["variants"]:
        return [
            Error(
                "Masters and variants have the same place.",
                hint="Give IMGOPT_MASTERS_BUCKET and IMGOPT_VARIANTS_BUCKET different names.",
                id="delivery.E001",
            )
        ]
    return []
