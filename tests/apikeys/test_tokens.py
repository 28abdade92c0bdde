from __future__ import annotations

import hashlib
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys import tokens
from apikeys.errors import InvalidKey


def test_a_token_tells_its_place_and_prefix() -> None:
    token = tokens.issue("live")

    assert re.fullmatch(r"imgo_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", token.text)
    assert tokens.parse(token.text) == token.prefix == token.text.split("_")[2]
    assert token.digest == hashlib.sha256(token.text.encode()).hexdigest()


def test_the_longest_env_still_parses() -> None:
    token = tokens.issue("a" * tokens.MAX_ENV_LENGTH)

    assert tokens.parse(token.text) == token.prefix


def test_the_secret_carries_all_256_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def most(bits: int) -> int:
        asked.append(bits)
        return (1 << bits) - 1

    monkeypatch.setattr(secrets, "randbits", most)
    largest = tokens.issue("live").text.split("_")[3]
    monkeypatch.setattr(secrets, "randbits", lambda bits: 0)
    smallest = tokens.issue("live").text.split("_")[3]

    value = 0
    for digit in largest:
        value = value * 62 + tokens.ALPHABET.index(digit)
    assert asked == [256]
    assert value == 2**256 - 1
    assert smallest == "0" * 43


def test_no_two_tokens_are_alike() -> None:
    issued = [tokens.issue("live") for _ in range(200)]

    assert len({token.text for token in issued}) == len({token.prefix for token in issued}) == 200


def test_the_representation_hides_the_text() -> None:
    token = tokens.issue("live")

    assert token.text not in repr(token)
    assert token.prefix in repr(token)


@pytest.mark.parametrize("env", ["", "Live", "li_ve", "1live", "live\n", "läufig", "a" * 13])
def test_refuses_an_env_that_is_no_short_word(env: str) -> None:
    with pytest.raises(ValueError, match="env"):
        tokens.issue(env)


GOOD = tokens.issue("live").text
HOSTILE = {
    "empty": "",
    "prefix alone": "imgo_live_",
    "other scheme": GOOD.replace("imgo", "sk"),
    "secret one short": GOOD[:-1],
    "secret one long": GOOD + "A",
    "closing newline": GOOD + "\n",
    "leading space": " " + GOOD,
    "nul": GOOD[:-1] + "\0",
    "non-ASCII letter": GOOD[:-1] + "é",
    "full-width digit": GOOD[:-1] + "\uff11",
    "lone surrogate": GOOD[:-1] + "\ud800",
    "long env": "imgo_" + "a" * 13 + GOOD[len("imgo_live") :],
    "upper-case env": GOOD.replace("live", "LIVE"),
    "sql": "imgo_live_' OR 1=1_" + "A" * 43,
    "ten million characters": "imgo_live_" + "A" * 10_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_refuses_hostile_text_with_the_one_sentence(text: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        tokens.parse(text)

    assert caught.value.message == InvalidKey().message


@given(st.text())
def test_any_text_is_a_prefix_or_refused(text: str) -> None:
    try:
        prefix = tokens.parse(text)
    except InvalidKey:
        return
    assert len(prefix) == 8


def test_compares_digests_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(tokens, "compare_digest", compare)

    assert tokens.is_same("a", "b")
    assert compared == [(b"a", b"b")]
