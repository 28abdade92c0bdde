"""One JSON object a line, and no secret in any of them: what the root handler really writes is looked at."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.test import Client
from pytest_django import Settings

from apikeys import service as apikeys
from delivery import keyring, watched
from delivery.publish import signed_path
from delivery.service import service
from imgopt import logs
from tests.delivery.known import App
from tests.delivery.world import KEY, Renderer, call, master, saved, signed

ROOT = Path(__file__).resolve().parents[2]
SIGNATURE = "k1.MXmxoiFXHOuRZBmteITmIHMnCPgIBglwKiep44N1D3E"
TOKEN = "imgo_live_0a1B2c3D_" + "Xy9" * 14 + "Z"


class Output(io.StringIO):
    @property
    def text(self) -> str:
        return self.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def _configured(monkeypatch: pytest.MonkeyPatch, style: str) -> Iterator[Output]:
    output = Output()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", output)
    logs.configure(level="info", style=style)
    yield output
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    yield from _configured(monkeypatch, "json")


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    yield from _configured(monkeypatch, "console")


def test_every_line_is_one_json_object(output: Output) -> None:
    structlog.get_logger("a").info("rendered", tier="render", decode_ms=1.5, master=None, text="two\nlines")
    logging.getLogger("b").warning("from %s", "Django", extra={"status_code": 404})
    first, second = output.lines
    assert first["event"] == "rendered"
    assert (first["tier"], first["decode_ms"], first["master"], first["text"]) == ("render", 1.5, None, "two\nlines")
    assert (first["level"], first["logger"]) == ("info", "a")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["status_code"], second["level"]) == ("from Django", 404, "warning")


def test_the_level_is_kept(output: Output) -> None:
    structlog.get_logger("a").debug("quiet")
    logging.getLogger("b").debug("quiet")
    assert output.text == ""


def crash(text: str) -> None:
    raise ValueError(text)


def test_an_exception_stands_in_its_line(output: Output) -> None:
    try:
        crash(f"no such master: /i/a?w=1&s={SIGNATURE}")
    except ValueError:
        structlog.get_logger("a").exception("failed")
        logging.getLogger("b").exception("failed")
    for line in output.lines:
        assert "Traceback" in line["exception"]
        assert "ValueError: no such master: /i/a?w=1&s=…" in line["exception"]


TEXTS = [
    f"GET /i/a?w=1&s={SIGNATURE} 200",
    f"GET /i/a?s={SIGNATURE}&w=1",
    f"s={SIGNATURE}",
    f"query 's={SIGNATURE}'",
    f'"s={SIGNATURE}"',
    f"(s={SIGNATURE})",
    f"w=1;s={SIGNATURE}",
    f"a\ns={SIGNATURE}",
    f"https://img.example.com/i/a?w=1&S={SIGNATURE}",
    f"/i/a?w=1&%73={SIGNATURE}",
    f"Authorization: Bearer {TOKEN}",
    f"bearer {TOKEN}",
    f"X-API-Key: {TOKEN}",
    f"key={TOKEN}",
    f"'{TOKEN}'",
    "redis://:hunter2-hunter2@cache:6379/0",
    "postgres://imgopt:h@hunter2-hunter2@db:5432/imgopt",
    "password=h@hunter2",
    "postgres://imgopt:hunter2-hunter2@db/imgopt",
    "could not connect: password=hunter2-hunter2 host=db",
    "csrf=1&password=hunter2-hunter2&next=/",
    "Bearer hunter2-hunter2",
    "the secret whsec_hunter2+hunter2/hunter2= of an endpoint",
]
SECRETS = (SIGNATURE.partition(".")[2], TOKEN.rpartition("_")[2], "hunter2")


def assert_clean(text: str) -> None:
    assert text
    for secret in SECRETS:
        assert secret not in text, text


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_carries_a_secret(output: Output, text: str) -> None:
    log = structlog.get_logger("a")
    log.info(text)
    log.info("x", path=text)
    log.info("x", inner={"deep": [{"deeper": text}, (text,)]})
    log.info("x", error=ValueError(text), data=text.encode())
    logging.getLogger("b").warning("%s", text)
    logging.getLogger("b").warning("x %(text)s", {"text": text})
    logging.getLogger("b").warning("x", extra={"detail": text})
    assert len(output.lines) == 7
    assert_clean(output.text)


@pytest.mark.parametrize(
    "name", ["s", "secret", "token", "password", "Authorization", "signature", "Cookie", "api_key"]
)
def test_no_value_with_a_secrets_name_is_shown(output: Output, name: str) -> None:
    structlog.get_logger("a").info("x", **{name: "hunter2"})
    structlog.get_logger("a").info("x", headers={name: "hunter2"}, many=[{name: ["hunter2"]}])
    logging.getLogger("b").info("x", extra={name: "hunter2"})
    assert len(output.lines) == 3
    assert_clean(output.text)


def test_what_is_no_secret_stays(output: Output) -> None:
    texts = ["fps=30", "w=800&h=600", "https://img.example.com/i/a?w=1", "mail@example.com", "classes=3", "0:00@x"]
    structlog.get_logger("a").info("x", texts=texts, number=3, yes=True)
    [line] = output.lines
    assert (line["texts"], line["number"], line["yes"]) == (texts, 3, True)


def test_who_does_not_answer_is_still_named(output: Output) -> None:
    structlog.get_logger("a").info("cannot reach postgres://imgopt:hunter2@db:5432/imgopt")
    assert output.lines[0]["event"] == "cannot reach postgres://imgopt:…@db:5432/imgopt"


def test_the_prefix_of_a_key_may_be_told(output: Output) -> None:
    structlog.get_logger("a").info(f"wrong key {TOKEN}")
    assert output.lines[0]["event"] == "wrong key imgo_live_0a1B2c3D_…"


@pytest.mark.parametrize("text", TEXTS)
def test_the_console_style_is_as_discreet(console: Output, text: str) -> None:
    structlog.get_logger("a").info(text, path=text, inner=[text])
    try:
        crash(text)
    except ValueError:
        logging.getLogger("b").exception("%s", text)
    assert_clean(console.text)


@pytest.mark.django_db
def test_no_request_line_carries_a_signature_or_a_key(output: Output, settings: Settings) -> None:
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()
    service()._render = renderer = Renderer()
    shoe = saved(master(key="shoe"))
    good, dead = signed_path(shoe, {"w": "320"}), signed_path(shoe, {"w": "640"}, expires_in_seconds=1, now=0)
    issued = apikeys.issue(name="tests", scopes=["sign", "manage"])
    client = Client(raise_request_exception=False)
    statuses = [
        client.get(url).status_code for url in (good, dead, good + "x", good.replace("shoe", "boot"), f"{good}&w=1")
    ]
    assert statuses == [200, 410, 403, 403, 400]
    for token in (issued.token, issued.token[:-1] + "?", TOKEN):
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            for document in ({"image": "nobody"}, {"image": "shoe", "params": {"s": "x"}}, {"image": "shoe"}):
                client.post("/api/v1/sign", document, "application/json", headers=headers)
    renderer.error = ValueError(f"a bug that repeats {good} and {issued.token}")
    assert client.get(signed_path(shoe, {"w": "960"})).status_code == 500
    client.post("/admin/login/", {"username": "admin", "password": "hunter2-hunter2"})
    client.get(f"/nothing/here?s={SIGNATURE}&token={TOKEN}", headers={"Host": f"evil?s={SIGNATURE}"})

    loggers = {line["logger"] for line in output.lines}
    assert {"django.request", "delivery.render"} <= loggers, "there is something to look at"
    assert not [line for line in output.lines if "request" in line], "Django adds the whole request to its lines"
    assert any(line["logger"] == "django.request" and line["level"] == "error" for line in output.lines)
    secrets = {
        *SECRETS,
        issued.token.rpartition("_")[2],
        KEY.secret.hex(),
        *(url.rpartition("s=test1.")[2] for url in (good, dead)),
    }
    for secret in secrets:
        assert secret not in output.text


@pytest.mark.django_db
def test_the_line_of_a_request_shows_what_was_asked_and_no_signature(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "access_log", structlog.get_logger("delivery.access"))
    url = signed("/i/shoe", "w=320", "v=1")
    for target in (url, f"{url}x", url.replace("s=", "%73="), f"/image/shoe?token={TOKEN}"):
        call(watched.Watched(App()), target, HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert [line["query"] for line in output.lines][:3] == ["v=1&w=320&s=…", "v=1&w=320&s=…", "v=1&w=320&%73=…"]
    assert url.rpartition(".")[2] not in output.text
    assert_clean(output.text)


@pytest.mark.django_db
def test_a_render_is_one_line_with_its_phases(output: Output, settings: Settings) -> None:
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()
    service()._render = Renderer()
    shoe = saved(master(key="shoe"))
    client = Client()
    for _ in range(3):
        assert client.get(signed_path(shoe, {"w": "320", "fm": "webp"})).status_code == 200
    [line] = output.lines
    assert line["event"] == "rendered"
    assert line["master"] == str(shoe.id)
    assert (line["format"], line["width"], line["height"], line["passthrough"]) == ("webp", 320, 213, False)
    assert line["byte_size"] > 0
    for phase in ("decode", "encode", "render", "store"):
        assert line[f"{phase}_ms"] >= 0
    assert (line["decode_ms"], line["encode_ms"]) == (10.0, 20.0)


def test_the_server_writes_no_access_log() -> None:
    """Granian's own would have the whole query."""
    from imgopt.management.commands.serve import granian_command

    assert not [word for word in granian_command() if word.startswith("--access-log")]
