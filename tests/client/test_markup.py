"""Markup: valid HTML that tells the truth about what is delivered."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgopt_client import Art, Image, Service, candidates, from_api, picture, srcset, variant_url
from imgopt_client.errors import BadArgument, Mismatch
from imgopt_client.geometry import Bounds
from imgopt_client.ladder import DEFAULT_LADDER, default_widths
from imgopt_client.markup import read_art
from pipeline.geometry import plan
from pipeline.ladder import resolve
from pipeline.limits import Limits
from pipeline.params import parse
from tests.client.validity import candidates_of, check, elements
from tests.client.vectors import PLACEHOLDER, SECRET

SERVICE = Service.of("https://img.example.org", "k1", SECRET)
SHOE = Image("products/shoe", 4032, 3024, revision=3, placeholder=PLACEHOLDER, dominant_colour="#8a4b3c")
LOGO = Image("logo", 900, 300, revision=1, has_alpha=True, placeholder=PLACEHOLDER, dominant_colour="#ffffff")
WAVE = Image("wave", 640, 480, revision=1, animated=True)


def html(image: Image = SHOE, **said: Any) -> str:
    markup = picture(SERVICE, image, **{"alt": "A shoe", **said}).html
    check(markup)
    return markup


def img(image: Image = SHOE, **said: Any) -> dict[str, str]:
    [found] = elements(html(image, **said), "img")
    return found


def types(image: Image = SHOE, **said: Any) -> list[str]:
    return [source["type"] for source in elements(html(image, **said), "source")]


params = st.fixed_dictionaries(
    {},
    optional={
        "ar": st.sampled_from(["16:9", "1:1", "1.91:1", "9:16"]),
        "fit": st.sampled_from(["clip", "crop", "fill", "min", "max", "outside", "scale"]),
        "rot": st.sampled_from(["90", "180"]),
        "rect": st.sampled_from(["10,10,500,300", "0,0,20,20"]),
        "pad": st.sampled_from(["7", "100"]),
        "trim": st.just("auto"),
        "snap": st.just("0"),
        "enlarge": st.just("1"),
        "bg": st.sampled_from(["fff", "80ffffff"]),
        "mask": st.just("circle"),
        "w": st.integers(1, 3000).map(str),
        "h": st.integers(1, 3000).map(str),
    },
)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Image,
        st.just("products/shoe"),
        st.integers(30, 6000),
        st.integers(30, 6000),
        revision=st.none() | st.integers(1, 9),
        has_alpha=st.booleans(),
        animated=st.booleans(),
        placeholder=st.sampled_from(["", PLACEHOLDER, 'data:x" onerror="alert(1)']),
    ),
    texts,
    texts,
    params,
    st.none() | st.lists(st.integers(1, 8192), min_size=1, max_size=6),
)
def test_markup_is_valid_and_descriptors_are_true(
    image: Image, alt: str, words: str, said: dict[str, str], widths: list[int] | None
) -> None:
    try:
        markup = picture(
            SERVICE, image, alt=alt, class_=words, params=said, widths=widths, art="(width <= 600px): ar=1:1"
        ).html
    except BadArgument:
        return
    check(markup)
    [found] = elements(markup, "img")
    assert found["alt"] == alt
    assert found.get("class", "") == words
    assert "onerror" not in found
    for url, descriptor in candidates_of(found.get("srcset", "")):
        asked = {name: value for name, value in parse_qsl(urlsplit(url).query) if name not in ("s", "v")}
        spec = resolve(parse(asked.items()), DEFAULT_LADDER)
        work = plan(spec, width=image.width, height=image.height, orientation=1, limits=Limits())
        if descriptor.endswith("w"):
            assert descriptor == f"{work.output_width}w"


def test_offers_rungs_about_a_third_apart_and_the_pictures_own_width_last() -> None:
    widths = [descriptor for _, descriptor in candidates_of(img(Image("a", 1000, 750))["srcset"])]
    assert widths == ["320w", "480w", "640w", "960w", "1000w"]
    assert default_widths(DEFAULT_LADDER) == (320, 480, 640, 960, 1280, 1920, 2560)
    assert default_widths((500, 510, 5000)) == (500,)
    assert default_widths((16, 24)) == (16, 24)
    assert default_widths(()) == default_widths(DEFAULT_LADDER)


def test_never_offers_more_than_the_picture_has() -> None:
    for said in ({}, {"ar": "1:1", "fit": "crop"}, {"ar": "9:16", "fit": "crop"}, {"enlarge": 1}):
        for each in candidates(SERVICE, SHOE, widths=DEFAULT_LADDER, params=said):
            assert each.width <= SHOE.width
            assert each.height <= SHOE.height


def test_the_attributes_have_the_ratio_that_is_delivered() -> None:
    assert (img()["width"], img()["height"]) == ("2560", "1920")
    cropped = img(params={"ar": "16:9", "fit": "crop"})
    assert int(cropped["width"]) * 9 == pytest.approx(int(cropped["height"]) * 16, abs=16)
    fixed = img(params={"w": 300, "h": 200, "fit": "crop"})
    assert (fixed["width"], fixed["height"]) == ("300", "200")
    small = img(Image("a", 100, 100), params={"w": 300})
    assert (small["width"], small["height"]) == ("300", "300"), "the page keeps its layout"
    assert "width" not in img(params={"trim": "auto"}), "only the pixels know"


def test_a_fixed_size_is_offered_by_density_as_far_as_the_picture_goes() -> None:
    def densities(width: int) -> list[str]:
        found = candidates(SERVICE, Image("a", width, width), params={"w": 300})
        return [each.descriptor for each in found]

    assert densities(4000) == ["1x", "2x", "3x"]
    assert densities(700) == ["1x", "2x", "2.33x"]
    assert densities(200) == ["1x"]
    assert "srcset" not in img(Image("a", 200, 200), params={"w": 300})
    assert "sizes" not in img(params={"w": 300})


def test_a_letterbox_is_not_offered_where_it_would_look_different() -> None:
    found = candidates(SERVICE, Image("a", 1000, 500), params={"ar": "1:1", "fit": "fill"})
    assert [each.width for each in found] == [320, 480, 640, 960]
    small = candidates(SERVICE, Image("a", 100, 50), params={"ar": "1:1", "fit": "fill"})
    assert [each.width for each in small] == [320], "one there must be"


def test_what_the_service_would_refuse_is_not_offered() -> None:
    found = candidates(SERVICE, Image("a", 4000, 12000), widths=DEFAULT_LADDER)
    assert max(each.height for each in found) <= 8192
    little = Service.of("", "k1", SECRET, bounds=Bounds(max_side=1000))
    assert [each.width for each in candidates(little, SHOE)] == [320, 480, 640, 960]
    with pytest.raises(BadArgument, match="within the service's limits"):
        candidates(Service.of("", "k1", SECRET, bounds=Bounds(max_side=100)), SHOE)


def test_formats_fit_what_there_is_to_show() -> None:
    assert types() == ["image/avif", "image/webp"]
    assert "fm=jpg" in img()["src"]
    assert "fm=png" in img(LOGO)["src"]
    assert "fm=jpg" in img(LOGO, params={"bg": "fff"})["src"]
    assert "fm=png" in img(SHOE, params={"mask": "circle"})["src"]
    assert types(WAVE) == ["image/webp"]
    assert "fm=gif" in img(WAVE)["src"]
    assert types(WAVE, params={"page": 1}) == ["image/avif", "image/webp"]
    assert types(formats="webp") == ["image/webp"]
    assert html(formats="").startswith("<img ")


def test_the_src_is_of_middling_size() -> None:
    assert "w=1280" in img()["src"]
    assert "w=1920" in img(widths=[1920, 2560])["src"]


def test_a_hero_is_loaded_at_once_and_first() -> None:
    hero = img(hero=True)
    assert (hero["loading"], hero["fetchpriority"]) == ("eager", "high")
    assert (img()["loading"], img().get("fetchpriority")) == ("lazy", None)
    assert img()["decoding"] == "async"


def test_a_placeholder_lies_behind_the_picture() -> None:
    assert img()["style"] == f"background:#8a4b3c url({PLACEHOLDER}) center/cover no-repeat"
    assert img(Image("a", 90, 60, dominant_colour="#123456"))["style"] == "background:#123456"
    assert "style" not in img(lqip=False)
    for image, said in (
        (LOGO, {}),
        (SHOE, {"fit": "fill", "ar": "1:1"}),
        (SHOE, {"monochrome": "red"}),
        (SHOE, {"rot": 90}),
        (Image("a", 90, 60, placeholder="data:image/png;base64,AA);position:fixed", dominant_colour="red"), {}),
    ):
        assert "style" not in img(image, params=said), "it would show, or look like another picture"


def test_art_direction_gives_other_crops_by_media_query() -> None:
    markup = html(params={"ar": "16:9", "fit": "crop"}, sizes="50vw", art="(width <= 600px): ar=1:1; print: fm2=1"[:24])
    small, *_ = elements(markup, "source")
    assert small["media"] == "(width <= 600px)"
    assert small["width"] == small["height"]
    assert "fit=crop" in small["srcset"], "the picture's own parameters hold"
    assert [source.get("media") for source in elements(markup, "source")] == ["(width <= 600px)"] * 3 + [None] * 2
    fixed = Art("(max-width: 600px)", {"w": 100}, None, None)
    first, *_ = elements(html(art=[fixed], sizes="50vw"), "source")
    assert first["srcset"].endswith(" 3x")


def test_reads_art_as_text() -> None:
    text = (
        "(min-width: 40em) and (max-width: 600px): ar=1:1 fit=crop widths=320,640;  (width <= 900px): crop=top,left ;"
    )
    assert read_art(text) == (
        Art("(min-width: 40em) and (max-width: 600px)", {"ar": "1:1", "fit": "crop"}, widths="320,640"),
        Art("(width <= 900px)", {"crop": "top,left"}),
    )


def test_presets_shape_the_markup() -> None:
    service = Service.of("", "k1", SECRET, presets={"card": "w=300&h=200&fit=crop", "hero": "ar=2:1&fit=crop&w=1600"})
    card = picture(service, SHOE, alt="", preset="card")
    assert (card.img["width"], card.img["height"]) == ("300", "200")
    hero = picture(service, SHOE, alt="", preset="hero", sizes="100vw")
    assert hero.img["srcset"].endswith(" 2560w")
    assert (hero.img["width"], hero.img["height"]) == ("2560", "1280")
    assert re.search(r"&pv=[0-9a-f]{8}&", variant_url(service, SHOE, {"preset": "hero"}))
    with pytest.raises(BadArgument, match="one of card, hero for preset"):
        picture(service, SHOE, alt="", preset="heroo")
    assert "preset=any" in picture(SERVICE, SHOE, alt="", preset="any").img["src"]


def test_urls_may_end() -> None:
    assert "expires=1800000000" in img(expires_at=1800000000)["src"]
    assert "expires=1800000000" in srcset(SERVICE, SHOE, expires_at=1800000000)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no alt": ({"alt": None}, "a text for alt"),
    "unknown parameter": ({"params": {"widht": 1}}, "did you mean 'width'"),
    "two names": ({"params": {"w": 1, "width": 2}}, "only one of w and width"),
    "dpr": ({"params": {"dpr": 2}}, "no dpr"),
    "fm": ({"params": {"fm": "webp"}}, "no fm"),
    "reserved": ({"params": {"v": 1}}, "received 'v'"),
    "negative ladder": ({"widths": "-320"}, "from 1 to 8192 for widths, received '-320'"),
    "no width": ({"widths": ""}, "for widths"),
    "no widths": ({"widths": []}, "1 to 40 widths, received 0"),
    "too many widths": ({"widths": range(1, 42)}, "1 to 40 widths, received 41"),
    "huge width": ({"widths": [8193]}, "from 1 to 8192"),
    "words": ({"widths": "320,wide"}, "received 'wide'"),
    "sizes": ({"sizes": "50%"}, "Expected sizes such as"),
    "auto sizes without lazy": ({"sizes": "auto", "hero": True}, "loading=lazy for sizes with auto"),
    "both": ({"widths": "320", "params": {"w": 300}}, "either w and h for a fixed size"),
    "both, by sizes": ({"sizes": "50vw", "params": {"h": 300}}, "either w and h for a fixed size"),
    "loading": ({"loading": "slow"}, "one of lazy, eager for loading, received 'slow'"),
    "lazy hero": ({"hero": True, "loading": "lazy"}, "loading=eager for a hero"),
    "fetchpriority": ({"fetchpriority": "urgent"}, "for fetchpriority"),
    "decoding": ({"decoding": "x"}, "for decoding"),
    "format": ({"formats": "avif,jxl"}, "out of avif, webp, jpg, png, gif, received 'jxl'"),
    "art": ({"art": "(max-width: 600px) ar=1:1"}, "Expected art such as"),
    "art without words": ({"art": "(max-width: 600px):"}, "Expected art such as"),
    "media": ({"art": [Art('(max-width: 600px"')]}, "Expected a media query"),
    "width": ({"params": {"w": "1e3"}}, "for w, received '1e3'"),
    "fit": ({"params": {"fit": "stretch"}}, "for fit, received 'stretch'"),
    "ratio": ({"params": {"ar": "16:0"}}, "for ar, received '16:0'"),
    "rect": ({"params": {"rect": "1,2,3"}}, "for rect, received '1,2,3'"),
    "rect beside it": ({"params": {"rect": "5000,0,10,10"}}, "for rect, received '5000,0,10,10'"),
}


@pytest.mark.parametrize(("said", "words"), REFUSED.values(), ids=list(REFUSED))
def test_tells_what_is_wrong_in_one_sentence(said: dict[str, Any], words: str) -> None:
    with pytest.raises(BadArgument) as refused:
        html(**said)
    assert words in str(refused.value)
    assert str(refused.value).startswith("Expected")


CHANGED_SINCE: tuple[tuple[dict[str, Any], type[BadArgument]], ...] = (
    ({"preset": "gone"}, Mismatch),
    ({"preset": "card", "sizes": "50vw"}, Mismatch),
    ({"params": {"rect": "5000,0,10,10"}}, Mismatch),
    ({"params": {"w": 8000, "h": 8000, "fit": "crop", "enlarge": 1, "snap": 0}}, Mismatch),
    ({"params": {"rect": "1,2,3"}}, BadArgument),
    ({"sizes": "50vw", "params": {"h": 300}}, BadArgument),
)


@pytest.mark.parametrize(("said", "error"), CHANGED_SINCE)
def test_what_hangs_on_picture_or_preset_is_an_error_of_its_own(said: dict[str, Any], error: type[BadArgument]) -> None:
    service = Service.of("", "k1", SECRET, presets={"card": "w=300&h=200&fit=crop"})
    with pytest.raises(BadArgument) as refused:
        picture(service, SHOE, alt="", **said)
    assert type(refused.value) is error


@pytest.mark.parametrize(
    "url", ["ftp://x", "img.example.org", "https://a b", 'https://a"', "https://a/?x", "javascript:x"]
)
def test_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(BadArgument, match="Expected an address"):
        Service.of(url, "k1", SECRET)


def test_refuses_keys_and_ladders_that_cannot_be() -> None:
    with pytest.raises(BadArgument, match="hexadecimal") as refused:
        Service.of("", "k1", "secret!")
    assert "secret!" not in str(refused.value)
    assert SECRET not in repr(SERVICE)
    for ladder in ((320, 160), (0, 320), (-5,)):
        with pytest.raises(BadArgument, match="ladder of rising widths"):
            Bounds(ladder)
    with pytest.raises(BadArgument, match="a reference and a size"):
        Image("a", 0, 10)


def test_reads_what_the_api_tells() -> None:
    told = {
        "id": "01a2", "key": None, "origin": None, "width": 640, "height": 480, "revision": 4, "hasAlpha": False,
        "pages": 12, "format": "gif", "placeholder": PLACEHOLDER, "dominantColour": "#111111",
    }  # fmt: skip
    assert from_api(told) == Image("01a2", 640, 480, 4, False, True, PLACEHOLDER, "#111111")
    assert from_api({**told, "key": "a/b"}).reference == "a/b"
    assert from_api({**told, "origin": "@shop/a.gif", "format": "tiff"}) == Image(
        "@shop/a.gif", 640, 480, 4, False, False, PLACEHOLDER, "#111111"
    )
    with pytest.raises(BadArgument, match="without 'revision'"):
        from_api({name: value for name, value in told.items() if name != "revision"})
