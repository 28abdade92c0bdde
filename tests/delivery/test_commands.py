"""The commands of delivery."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from assets.models import Master
from delivery import keyring
from delivery.asked import parse_asked
from delivery.models import Purge, SigningKey
from delivery.signing import verify
from tests.delivery.world import KEY, Renderer, master, saved

pytestmark = pytest.mark.django_db


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


def run(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_prints_a_signed_url_that_verifies_and_parses(shoe: Master) -> None:
    url = run("sign_url", "products/shoe", "w=800&crop=top%2Cleft&fit=crop&h=600", "--file-name", "red.webp").strip()
    assert url.startswith("http://127.0.0.1:8000/i/products/shoe/red.webp?")
    path, _, query = url.removeprefix("http://127.0.0.1:8000").partition("?")
    spec = parse_asked(path, verify(path, query, keyring.current().secrets, 0)).wishes.spec
    assert (spec.width, spec.height, spec.gravity) == (800, 600, "northwest")


def test_prints_an_url_without_parameters_and_one_that_ends(shoe: Master) -> None:
    assert "?v=1&s=" in run("sign_url", str(shoe.id))
    assert "?expires=" in run("sign_url", "products/shoe", "--expires-in", "60")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody"], "Image not found"),
        (["products/shoe", "w=1e3"], "for w, received"),
        (["products/shoe", "x=1"], "known parameter"),
        (["products/shoe", "w"], "such as w=800&fm=webp"),
        (["products/shoe", "w=1&&h=2"], "such as w=800&fm=webp"),
        (["products/shoe", "w=1&w=2"], "each parameter once"),
        (["products/shoe", "s=1"], "no s among the parameters"),
        (["products/shoe", "--expires-in", "0"], "seconds for the time to expiry"),
        (["products/shoe", "--file-name", "red"], "file name such as"),
    ],
)
def test_tells_in_a_sentence_why_it_does_not_sign(shoe: Master, words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("sign_url", *words)


def test_purges_masters(shoe: Master) -> None:
    boot = saved(master("boot", key="boot"))
    assert run("purge", "products/shoe", str(boot.id)) == "products/shoe purged.\nboot purged.\n"
    assert {*Purge.objects.values_list("master_ids", flat=True)[0]} == {str(shoe.id)}
    assert Purge.objects.count() == 2
    with pytest.raises(CommandError, match="'nobody'"):
        run("purge", "nobody")


@pytest.fixture
def table(settings: Settings) -> None:
    settings.IMGOPT_SIGNING_KEYS = ()
    keyring.forget()


def test_rotates_lists_and_revokes_keys_without_showing_any(table: None) -> None:
    first, second = (run("signing_key", "rotate").partition(" ")[0] for _ in range(2))
    assert {first, second} == set(SigningKey.objects.values_list("kid", flat=True))
    listed = run("signing_key", "list")
    assert [line.split()[:2] for line in listed.splitlines()] == [[second, "signs"], [first, "verifies"]]
    run("signing_key", "revoke", second)
    listed += run("signing_key", "list")
    assert [line.split()[:2] for line in listed.splitlines()[2:]] == [[second, "revoked"], [first, "signs"]]
    for row in SigningKey.objects.all():
        assert row.sealed not in listed
    for secret in keyring.current().secrets.values():
        assert secret.hex() not in listed
    for kid in (second, "unknown"):
        with pytest.raises(CommandError, match="id of a key that verifies"):
            run("signing_key", "revoke", kid)


def test_shows_the_secret_of_a_key_that_verifies_to_a_site_that_signs_itself(table: None) -> None:
    kid = run("signing_key", "rotate").partition(" ")[0]
    assert bytes.fromhex(run("signing_key", "show", kid).strip()) == keyring.current().secrets[kid]
    run("signing_key", "revoke", kid)
    for gone in (kid, "unknown"):
        with pytest.raises(CommandError, match="id of a key that verifies"):
            run("signing_key", "show", gone)


def test_keys_of_the_environment_are_changed_there() -> None:
    assert run("signing_key", "list") == f"{KEY.kid}  signs  (environment)\n"
    for words in (["rotate"], ["revoke", KEY.kid]):
        with pytest.raises(CommandError, match="IMGOPT_SIGNING_KEYS"):
            run("signing_key", *words)
    assert not SigningKey.objects.exists()
