"""`imgopt sign URL`: the service's own signatures, byte by byte, without its database."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from pytest_django import Settings

from delivery.publish import signed_path
from delivery.signing import verify
from imgopt.cli.sign import read_key, sign
from imgopt_client.signing import SigningKey
from tests.cli.conftest import ROOT, Ended, Imgopt, run_alone
from tests.delivery.world import master

SHOE = master(key="products/shoe")

VECTORS = json.loads((ROOT / "docs" / "signing-vectors.json").read_text())
SECRETS = VECTORS["keys"]
VALID = {case["name"]: case for case in VECTORS["valid"] if "params" in case}
KEYS = "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
SIGNED = "/i/products/shoe?v=3&w=800&s=k1.QBjy0dt44eNdyWUzvcKhozPeQWGHW0o4MoGzvFC49p0"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGOPT_SIGNING_KEYS", f"{KEYS},k2:{'ab' * 32}")


@pytest.mark.parametrize("name", VALID)
def test_signs_as_the_vectors_have_it(name: str) -> None:
    case = VALID[name]
    key = SigningKey(case["kid"], bytes.fromhex(SECRETS[case["kid"]]))
    pairs = [f"{quote(word, safe='')}={quote(str(value), safe='')}" for word, value in case["params"]]
    assert sign(f"{case['path']}?{'&'.join(pairs)}", key) == case["url"]
    assert sign(case["url"], key) == case["url"]


PARAMS = [
    {},
    {"w": "800", "fit": "crop", "h": "600"},
    {"ar": "16:9", "rect": "10,20,300,200", "dpr": "1.5"},
    {"txt": "© Jane & Doe + 1/2 = ½", "txt-size": "20", "fm": "webp"},
    {"dl": "roter Schuh.jpg", "w": "80"},
    {"w": "80", "mask": "ellipse"},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("written", [quote, lambda text: text.replace("&", "%26")], ids=["quoted", "raw"])
def test_signs_as_the_service_does_whatever_is_encoded(
    settings: Settings, keys: None, params: dict[str, str], written: Callable[[str], str]
) -> None:
    settings.IMGOPT_SIGNING_KEYS = [tuple(KEYS.split(":"))]
    query = "&".join(["v=1", *(f"{name}={written(value)}" for name, value in params.items())])
    theirs = signed_path(SHOE, params, file_name="red.webp", expires_in_seconds=60, now=1000)
    ours = sign(f"/i/products/shoe/red.webp?{query}", read_key(None, os.environ), expires_at=1060)
    assert ours == theirs
    path, _, signed = ours.partition("?")
    assert verify(path, signed, {"k1": bytes.fromhex(KEYS[3:])}, now=1000).expires_at == 1060


def test_prints_urls_with_the_first_key_of_the_environment(folder: Path) -> None:
    line = ("sign", "https://img.example.org/i/products/shoe?w=800&v=3", "/i/products/shoe?v=3&w=800&s=k0.old")
    ended = run_alone(*line, IMGOPT_SIGNING_KEYS=f"{KEYS},k2:{'ab' * 32}")
    assert ended == Ended(0, f"https://img.example.org{SIGNED}\n{SIGNED}\n", "")


@pytest.mark.parametrize("text", [KEYS, f"{KEYS}\n", f"{KEYS}\nk2:{'ab' * 32}\n", f"{KEYS}, k2:{'ab' * 32}"])
def test_a_file_may_have_the_key(imgopt: Imgopt, folder: Path, text: str) -> None:
    (folder / "keys").write_text(text)
    assert imgopt("sign", "--key-file", "keys", "/i/products/shoe?w=800&v=3").out == f"{SIGNED}\n"


def test_an_address_below_a_path_is_signed_as_the_service_sees_it(imgopt: Imgopt, keys: None) -> None:
    ended = imgopt("sign", "https://www.example.org/photos/i/products/shoe?w=800&v=3")
    assert ended.out == f"https://www.example.org/photos{SIGNED}\n"


def test_expires_from_now_or_as_the_url_says(imgopt: Imgopt, keys: None) -> None:
    before = int(time.time())
    expires = int(imgopt("sign", "/i/a?w=8", "-expires-in=60").out.partition("expires=")[2].partition("&")[0])
    assert before + 60 <= expires <= time.time() + 60
    assert "?expires=1900000000&w=8&s=" in imgopt("sign", "/i/a?w=8&expires=1900000000").out


def test_a_doubtful_parameter_is_signed_and_told_of(imgopt: Imgopt, keys: None) -> None:
    ended = imgopt("sign", "/i/a?hieght=3")
    assert ended.status == 0
    assert ended.out.startswith("/i/a?hieght=3&s=k1.")
    assert "did you mean 'height'?" in ended.err
    assert imgopt("sign", "/i/a?preset=hero&dl=a.jpg&pv=12345678&w=auto&v=3").err == ""


REFUSED = {
    "/elsewhere/a?w=8": "Expected a delivery URL such as /i/products/shoe?w=800, received '/elsewhere/a?w=8'.",
    "/i/?w=8": "Expected a delivery URL",
    "/i/a?w=8#top": "Expected a delivery URL",
    "ftp://h/i/a": "Expected a URL that begins with https:// or http://",
    "/i/a b?w=8": "Expected a path of A-Z a-z 0-9 - . _ ~ / and @, received '/i/a b'.",
    "/i/a?w": "Expected parameters as name=value, received 'w'.",
    "/i/a?w=1&w=2": "Expected each parameter once, received 'w' twice.",
    "/i/a?v=new": "Expected an integer for v, received 'new'.",
    "/i/a?expires=soon": "Expected an integer for expires, received 'soon'.",
    "/i/a?txt=%ff": "Expected parameters in percent-encoded UTF-8",
}


@pytest.mark.parametrize(("url", "sentence"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_signed_is_refused(imgopt: Imgopt, keys: None, url: str, sentence: str) -> None:
    ended = imgopt("sign", url)
    assert (ended.status, ended.out) == (2, "")
    assert sentence in ended.err


def test_without_a_good_key_nothing_is_signed_and_no_key_is_repeated(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMGOPT_SIGNING_KEYS", raising=False)
    assert imgopt("sign", "/i/a").err == (
        "imgopt: Expected a signing key in IMGOPT_SIGNING_KEYS, or --key-file, received neither.\n"
    )
    for text in ("SECRET", "k1:SECRET", f"K1:{'ab' * 32}", f"k1:{'ab' * 32}SECRET", ""):
        monkeypatch.setenv("IMGOPT_SIGNING_KEYS", text)
        (folder / "keys").write_text(text)
        for more in ((), ("--key-file", "keys"), ("--key-file", "missing")):
            ended = imgopt("sign", "/i/a", *more)
            assert (ended.status, ended.out) == (2, "")
            assert "SECRET" not in ended.err
            assert "abab" not in ended.err
    (folder / "keys").write_bytes(b"\xff\xfe")
    assert imgopt("sign", "/i/a", "--key-file", "keys").status == 2
    monkeypatch.setenv("IMGOPT_SIGNING_KEYS", KEYS)
    assert imgopt("sign", "/i/a", "--expires-in", "0").status == 2
