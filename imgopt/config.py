"""Every setting, once: name, type, default, meaning. Environment first, then `.env`, then a JSON file.

A field of `Config` is a setting; `docs/configuration.md` is held to this list by a test. Nonsense is refused with
a sentence that names the variable.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import environ

from imgopt.values import (
    BASE_DIR,
    boolean,
    choice,
    http_address,
    integer,
    ladder,
    megapixels,
    networks,
    number,
    path,
    plain,
    secret,
    signing_keys,
    url,
    words,
)
from pipeline.ladder import DEFAULT_LADDER
from pipeline.limits import Limits

ENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=")


class ConfigError(Exception):
    """A setting has a value it cannot have; the sentence names the variable."""


def option(
    name: str,
    parse: Callable[[str], Any],
    default: Any,
    meaning: str,
    *,
    secret: bool = False,
    empty: Literal["default", "refused", "value"] = "default",
) -> Any:
    """This will declare a setting. `empty` is what an empty text means: an empty secret never means "off"."""
    return field(
        default=default,
        metadata={"name": name, "parse": parse, "meaning": meaning, "secret": secret, "empty": empty},
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    # The server
    host: str = option("IMGOPT_HOST", plain, "127.0.0.1", "Address the server listens on.")
    port: int = option("IMGOPT_PORT", integer(1, 65535), 8000, "Port the server listens on.")
    server_workers: int = option("IMGOPT_SERVER_WORKERS", integer(1, 64), 1, "Server processes.")
    server_threads: int = option(
        "IMGOPT_SERVER_THREADS", integer(8, 1024), 256, "Requests a server process works on at once."
    )
    server_reserve: int = option(
        "IMGOPT_SERVER_RESERVE",
        integer(1, 512),
        32,
        "Of these, how many only cache hits may take; all other requests beyond the rest get a 503.",
    )
    base_url: str = option(
        "IMGOPT_BASE_URL",
        http_address,
        "",
        "Public address, the start of every absolute URL; empty: http://IMGOPT_HOST:IMGOPT_PORT.",
    )
    allowed_hosts: tuple[str, ...] = option(
        "IMGOPT_ALLOWED_HOSTS",
        words,
        ("localhost", "127.0.0.1", "[::1]"),
        "Host names the server answers to, besides that of IMGOPT_BASE_URL.",
    )
    trusted_proxies: tuple[str, ...] = option(
        "IMGOPT_TRUSTED_PROXIES",
        networks,
        (),
        "Networks whose X-Forwarded-For is believed. Empty: nobody's.",
    )
    debug: bool = option("IMGOPT_DEBUG", boolean, False, "Django's debug mode: never in production.")
    log_level: str = option(
        "IMGOPT_LOG_LEVEL", choice("debug", "info", "warning", "error"), "info", "Least level that is logged."
    )
    log_format: str = option("IMGOPT_LOG_FORMAT", choice("json", "console"), "json", "How log lines look.")

    # State
    data_dir: Path = option("IMGOPT_DATA_DIR", path, BASE_DIR / "var", "Where files are kept.")
    secret_key: str = option(
        "IMGOPT_SECRET_KEY",
        secret,
        "",
        "Django's secret; it encrypts the signing keys too. Empty: made once and kept in the data directory.",
        secret=True,
        empty="refused",
    )
    database_url: str = option(
        "DATABASE_URL",
        url("postgres", "postgresql", "sqlite"),
        "",
        "Database, such as postgres://user@host/name; empty: SQLite in IMGOPT_DATA_DIR.",
        secret=True,
    )
    redis_url: str = option(
        "REDIS_URL",
        url("redis", "rediss", "unix"),
        "",
        "Redis, such as redis://host:6379/0, as a tier shared by all machines; empty: none.",
        secret=True,
    )
    storage: str = option("IMGOPT_STORAGE", choice("disk", "s3"), "disk", "Where masters and variants are kept.")
    masters_bucket: str = option("IMGOPT_MASTERS_BUCKET", plain, "imgopt-masters", "S3 bucket of the masters.")
    variants_bucket: str = option("IMGOPT_VARIANTS_BUCKET", plain, "imgopt-variants", "S3 bucket of the variants.")
    s3_endpoint_url: str = option(
        "AWS_S3_ENDPOINT_URL", http_address, "", "S3 endpoint; empty: Amazon's. Path-style addressing is used with it."
    )
    s3_region_name: str = option("AWS_S3_REGION_NAME", plain, "us-east-1", "S3 region.")
    s3_access_key_id: str = option("AWS_ACCESS_KEY_ID", plain, "", "S3 key id; empty: boto3's own search.")
    s3_secret_access_key: str = option("AWS_SECRET_ACCESS_KEY", plain, "", "S3 secret.", secret=True, empty="refused")

    # Masters
    upload_max_bytes: int = option(
        "IMGOPT_UPLOAD_MAX_BYTES", integer(1_000, 10**10), 100_000_000, "Most bytes of all files in one upload request."
    )
    upload_max_files: int = option("IMGOPT_UPLOAD_MAX_FILES", integer(1, 1000), 50, "Most files in one upload request.")
    limit_megapixels: dict[str, float] = option(
        "IMGOPT_LIMIT_MEGAPIXELS",
        megapixels,
        None,
        "Most pixels × pages a master may have, in millions by format, such as jpeg=100,avif=40.",
    )
    limit_pages: int = option("IMGOPT_LIMIT_PAGES", integer(1, 10_000), 200, "Most pages or frames of a master.")
    limit_output_side: int = option(
        "IMGOPT_LIMIT_OUTPUT_SIDE", integer(16, 65_535), 8192, "Longest side of a variant, in pixels."
    )
    limit_output_megapixels: float = option(
        "IMGOPT_LIMIT_OUTPUT_MEGAPIXELS", number(0.1, 1000), 40.0, "Most pixels of a variant, in millions."
    )

    # Rendering
    render_processes: int = option(
        "IMGOPT_RENDER_PROCESSES", integer(0, 256), 0, "Render children of a server process; 0: one a core."
    )
    render_timeout_seconds: float = option(
        "IMGOPT_RENDER_TIMEOUT_SECONDS", number(0.1, 600), 20.0, "Wall-clock limit of one render."
    )
    render_queue: int = option(
        "IMGOPT_RENDER_QUEUE", integer(0, 10_000), 128, "Renders that may wait; beyond it the answer is 503."
    )
    render_memory_mb: int = option(
        "IMGOPT_RENDER_MEMORY_MB",
        integer(64, 10**6),
        1536,
        "Memory that running renders may need together, by the weight of their formats.",
    )
    render_log: str = option(
        "IMGOPT_RENDER_LOG", plain, "", "A file to which every render appends a line; for tests and benchmarks."
    )

    # Delivery
    delivery_ladder: tuple[int, ...] = option(
        "IMGOPT_DELIVERY_LADDER", ladder, DEFAULT_LADDER, "Widths that are rendered; a width is snapped up to one."
    )
    delivery_memory_mb: int = option(
        "IMGOPT_DELIVERY_MEMORY_MB", integer(0, 10**6), 256, "Memory tier of a server process."
    )
    delivery_variants_mb: int = option(
        "IMGOPT_DELIVERY_VARIANTS_MB",
        integer(1, 10**9),
        4096,
        "Disk that variants may take; the least recently used go first. Not for S3.",
    )
    delivery_max_age_seconds: int = option(
        "IMGOPT_DELIVERY_MAX_AGE_SECONDS",
        integer(0, 31_536_000),
        60,
        "max-age of URLs without a revision.",
    )
    delivery_cors_origin: str = option(
        "IMGOPT_DELIVERY_CORS_ORIGIN",
        plain,
        "*",
        "Access-Control-Allow-Origin of variants; set but empty: not sent.",
        empty="value",
    )
    delivery_miss_rate: float = option(
        "IMGOPT_DELIVERY_MISS_RATE", number(0.01, 10**6), 100.0, "Renders an address may cause, a second."
    )
    delivery_miss_burst: int = option(
        "IMGOPT_DELIVERY_MISS_BURST", integer(1, 10**6), 1000, "Renders an address may cause at once."
    )
    signing_keys: tuple[tuple[str, str], ...] = option(
        "IMGOPT_SIGNING_KEYS",
        signing_keys,
        (),
        "kid:hex64,… replaces the table of signing keys: the first signs, all verify.",
        secret=True,
        empty="refused",
    )

    # API keys
    apikeys_env: str = option("IMGOPT_APIKEYS_ENV", plain, "live", "Second word of new API keys.")
    apikeys_rate: float = option("IMGOPT_APIKEYS_RATE", number(0.01, 10**6), 20.0, "Calls a second of a new API key.")
    apikeys_burst: int = option("IMGOPT_APIKEYS_BURST", integer(1, 10**6), 100, "Calls at once of a new API key.")
    apikeys_anonymous_rate: float = option(
        "IMGOPT_APIKEYS_ANONYMOUS_RATE",
        number(0.001, 10**6),
        1.0,
        "Calls a second without a right key, an address.",
    )
    apikeys_anonymous_burst: int = option(
        "IMGOPT_APIKEYS_ANONYMOUS_BURST", integer(1, 10**6), 20, "Calls at once without a right key, an address."
    )

    @property
    def public_url(self) -> str:
        """The start of every absolute URL, without a closing slash."""
        return self.base_url or f"http://{self.host}:{self.port}"


NAMES = {str(entry.metadata["name"]): entry for entry in fields(Config)}


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
        return ",".join(str(part) for part in default)
    if isinstance(default, Path):
        return str(default.relative_to(BASE_DIR))
    if isinstance(default, float):
        return f"{default:g}"
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
