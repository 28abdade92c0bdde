"""`docker-compose.yml` as Compose reads it: merged, and with the variables of an `.env` put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy import env

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")


class Unset(Exception):
    """A variable that must be set is not."""


def filled(text: str, values: Mapping[str, str]) -> str:
    """This will put variables in: `${X:-default}` and `${X:?why}`."""

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match.groups()
        found = values.get(name, "")
        if not found and sign == ":?":
            raise Unset(f"{name}: {rest}")
        return found or rest or ""

    return VARIABLE.sub(value, text).replace("$$", "$")


def read(values: Mapping[str, str]) -> dict[str, Any]:
    """Variables are put in after the text was parsed: an empty one is an empty text, not a missing value."""
    found: dict[str, Any] = _filled_in(yaml.safe_load(TEXT), values)
    return found


def _filled_in(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _filled_in(each, values) for name, each in part.items()}
    if isinstance(part, list):
        return [_filled_in(each, values) for each in part]
    return filled(part, values) if isinstance(part, str) else part


def secrets_of(folder: Path) -> dict[str, str]:
    """What `python3 -m deploy.env` writes."""
    env.write(folder / ".env")
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def in_profile(document: dict[str, Any], profile: str) -> set[str]:
    return {name for name, service in document["services"].items() if profile in service["profiles"]}
