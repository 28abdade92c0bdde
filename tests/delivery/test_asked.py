"""From verified text to a reference, a spec and a revision."""

from __future__ import annotations

import pytest

from delivery.asked import Asked, Wishes, parse_asked, reference_of
from delivery.signing import Verified
from pipeline.errors import BadParameter
from pipeline.spec import TransformSpec
from tests.delivery.world import KEY


def parsed(*pairs: str, path: str = "/i/shoe") -> Asked:
    return parse_asked(path, Verified(tuple(pairs), None, KEY))


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("/i/shoe", "shoe"),
        ("/i/products/shoe", "products/shoe"),
        ("/i/products/shoe/red-shoe.webp", "products/shoe"),
        ("/i/products/shoe/.webp", "products/shoe"),
        ("/i/shoe/a.b.c", "shoe"),
        ("/i/shoe.jpg", "shoe.jpg"),
        ("/i/a.b/shoe", "a.b/shoe"),
        ("/i/", ""),
        ("/i/shoe/", "shoe/"),
        ("/i/i/x", "i/x"),
        ("/i/@shop/red-shoe.jpg", "@shop/red-shoe.jpg"),
        ("/i/@shop/a.b/c.d.png", "@shop/a.b/c.d.png"),
        ("/i/shop/@a/b.jpg", "shop/@a"),
    ],
)
def test_a_last_segment_with_a_dot_is_decoration(path: str, reference: str) -> None:
    assert reference_of(path) == reference


def test_takes_its_own_parameters_away_before_parsing() -> None:
    asked = parsed("expires=1800000000", "h=300", "v=12", "w=400")
    assert asked == Asked(reference="shoe", wishes=Wishes(spec=TransformSpec(width=400, height=300)), revision=12)
    assert parsed("w=400").revision is None


def test_decodes_what_is_percent_encoded_and_leaves_plus_alone() -> None:
    assert parsed("ar=16%3A9", "w=%34%30%30").wishes.spec == TransformSpec(width=400, aspect_ratio=(16, 9))
    with pytest.raises(BadParameter, match=r"'\+400'"):
        parsed("w=+400")


@pytest.mark.parametrize(
    "pair",
    [
        "%65xpires=1800000000",
        "%76=3",
        "expire%73=1",
        "%73=1",
        "S=1",
        "V=1",
        "Expires=1",
        "%70v=00000000",
        "p%72eset=hero",
        "%64l=a.jpg",
        "Preset=hero",
    ],
)
def test_an_encoded_name_is_not_taken_for_one_of_deliverys_own(pair: str) -> None:
    """The expiry is looked for in the raw text: a decoded `expires` would be one that never comes."""
    with pytest.raises(BadParameter, match="known parameter"):
        parsed(pair)


@pytest.mark.parametrize("pair", ["bg=%ff", "%ff=1", "w=%c3%28", "bg=%ed%a0%80"])
def test_refuses_what_is_no_utf8(pair: str) -> None:
    with pytest.raises(BadParameter, match="UTF-8"):
        parsed(pair)


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.0", "1e3", "%31", "１", "9" * 10, "9" * 4000])
def test_refuses_a_nonsensical_revision(text: str) -> None:
    with pytest.raises(BadParameter, match="for v, received") as caught:
        parsed(f"v={text}")
    assert len(caught.value.message) < 150


@pytest.mark.parametrize(
    "pairs",
    [
        ("w=1e3",),
        ("w=%EF%BC%91",),
        ("w=" + "1" * 3000,),
        ("w=",),
        ("w=0",),
        ("x=1",),
        ("=1",),
        ("w=1", "%77=2"),
        ("w=1", "width=2"),
    ],
)
def test_refuses_what_the_parser_refuses(pairs: tuple[str, ...]) -> None:
    with pytest.raises(BadParameter) as caught:
        parsed(*pairs)
    assert len(caught.value.message) < 200
