"""Settings as they are given: the environment first, then `.env`, then a JSON file."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, ClassVar

import environ

from imgopt.config import NAMES, Config
from imgopt.values import BASE_DIR, path
from pipeline.limits import Limits
from pipeline.targets import Target, write_quality

ENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=")


class ConfigError(Exception):
    """A setting has a value it cannot have; the sentence names the variable."""


def load(environment: Mapping[str, str], *, env_file: Path | None = None) -> Config:
    """This will read every setting, or raise `ConfigError` with one sentence that names the variable."""
    if "IMGOPT_ENV_FILE" in environment and env_file is not None and not env_file.exists():
        raise ConfigError(f"Expected the path of a file for IMGOPT_ENV_FILE, received {str(env_file)!r}.")
    above = {**_env_file_values(env_file), **environment}
    values = {**_json_values(above), **above}
    parsed: dict[str, Any] = {}
    for name, entry in NAMES.items():
        text = values.get(name, "")
        empty = entry.metadata["empty"] if name in values else "default"
        if text == "" and empty == "refused":
            raise ConfigError(f"{name} is set but empty: leave it out, or give it a value.")
        if text == "" and empty == "default":
            continue
        try:
            parsed[entry.name] = entry.metadata["parse"](text)
        except ValueError as error:
            received = "something else" if entry.metadata["secret"] else repr(text[:60])
            raise ConfigError(f"Expected {error} for {name}, received {received}.") from error
    if parsed.get("limit_megapixels") is None:
        parsed["limit_megapixels"] = dict(Limits().max_megapixels)
    config = Config(**parsed)
    if config.server_reserve >= config.server_threads:
        raise ConfigError(
            f"Expected IMGOPT_SERVER_RESERVE below IMGOPT_SERVER_THREADS ({config.server_threads}), "
            f"received {config.server_reserve}."
        )
    return config


def default_text(name: str) -> str:
    """This will give the default as it would be written in the environment."""
    default = NAMES[name].default
    if default is None or default is MISSING:
        default = Limits().max_megapixels
    if isinstance(default, Mapping):
        return ",".join(f"{key}={value:g}" for key, value in default.items())
    if isinstance(default, tuple):
        return ",".join("=".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in default)
    if isinstance(default, Path):
        return str(default.relative_to(BASE_DIR))
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, Target):
        return write_quality(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


class _EnvFile(environ.Env):  # type: ignore[misc]
    """Reads `.env` into a dictionary of its own, not into the process's environment."""

    ENVIRON: ClassVar[dict[str, str]] = {}


def _env_file_values(env_file: Path | None) -> dict[str, str]:
    if env_file is None or not env_file.is_file():
        return {}
    try:
        content = env_file.read_text()
    except (OSError, ValueError) as error:
        raise ConfigError(f"Expected a readable text file of settings, received {str(env_file)!r}.") from error
    for place, line in enumerate(content.splitlines(), start=1):
        if line and not line.startswith("#") and not ENV_LINE.match(line):  # may be a secret, so it is not repeated
            raise ConfigError(f"Expected NAME=value, without spaces around =, in line {place} of {env_file}.")
    _EnvFile.ENVIRON.clear()
    _EnvFile.read_env(io.StringIO(content))
    return dict(_EnvFile.ENVIRON)


def _json_values(environment: Mapping[str, str]) -> dict[str, str]:
    name = environment.get("IMGOPT_CONFIG", "")
    if not name:
        return {}
    try:
        content = json.loads(path(name).read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"Expected the path of a readable JSON file for IMGOPT_CONFIG, received {name!r}.") from error
    if not isinstance(content, dict):
        raise ConfigError("Expected an object of setting names and values in the file named by IMGOPT_CONFIG.")
    unknown = sorted(set(content) - set(NAMES))
    if unknown:
        raise ConfigError(f"Unknown setting {unknown[0]!r} in the file named by IMGOPT_CONFIG.")
    return {key: _as_text(key, value) for key, value in content.items()}


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list):
        return ",".join(_as_text(name, part) for part in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={_as_text(name, part)}" for key, part in value.items())
    raise ConfigError(f"Expected a text, a number, true, false or a list for {name}, received {value!r}.")
