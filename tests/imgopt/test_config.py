"""Every setting: what it takes, what it refuses, and that the documents list them all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from imgopt.config import NAMES
from imgopt.loading import ConfigError, default_text, load
from imgopt.values import BASE_DIR
from pipeline.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
SECRETS = [name for name, entry in NAMES.items() if entry.metadata["secret"]]
HEX = "0123456789abcdef" * 4

ACCEPTED: list[tuple[str, str, Any]] = [
    ("IMGOPT_HOST", "0.0.0.0", "0.0.0.0"),
    ("IMGOPT_PORT", "1", 1),
    ("IMGOPT_PORT", "65535", 65535),
    ("IMGOPT_SERVER_WORKERS", "4", 4),
    ("IMGOPT_SERVER_THREADS", "64", 64),
    ("IMGOPT_SERVER_RESERVE", "8", 8),
    ("IMGOPT_BASE_URL", "https://images.example.com/", "https://images.example.com"),
    ("IMGOPT_BASE_URL", "http://[::1]:8000", "http://[::1]:8000"),
    ("IMGOPT_ALLOWED_HOSTS", " a.example , b.example,", ("a.example", "b.example")),
    ("IMGOPT_TRUSTED_PROXIES", "10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
    ("IMGOPT_DEBUG", "True", True),
    ("IMGOPT_DEBUG", "off", False),
    ("IMGOPT_LOG_LEVEL", "debug", "debug"),
    ("IMGOPT_LOG_FORMAT", "console", "console"),
    ("IMGOPT_DATA_DIR", "/srv/imgopt", Path("/srv/imgopt")),
    ("IMGOPT_DATA_DIR", "data", BASE_DIR / "data"),
    ("IMGOPT_SECRET_KEY", "x" * 32, "x" * 32),
    ("IMGOPT_SECRET_KEY_FORMER", f"{'x' * 32}, {'y' * 40}", ("x" * 32, "y" * 40)),
    ("DATABASE_URL", "postgres://u:p@h/n", "postgres://u:p@h/n"),
    ("DATABASE_URL", "sqlite:////srv/db.sqlite3", "sqlite:////srv/db.sqlite3"),
    ("IMGOPT_DATABASE_POOL", "0", 0),
    ("IMGOPT_DATABASE_TIMEOUT_SECONDS", "2.5", 2.5),
    ("REDIS_URL", "rediss://:p@h:6379/0", "rediss://:p@h:6379/0"),
    ("IMGOPT_STORAGE", "s3", "s3"),
    ("IMGOPT_MASTERS_BUCKET", "m", "m"),
    ("IMGOPT_VARIANTS_BUCKET", "v", "v"),
    ("AWS_S3_ENDPOINT_URL", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ("AWS_S3_REGION_NAME", "eu-central-1", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "id", "id"),
    ("AWS_SECRET_ACCESS_KEY", "secret", "secret"),
    ("AWS_S3_ADDRESSING_STYLE", "virtual", "virtual"),
    ("IMGOPT_S3_PUBLIC_ENDPOINT_URL", "https://s3.example.com", "https://s3.example.com"),
    ("IMGOPT_S3_TIMEOUT_SECONDS", "2.5", 2.5),
    ("IMGOPT_S3_ATTEMPTS", "1", 1),
    ("IMGOPT_MASTERS_CACHE_MB", "0", 0),
    ("IMGOPT_UPLOAD_MAX_BYTES", "1000", 1000),
    ("IMGOPT_UPLOAD_MAX_FILES", "1", 1),
    ("IMGOPT_LIMIT_PAGES", "10", 10),
    ("IMGOPT_LIMIT_OUTPUT_SIDE", "4096", 4096),
    ("IMGOPT_LIMIT_OUTPUT_MEGAPIXELS", "0.5", 0.5),
    ("IMGOPT_RENDER_PROCESSES", "3", 3),
    ("IMGOPT_RENDER_TIMEOUT_SECONDS", "1.5", 1.5),
    ("IMGOPT_RENDER_QUEUE", "0", 0),
    ("IMGOPT_RENDER_MEMORY_MB", "64", 64),
    ("IMGOPT_RENDER_LOG", "/tmp/log", "/tmp/log"),
    ("IMGOPT_QUALITY_METRICS", "ssimulacra2, ssimulacra2", ("ssimulacra2",)),
    ("IMGOPT_DELIVERY_LADDER", "320, 640,1280", (320, 640, 1280)),
    ("IMGOPT_DELIVERY_MEMORY_MB", "0", 0),
    ("IMGOPT_DELIVERY_VARIANTS_MB", "1", 1),
    ("IMGOPT_DELIVERY_REDIS_MAX_KB", "0", 0),
    ("IMGOPT_DELIVERY_REDIS_DAYS", "30", 30),
    ("IMGOPT_DELIVERY_QUALITY", "auto", TARGETS["best"]),
    ("IMGOPT_DELIVERY_QUALITY", "auto:0.985", Target(ssim=0.985)),
    ("IMGOPT_DELIVERY_QUALITY", "80", 80),
    ("IMGOPT_DELIVERY_QUALITY", "default", None),
    ("IMGOPT_DELIVERY_DRAFTS", "off", False),
    ("IMGOPT_DELIVERY_BUDGET_MS", "0", 0),
    ("IMGOPT_DELIVERY_MAX_AGE_SECONDS", "0", 0),
    ("IMGOPT_DELIVERY_CDN_SECONDS", "5", 5),
    ("IMGOPT_DELIVERY_CORS_ORIGIN", "", ""),
    ("IMGOPT_DELIVERY_MISS_RATE", "0.01", 0.01),
    ("IMGOPT_DELIVERY_MISS_BURST", "1", 1),
    ("IMGOPT_SIGNING_KEYS", f"a1:{HEX},b2:{HEX}", (("a1", HEX), ("b2", HEX))),
    (
        "IMGOPT_DELIVERY_PRESETS",
        "hero:w=1600&ar=16:9; thumb:w=200;",
        (("hero", "w=1600&ar=16:9"), ("thumb", "w=200")),
    ),
    ("IMGOPT_DELIVERY_STRICT", "true", True),
    ("IMGOPT_DELIVERY_CLIENT_HINTS", "true", True),
    ("IMGOPT_DELIVERY_ERROR_PICTURE", "site/missing", "site/missing"),
    (
        "IMGOPT_ORIGINS",
        "shop=https://shop.example/media/,old=s3://bucket/a,scans=file:///srv/scans",
        (("shop", "https://shop.example/media"), ("old", "s3://bucket/a"), ("scans", "file:///srv/scans")),
    ),
    ("IMGOPT_ORIGINS_PRIVATE_NETWORKS", "10.1.0.0/16", ("10.1.0.0/16",)),
    ("IMGOPT_ORIGINS_MAX_BYTES", "1000", 1000),
    ("IMGOPT_ORIGINS_TIMEOUT_SECONDS", "0.5", 0.5),
    ("IMGOPT_ORIGINS_MAX_AGE_SECONDS", "1", 1),
    ("IMGOPT_JOBS_ENGINE", "celery", "celery"),
    ("IMGOPT_JOBS_BROKER_URL", "amqps://u:p@h//", "amqps://u:p@h//"),
    ("IMGOPT_JOBS_PREFIX", "shop-2", "shop-2"),
    ("IMGOPT_REDIS_PREFIX", "shop-2", "shop-2"),
    ("IMGOPT_JOBS_WORKERS", "0", 0),
    ("IMGOPT_JOBS_CONCURRENCY", "renders=2, upkeep=3", (("notifications", 4), ("upkeep", 3), ("renders", 2))),
    ("IMGOPT_JOBS_LEASE_SECONDS", "0.5", 0.5),
    ("IMGOPT_JOBS_GRACE_SECONDS", "0", 0.0),
    ("IMGOPT_JOBS_METRICS_PORT", "9108", 9108),
    ("IMGOPT_JOBS_KEEP_DAYS", "1", 1),
    ("IMGOPT_JOBS_WARM_UPLOADS", "on", True),
    ("IMGOPT_JOBS_MAX_OPTIONS", "1", 1),
    ("IMGOPT_JOBS_OPEN_NETWORKS", "10.0.0.0/8, fd00::/8", ("10.0.0.0/8", "fd00::/8")),
    ("IMGOPT_WEBHOOKS_PRIVATE_NETWORKS", "10.1.0.0/16", ("10.1.0.0/16",)),
    ("IMGOPT_WEBHOOKS_TIMEOUT_SECONDS", "0.5", 0.5),
    ("IMGOPT_KAFKA_BROKERS", "kafka1:9092, [::1]:9093", ("kafka1:9092", "[::1]:9093")),
    ("IMGOPT_KAFKA_TOPIC", "shop.jobs_1", "shop.jobs_1"),
    ("IMGOPT_KAFKA_EVENTS", "job.completed, job.failed", ("job.completed", "job.failed")),
    ("IMGOPT_KAFKA_SECURITY", "sasl_ssl", "sasl_ssl"),
    ("IMGOPT_KAFKA_SASL_MECHANISM", "PLAIN", "PLAIN"),
    ("IMGOPT_KAFKA_USERNAME", "imgopt", "imgopt"),
    ("IMGOPT_KAFKA_PASSWORD", "p", "p"),
    ("IMGOPT_KAFKA_CA_FILE", "/etc/kafka/ca.pem", "/etc/kafka/ca.pem"),
    ("IMGOPT_KAFKA_TIMEOUT_SECONDS", "1", 1.0),
    ("IMGOPT_METRICS_NETWORKS", "10.0.0.0/8", ("10.0.0.0/8",)),
    ("IMGOPT_METRICS_TOKEN", "x" * 32, "x" * 32),
    ("IMGOPT_OTEL_ENDPOINT", "http://127.0.0.1:4318/", "http://127.0.0.1:4318"),
    ("IMGOPT_OTEL_SAMPLE", "0.5", 0.5),
    ("IMGOPT_API_DOCS", "off", False),
    ("IMGOPT_APIKEYS_ENV", "test", "test"),
    ("IMGOPT_APIKEYS_RATE", "5", 5.0),
    ("IMGOPT_APIKEYS_BURST", "7", 7),
    ("IMGOPT_APIKEYS_ANONYMOUS_RATE", "0.5", 0.5),
    ("IMGOPT_APIKEYS_ANONYMOUS_BURST", "3", 3),
]
REFUSED: list[tuple[str, str]] = [
    *[("IMGOPT_DELIVERY_PRESETS", text) for text in ("hero", "hero:", "Hero:w=1", "a:w=1;a:w=2", ":w=1", "w=1")],
    *[
        ("IMGOPT_ORIGINS", text)
        for text in ("https://a.example", "shop=ftp://a", "a=https://b@c", "A=https://b", "a=file://srv", "a=s3://")
    ],
    ("IMGOPT_ORIGINS", "a=https://b,a=https://c"),
    *[("IMGOPT_ORIGINS_PRIVATE_NETWORKS", text) for text in ("localhost", "10.0.0.0/33")],
    *[("IMGOPT_JOBS_OPEN_NETWORKS", text) for text in ("private", "10.0.0.0/33")],
    ("IMGOPT_JOBS_MAX_OPTIONS", "0"),
    ("IMGOPT_ORIGINS_MAX_BYTES", "0"),
    ("IMGOPT_ORIGINS_TIMEOUT_SECONDS", "0"),
    ("IMGOPT_ORIGINS_MAX_AGE_SECONDS", "0"),
    ("IMGOPT_JOBS_ENGINE", "rq"),
    *[("IMGOPT_JOBS_BROKER_URL", text) for text in ("localhost", "sqs://", "memory://x")],
    *[(f"IMGOPT_{name}_PREFIX", text) for name in ("JOBS", "REDIS") for text in ("a b", "Shop", "-a", "a.b")],
    ("IMGOPT_JOBS_WORKERS", "-1"),
    *[("IMGOPT_JOBS_CONCURRENCY", text) for text in ("2", "renders", "renders=0", "mails=1", "renders=x")],
    ("IMGOPT_JOBS_LEASE_SECONDS", "0"),
    ("IMGOPT_JOBS_GRACE_SECONDS", "-1"),
    ("IMGOPT_JOBS_KEEP_DAYS", "0"),
    ("IMGOPT_JOBS_WARM_UPLOADS", "maybe"),
    ("IMGOPT_WEBHOOKS_PRIVATE_NETWORKS", "localhost"),
    ("IMGOPT_WEBHOOKS_TIMEOUT_SECONDS", "0"),
    *[("IMGOPT_KAFKA_BROKERS", text) for text in ("kafka1", "kafka1:", "http://a:1", "a:1;b:2", "u@a:1", "a:123456")],
    *[("IMGOPT_KAFKA_TOPIC", text) for text in ("a b", ".", "..", "a/b", "x" * 250, "ü")],
    ("IMGOPT_KAFKA_EVENTS", "job.exploded"),
    ("IMGOPT_KAFKA_SECURITY", "none"),
    ("IMGOPT_KAFKA_SASL_MECHANISM", "GSSAPI"),
    ("IMGOPT_KAFKA_PASSWORD", ""),
    ("IMGOPT_KAFKA_TIMEOUT_SECONDS", "0.5"),
    ("IMGOPT_METRICS_NETWORKS", "anyone"),
    *[("IMGOPT_METRICS_TOKEN", text) for text in ("", "short")],
    *[("IMGOPT_PORT", text) for text in ("0", "65536", "-1", "8000.0", "8e3", " 8000", "８０００", "x", "9" * 5000)],
    ("IMGOPT_SERVER_WORKERS", "0"),
    ("IMGOPT_SERVER_THREADS", "7"),
    ("IMGOPT_SERVER_RESERVE", "513"),
    *[("IMGOPT_BASE_URL", text) for text in ("a.example", "ftp://a", "https://", "http://a b", "https://a?b", "//a")],
    *[("IMGOPT_TRUSTED_PROXIES", text) for text in ("10.0.0.0/33", "proxy.example", "10.0.0.1;10.0.0.2")],
    *[("IMGOPT_DEBUG", text) for text in ("2", "yep", "None")],
    *[("IMGOPT_LOG_LEVEL", text) for text in ("INFO", "loud")],
    ("IMGOPT_LOG_FORMAT", "xml"),
    *[("IMGOPT_SECRET_KEY", text) for text in ("", "x" * 31)],
    *[("IMGOPT_SECRET_KEY_FORMER", text) for text in ("", ",", f"{'x' * 32},y")],
    *[("DATABASE_URL", text) for text in ("nonsense", "mysql://h/n", "postgres://", "postgres:h")],
    *[("REDIS_URL", text) for text in ("localhost:6379", "http://h")],
    ("IMGOPT_STORAGE", "ftp"),
    ("AWS_S3_ENDPOINT_URL", "127.0.0.1:9000"),
    ("AWS_S3_ADDRESSING_STYLE", "dns"),
    ("IMGOPT_S3_PUBLIC_ENDPOINT_URL", "s3.example.com"),
    *[("IMGOPT_S3_TIMEOUT_SECONDS", text) for text in ("0", "nan", "121")],
    ("IMGOPT_S3_ATTEMPTS", "0"),
    ("IMGOPT_MASTERS_CACHE_MB", "-1"),
    ("AWS_SECRET_ACCESS_KEY", ""),
    ("IMGOPT_UPLOAD_MAX_BYTES", "999"),
    ("IMGOPT_UPLOAD_MAX_FILES", "0"),
    *[("IMGOPT_LIMIT_MEGAPIXELS", text) for text in ("100", "heic=10", "gif=", "gif=x", "gif=0", "gif=-5", "gif=nan")],
    ("IMGOPT_LIMIT_PAGES", "0"),
    ("IMGOPT_LIMIT_OUTPUT_SIDE", "15"),
    *[("IMGOPT_LIMIT_OUTPUT_MEGAPIXELS", text) for text in ("0", "nan", "inf", "1001")],
    ("IMGOPT_RENDER_PROCESSES", "-1"),
    *[("IMGOPT_RENDER_TIMEOUT_SECONDS", text) for text in ("0", "NaN", "1e9")],
    ("IMGOPT_RENDER_QUEUE", "-1"),
    ("IMGOPT_RENDER_MEMORY_MB", "63"),
    *[("IMGOPT_DELIVERY_LADDER", text) for text in (",", "9,8", "9,9", "0,9", "a", "320;640", "99999999", "３")],
    ("IMGOPT_QUALITY_METRICS", "ssim"),
    ("IMGOPT_DELIVERY_MEMORY_MB", "1.5"),
    ("IMGOPT_DELIVERY_VARIANTS_MB", "0"),
    ("IMGOPT_DELIVERY_REDIS_MAX_KB", "10001"),
    ("IMGOPT_DELIVERY_REDIS_DAYS", "0"),
    ("IMGOPT_DELIVERY_QUALITY", "auto:superb"),
    ("IMGOPT_DELIVERY_QUALITY", "101"),
    ("IMGOPT_DELIVERY_DRAFTS", "perhaps"),
    ("IMGOPT_DELIVERY_BUDGET_MS", "-1"),
    ("IMGOPT_DELIVERY_MAX_AGE_SECONDS", "31536001"),
    ("IMGOPT_DELIVERY_CDN_SECONDS", "-1"),
    ("IMGOPT_DATABASE_POOL", "1001"),
    ("IMGOPT_DATABASE_TIMEOUT_SECONDS", "-1"),
    ("IMGOPT_DELIVERY_MISS_RATE", "0"),
    ("IMGOPT_DELIVERY_MISS_BURST", "0"),
    *[
        ("IMGOPT_SIGNING_KEYS", text)
        for text in ("", ",", HEX, f"A:{HEX}", f":{HEX}", f"a:{HEX[:9]}", f"a:{HEX.upper()}", f"a:{HEX},a:{HEX}")
    ],
    ("IMGOPT_APIKEYS_RATE", "0"),
    ("IMGOPT_APIKEYS_BURST", "0"),
    ("IMGOPT_APIKEYS_ANONYMOUS_RATE", "0"),
    ("IMGOPT_APIKEYS_ANONYMOUS_BURST", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED)
def test_takes_what_it_should(name: str, text: str, value: Any) -> None:
    assert getattr(load({name: text}), NAMES[name].name) == value


def test_the_table_above_tries_every_setting() -> None:
    assert {name for name, *_ in ACCEPTED} | {"IMGOPT_LIMIT_MEGAPIXELS"} == set(NAMES)


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_refuses_nonsense_in_a_sentence_that_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: text})
    sentence = str(caught.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 250


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, text in REFUSED if name in SECRETS and len(text) > 5 and text[-1] != "/"],
)
def test_a_secret_is_never_repeated(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: text})
    assert text not in str(caught.value)
    assert text[-8:] not in str(caught.value)


def test_limits_of_formats_change_one_by_one() -> None:
    limits = load({"IMGOPT_LIMIT_MEGAPIXELS": "avif=12.5, gif=1"}).limit_megapixels
    assert (limits["avif"], limits["gif"], limits["jpeg"]) == (12.5, 1.0, 100)


def test_a_reserve_as_large_as_all_threads_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"IMGOPT_SERVER_RESERVE below IMGOPT_SERVER_THREADS \(8\), received 32"):
        load({"IMGOPT_SERVER_THREADS": "8"})


def test_an_empty_text_means_the_default() -> None:
    exceptions = ("refused", "value")
    empty = {name: "" for name, entry in NAMES.items() if entry.metadata["empty"] not in exceptions}
    assert load(empty) == load({})


def test_the_public_address_is_where_it_listens_unless_given() -> None:
    assert load({"IMGOPT_PORT": "81"}).public_url == "http://127.0.0.1:81"
    assert load({"IMGOPT_BASE_URL": "https://a.example/"}).public_url == "https://a.example"


def json_file(folder: Path, content: Any) -> dict[str, str]:
    file = folder / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return {"IMGOPT_CONFIG": str(file)}


def env_file(folder: Path, text: str) -> Path:
    file = folder / ".env"
    file.write_text(text)
    return file


def test_the_environment_wins_over_env_file_and_that_over_json(tmp_path: Path) -> None:
    names = ("IMGOPT_PORT", "IMGOPT_RENDER_QUEUE", "IMGOPT_LIMIT_PAGES")
    environment = json_file(tmp_path, dict.fromkeys(names, 11)) | {"IMGOPT_PORT": "33"}
    file = env_file(tmp_path, "IMGOPT_PORT=22\nIMGOPT_RENDER_QUEUE=22\n")
    found = load(environment, env_file=file)
    assert (found.port, found.render_queue, found.limit_pages) == (33, 22, 11)


def test_the_env_file_may_name_the_json_file(tmp_path: Path) -> None:
    named = json_file(tmp_path, {"IMGOPT_PORT": 11})["IMGOPT_CONFIG"]
    assert load({}, env_file=env_file(tmp_path, f"IMGOPT_CONFIG={named}\n")).port == 11


def test_json_has_types_of_its_own(tmp_path: Path) -> None:
    found = load(
        json_file(
            tmp_path,
            {
                "IMGOPT_PORT": 8080,
                "IMGOPT_DEBUG": True,
                "IMGOPT_RENDER_TIMEOUT_SECONDS": 2.5,
                "IMGOPT_DELIVERY_LADDER": [320, 640],
                "IMGOPT_ALLOWED_HOSTS": ["a.example"],
                "IMGOPT_LIMIT_MEGAPIXELS": {"avif": 20},
                "IMGOPT_HOST": "::1",
            },
        )
    )
    assert (found.port, found.debug, found.render_timeout_seconds) == (8080, True, 2.5)
    assert (found.delivery_ladder, found.allowed_hosts, found.host) == ((320, 640), ("a.example",), "::1")
    assert found.limit_megapixels["avif"] == 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"IMGOPT_PROT": 1}, "Unknown setting 'IMGOPT_PROT'"),
        ({"IMGOPT_PORT": 0}, "for IMGOPT_PORT"),
        ({"IMGOPT_PORT": True}, "for IMGOPT_PORT"),
        ({"IMGOPT_PORT": 80.5}, "for IMGOPT_PORT"),
        ({"IMGOPT_PORT": None}, "for IMGOPT_PORT"),
        ({"IMGOPT_SECRET_KEY": ""}, "IMGOPT_SECRET_KEY is set but empty"),
        ([1], "IMGOPT_CONFIG"),
        ("{", "IMGOPT_CONFIG"),
        ("\x00", "IMGOPT_CONFIG"),
    ],
)
def test_a_json_file_that_cannot_be_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        load(json_file(tmp_path, content))


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_json_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="for IMGOPT_CONFIG, received"):
        load({"IMGOPT_CONFIG": str(tmp_path / name)})


def test_an_env_file_has_comments_quotes_and_exports(tmp_path: Path) -> None:
    text = "# comment\n\nIMGOPT_PORT=81\nexport IMGOPT_HOST='::1'\nIMGOPT_MASTERS_BUCKET=\"m\"\nOTHER=1\n"
    found = load({}, env_file=env_file(tmp_path, text))
    assert (found.port, found.host, found.masters_bucket) == (81, "::1", "m")
    assert "IMGOPT_PORT" not in os.environ, "the process's own environment stays as it is"


def test_one_env_file_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    load({}, env_file=env_file(tmp_path, "IMGOPT_PORT=81\n"))
    assert load({}, env_file=env_file(tmp_path, "IMGOPT_HOST=::1\n")).port == 8000


@pytest.mark.parametrize("line", ["IMGOPT_SECRET_KEY = abcdefgh", "IMGOPT_SECRET_KEY: abcdefgh", "abcdefgh"])
def test_a_line_that_sets_nothing_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, env_file=env_file(tmp_path, f"IMGOPT_PORT=81\n{line}\n"))
    assert "in line 2 of" in str(caught.value)
    assert "abcdefgh" not in str(caught.value)


def test_an_env_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"IMGOPT_PORT=\xff\xfe")
    with pytest.raises(ConfigError, match="readable text file"):
        load({}, env_file=file)


def test_an_env_file_is_optional_unless_it_was_named(tmp_path: Path) -> None:
    assert load({}, env_file=tmp_path / "absent") == load({})
    with pytest.raises(ConfigError, match="IMGOPT_ENV_FILE"):
        load({"IMGOPT_ENV_FILE": "absent"}, env_file=tmp_path / "absent")


def test_the_document_lists_exactly_the_settings_with_default_and_meaning() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    assert {name: default.strip("`") for name, default, *_ in rows} == {name: default_text(name) for name in NAMES}
    assert {name: meaning for name, *_, meaning in rows} == {
        name: entry.metadata["meaning"] for name, entry in NAMES.items()
    }
    assert [name for name, *_ in rows] == list(NAMES), "each once, in the order of the code"


def test_the_example_file_lists_exactly_the_settings_with_their_defaults() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z0-9_]+=", line))
    assert found == {"IMGOPT_CONFIG": ""} | {name: default_text(name) for name in NAMES}
    assert not [line for line in lines if line and not line.startswith("#")], "it changes nothing as it stands"


def test_the_defaults_as_they_are_written_are_the_defaults() -> None:
    written = {name: default_text(name) for name in NAMES if default_text(name)}
    assert load(written) == load({})
