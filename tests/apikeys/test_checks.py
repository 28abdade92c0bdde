from __future__ import annotations

import pytest
from pytest_django import Settings

from apikeys.checks import check_settings


def test_sensible_settings_pass() -> None:
    assert check_settings() == []


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("IMGOPT_APIKEYS_ENV", "", "E001"),
        ("IMGOPT_APIKEYS_ENV", "Live", "E001"),
        ("IMGOPT_APIKEYS_ENV", "a_b", "E001"),
        ("IMGOPT_APIKEYS_ENV", None, "E001"),
        ("IMGOPT_APIKEYS_RATE", 0, "E002"),
        ("IMGOPT_APIKEYS_RATE", float("nan"), "E002"),
        ("IMGOPT_APIKEYS_RATE", "20", "E002"),
        ("IMGOPT_APIKEYS_BURST", 0, "E002"),
        ("IMGOPT_APIKEYS_BURST", 1.5, "E002"),
        ("IMGOPT_APIKEYS_ANONYMOUS_RATE", -1.0, "E003"),
        ("IMGOPT_APIKEYS_ANONYMOUS_BURST", True, "E003"),
        ("IMGOPT_TRUSTED_PROXIES", ["10.0.0.0/8", "proxy.example.com"], "E004"),
        ("IMGOPT_TRUSTED_PROXIES", ["0.0.0.0/0"], "E005"),
        ("IMGOPT_TRUSTED_PROXIES", ["::/0"], "E005"),
    ],
)
def test_nonsense_is_told_by_its_id(settings: Settings, name: str, value: object, code: str) -> None:
    setattr(settings, name, value)

    (error,) = check_settings()

    assert error.id == f"apikeys.{code}"
    assert name in str(error.msg)
