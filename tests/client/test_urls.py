"""URLs of the client: the same whether one or many are signed, and names that are those of the service."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgopt_client import Image, Service, variant_url
from imgopt_client.errors import BadArgument
from imgopt_client.parameters import ALIASES, DELIVERY, TRANSFORMATIONS
from imgopt_client.signing import SigningKey, signature
from imgopt_client.urls import variant_path, variant_urls
from pipeline.parameters import BY_NAME

KEY = SigningKey("k1", bytes(range(32)))
NAMES = ["w", "wa", "w-x", "v2", "fm", "txt", "dpr", "d", "fit", "W", "_"]


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=8)),
    st.sampled_from(["w", "dpr", "fit"]),
    st.lists(st.integers(1, 9999).map(str), max_size=4),
    st.none() | st.integers(1, 99),
    st.none() | st.integers(1, 10**10),
)
def test_many_urls_are_what_one_is(
    params: dict[str, str], name: str, values: list[str], revision: int | None, until: int | None
) -> None:
    try:
        "".join(params.values()).encode()
    except UnicodeEncodeError:
        return
    params.pop(name, None)
    one_by_one = [
        "https://x" + variant_path("a/b", {**params, name: value}, KEY, revision=revision, expires_at=until)
        for value in values
    ]
    together = variant_urls(
        "https://x", "a/b", params, KEY, revision=revision, name=name, values=values, expires_at=until
    )
    assert together == one_by_one


@settings(max_examples=30)
@given(st.binary(max_size=200), st.lists(st.sampled_from(["w=1", "ar=16:9", "q=5"]), unique=True))
def test_the_signature_is_hmac(secret: bytes, pairs: list[str]) -> None:
    message = "imgopt-url-v1\nk1\n/i/a\n" + "\n".join(pairs)
    expected = urlsafe_b64encode(hmac.digest(secret, message.encode(), "sha256")).rstrip(b"=").decode()
    assert signature("k1", secret, "/i/a", pairs) == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda: variant_path("a b", {}, KEY, revision=1),
        lambda: variant_path("a\nb", {}, KEY, revision=1),
        lambda: variant_urls("", "ä", {}, KEY, revision=1, name="w", values=["1"]),
        lambda: variant_urls("", "a", {"w": "1"}, KEY, revision=1, name="w", values=["1"]),
        lambda: variant_path("a", {"s": "1"}, KEY, revision=1),
        lambda: variant_path("a", {"v": "1"}, KEY, revision=1),
        lambda: variant_path("a", {"expires": "1"}, KEY, revision=1),
        lambda: variant_path("a", {}, KEY, revision=1, file_name="../a.jpg"),
        lambda: variant_path("@shop/a.jpg", {}, KEY, revision=1, file_name="a.jpg"),
        lambda: variant_url(Service(url="", key=KEY), Image("a", 1, 1), {"width": 1, "hight": 2}),
    ],
)
def test_nothing_is_signed_that_cannot_be(call: object) -> None:
    with pytest.raises(ValueError, match="Expected"):
        call()  # type: ignore[operator]


def test_a_file_name_is_decoration() -> None:
    assert variant_path("a", {}, KEY, revision=None, file_name="red.webp").startswith("/i/a/red.webp?s=k1.")
    with pytest.raises(BadArgument, match="Expected a file name"):
        variant_path("a", {}, KEY, revision=None, file_name="red")


def test_the_names_are_those_of_the_service() -> None:
    assert {name: row.name for name, row in BY_NAME.items() if name != row.name} == ALIASES
    assert {row.name for row in BY_NAME.values()} == TRANSFORMATIONS
    assert not DELIVERY & TRANSFORMATIONS
