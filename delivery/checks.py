"""System checks of delivery."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from delivery import presets, tracing
from pipeline.errors import BadParameter


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


@register()
def check_tracing(**_: Any) -> list[CheckMessage]:
    """A collector that is named and never hears anything would be believed to be idle."""
    if settings.CONFIG.otel_endpoint and not tracing.is_installed():
        return [
            Error(
                "IMGOPT_OTEL_ENDPOINT names a collector, and OpenTelemetry is not installed.",
                hint="pip install imgopt[otel]",
                id="delivery.E003",
            )
        ]
    return []


@register()
def check_presets(**_: Any) -> list[CheckMessage]:
    """A preset that every request would be refused for is a mistake in the settings."""
    found: list[CheckMessage] = []
    for preset in presets.from_settings():
        try:
            presets.check_params(preset.params)
        except BadParameter as error:
            found.append(Error(f"The preset {preset.name!r} cannot be: {error.message}", id="delivery.E002"))
    return found
