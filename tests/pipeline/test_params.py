"""The one parser and the one canonical text."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageColor

from pipeline.colours import read_colour
from pipeline.errors import BadParameter
from pipeline.fonts import FONTS
from pipeline.params import PARAMETERS, canonical, parse
from pipeline.spec import Border, Rect, TransformSpec
from pipeline.targets import ACCEPTED as QUALITIES
from pipeline.values import COMPASS, FITS, GRAVITIES


def read(text: str) -> TransformSpec:
    return parse(parse_qsl(text, keep_blank_values=True))


def test_nothing_asked_is_the_default_and_its_text_is_empty():
    assert parse([]) == TransformSpec()
    assert canonical(TransformSpec()) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w=1&h=8192", {"width": 1, "height": 8192}),
        ("width=5&height=6", {"width": 5, "height": 6}),
        ("fit=cover", {"fit": "crop"}),
        ("fit=fill", {"fit": "fill"}),
        ("fit=inside&enlarge=1", {"fit": "clip", "enlarge": True}),
        ("enlarge=1", {"enlarge": True}),
        ("fit=max&enlarge=1", {"fit": "clip"}),
        ("enlarge=1&fit=min", {"fit": "crop"}),
        ("fit=fillmax&enlarge=1", {"fit": "fill"}),
        ("crop=top,left", {"gravity": "northwest"}),
        ("crop=left,top", {"gravity": "northwest"}),
        ("gravity=se", {"gravity": "southeast"}),
        ("crop=center", {"gravity": "centre"}),
        ("crop=focalpoint", {}),
        ("fp-x=0.25", {"focal_x": 0.25, "focal_y": 0.5}),
        ("fp-y=.3", {"focal_x": 0.5, "focal_y": 0.3}),
        ("fp-x=0&fp-y=1&crop=focal", {"focal_x": 0.0, "focal_y": 1.0}),
        ("ar=16:9", {"aspect_ratio": (16, 9)}),
        ("ar=1920:1080", {"aspect_ratio": (16, 9)}),
        ("ar=1.5", {"aspect_ratio": (3, 2)}),
        ("ar=1.91:1", {"aspect_ratio": (191, 100)}),
        ("ar=1:100", {"aspect_ratio": (1, 100)}),
        ("dpr=2.0", {"dpr": 2.0}),
        ("dpr=.5", {"dpr": 0.5}),
        ("dpr=1.25", {"dpr": 1.25}),
        ("rect=0,5,10,20", {"rect": Rect(left=0, top=5, width=10, height=20)}),
        ("rot=270&flip=hv", {"rotate": 270, "flip": "hv"}),
        ("rot=0", {}),
        ("trim=auto", {"trim": 10}),
        ("trim=255", {"trim": 255}),
        ("pad=1000&blur=2000&sharp=100", {"pad": 1000, "blur": 2000, "sharpen": 100}),
        ("bg=f00", {"background": (255, 0, 0, 255)}),
        ("bg=8f00", {"background": (255, 0, 0, 136)}),
        ("bg=80FF0000", {"background": (255, 0, 0, 128)}),
        ("background=RebeccaPurple", {"background": (102, 51, 153, 255)}),
        ("bg=transparent", {"background": (0, 0, 0, 0)}),
        ("fm=pjpg&q=1", {"format": "jpeg", "quality": 1}),
        ("format=avif&quality=100", {"format": "avif", "quality": 100}),
        ("fm=auto&auto=format,compress", {}),
        ("auto=compress", {}),
        ("snap=0", {"snap": False}),
        ("snap=1&enlarge=0", {}),
        ("page=3", {"page": 3}),
        ("frame=1", {"page": 1}),
        (
            "bri=-100&con=100&gam=-7&sat=0",
            {"brightness": -100, "contrast": 100, "gamma": -7},
        ),
        (
            "brightness=1&contrast=-1&gamma=2&saturation=-2",
            {"brightness": 1, "contrast": -1, "gamma": 2, "saturation": -2},
        ),
        ("monochrome=80f00000", {"monochrome": (240, 0, 0, 128)}),
        ("duotone=navy,fff&duotone-alpha=0", {"duotone": ((0, 0, 128, 255), (255,) * 4), "duotone_alpha": 0}),
        ("px=100", {"pixelate": 100}),
        ("mask=corners&corner-radius=9", {"mask": "corners", "corner_radius": (9, 9, 9, 9)}),
        ("mask=ellipse&corner-radius=1,0,8192,3", {"mask": "ellipse", "corner_radius": (1, 0, 8192, 3)}),
        ("border=3,80fff000", {"border": Border(width=3, colour=(255, 240, 0, 128))}),
        ("border=0,red", {}),
        ("max-bytes=100", {"max_bytes": 100}),
        (
            "mark=a/b&mark-align=left&mark-alpha=0&mark-scale=1&mark-pad=0&mark-tile=grid",
            {
                "mark": "a/b",
                "mark_align": "west",
                "mark_alpha": 0,
                "mark_scale": 1,
                "mark_pad": 0,
                "mark_tile": True,
            },
        ),
        ("mark=@shop/~Zm9v.jpg", {"mark": "@shop/~Zm9v.jpg"}),
        (
            "txt=a%26b%3D%C3%A9&txt-size=9&txt-colour=red&txt-align=top&txt-alpha=1&txt-pad=2&txt-tile=1",
            {
                "text": "a&b=é",
                "text_size": 9,
                "text_colour": (255, 0, 0, 255),
                "text_align": "north",
                "text_alpha": 1,
                "text_pad": 2,
                "text_tile": True,
            },
        ),
        ("txt=Cafe%CC%81", {"text": "Café"}),
        ("txt=a%0D%0Ab%0Ac", {"text": "a\nb\nc"}),
        ("txt-font=sans-serif", {}),
        ("txt-font=italic,bold", {"text_font": "bold,italic"}),
        ("txt-font=mono,bold", {"text_font": "mono,bold"}),
    ],
)
def test_reads_what_is_documented(text: str, expected: dict[str, Any]):
    assert read(text) == TransformSpec(**expected)


SIDE = "a whole number from 1 to 8192"
RATIO = "a ratio such as 16:9, 1.91:1 or 1.5 from 1:100 to 100:1"
PERCENT = "a whole number from -100 to 100"
DUOTONE = "two opaque colours with a comma, each in hex digits or a CSS name,"
CORNERS = "1 or 4 whole numbers from 0 to 8192 with commas"
TEXT = "1 to 200 printable characters or line feeds"
COLOUR = "a colour as RGB, ARGB, RRGGBB or AARRGGBB in hex digits (alpha first) or a CSS name"


@pytest.mark.parametrize(
    ("name", "value", "accepts", "received"),
    [
        ("w", "0", SIDE, "'0'"),
        ("w", "8193", SIDE, "'8193'"),
        ("w", "", SIDE, "nothing"),
        ("w", "1e3", SIDE, "'1e3'"),
        ("w", "+5", SIDE, "'+5'"),
        ("w", "-5", SIDE, "'-5'"),
        ("w", "05", SIDE, "'05'"),
        ("w", " 5", SIDE, "' 5'"),
        ("w", "5\n", SIDE, "'5�'"),
        ("w", "1_000", SIDE, "'1_000'"),
        ("w", "400.0", SIDE, "'400.0'"),
        ("w", "400px", SIDE, "'400px'"),
        ("w", "４００", SIDE, "'４００'"),
        ("w", "٤٠٠", SIDE, "'٤٠٠'"),
        ("w", "²", SIDE, "'²'"),
        ("w", "auto", SIDE, "'auto'"),
        ("height", "0", SIDE, "'0'"),
        ("w", "1" * 10_000, SIDE, f"'{'1' * 40}…' (10000 characters)"),
        ("w", "\x00\x1b[31m", SIDE, "'��[31m'"),
        ("w", "\udc80", SIDE, "'�'"),
        ("dpr", "0.4", "a decimal from 0.5 to 4 with at most 2 decimals", "'0.4'"),
        ("dpr", "4.01", "a decimal from 0.5 to 4 with at most 2 decimals", "'4.01'"),
        ("dpr", "1.125", "a decimal from 0.5 to 4 with at most 2 decimals", "'1.125'"),
        ("dpr", "2.", "a decimal from 0.5 to 4 with at most 2 decimals", "'2.'"),
        ("dpr", ".", "a decimal from 0.5 to 4 with at most 2 decimals", "'.'"),
        ("dpr", "inf", "a decimal from 0.5 to 4 with at most 2 decimals", "'inf'"),
        ("dpr", "nan", "a decimal from 0.5 to 4 with at most 2 decimals", "'nan'"),
        ("fp-x", "1.1", "a decimal from 0 to 1 with at most 4 decimals", "'1.1'"),
        ("fp-y", "0.12345", "a decimal from 0 to 1 with at most 4 decimals", "'0.12345'"),
        ("fp-y", "１", "a decimal from 0 to 1 with at most 4 decimals", "'１'"),
        ("q", "0", QUALITIES, "'0'"),
        ("q", "101", QUALITIES, "'101'"),
        ("q", "auto:superb", QUALITIES, "'auto:superb'"),
        ("q", "auto:1", QUALITIES, "'auto:1'"),
        ("min-worst-tile", "1.1", "an SSIM from 0 to 1 with at most 4 decimals", "'1.1'"),
        ("max-delta-e", "0.05", "a ΔE00 from 0.1 to 100 with at most 2 decimals", "'0.05'"),
        ("fm", "heic", "one of avif, webp, jpg, jpeg, pjpg, png, gif, auto", "'heic'"),
        ("fm", "WEBP", "one of avif, webp, jpg, jpeg, pjpg, png, gif, auto", "'WEBP'"),
        ("auto", "enhance", "format, compress or both with a comma", "'enhance'"),
        ("auto", "format,", "format, compress or both with a comma", "'format,'"),
        ("fit", "facearea", f"one of {', '.join(FITS)}", "'facearea'"),
        (
            "crop",
            "faces",
            "centre, a compass point (north, ne, top,left …), attention, entropy or focalpoint",
            "'faces'",
        ),
        ("ar", "16:0", RATIO, "'16:0'"),
        ("ar", "0", RATIO, "'0'"),
        ("ar", "101:1", RATIO, "'101:1'"),
        ("ar", "1:101", RATIO, "'1:101'"),
        ("ar", "16:9:1", RATIO, "'16:9:1'"),
        ("ar", "16/9", RATIO, "'16/9'"),
        ("ar", ":", RATIO, "':'"),
        ("ar", "1.00001", RATIO, "'1.00001'"),
        ("ar", "9999999:9999998", RATIO, "'9999999:9999998'"),
        ("rect", "1,2,3", "left,top,width,height in whole pixels", "'1,2,3'"),
        ("rect", "1,2,3,0", "left,top,width,height in whole pixels", "'1,2,3,0'"),
        ("rect", "-1,2,3,4", "left,top,width,height in whole pixels", "'-1,2,3,4'"),
        ("rect", "1,2,3,1000000", "left,top,width,height in whole pixels", "'1,2,3,1000000'"),
        ("rot", "45", "0, 90, 180 or 270", "'45'"),
        ("rot", "360", "0, 90, 180 or 270", "'360'"),
        ("flip", "vh", "h, v or hv", "'vh'"),
        ("trim", "0", "auto or a whole number from 1 to 255", "'0'"),
        ("trim", "256", "auto or a whole number from 1 to 255", "'256'"),
        ("trim", "color", "auto or a whole number from 1 to 255", "'color'"),
        ("pad", "1001", "a whole number from 0 to 1000", "'1001'"),
        ("blur", "2001", "a whole number from 0 to 2000", "'2001'"),
        ("sharp", "101", "a whole number from 0 to 100", "'101'"),
        ("bg", "#fff", COLOUR, "'#fff'"),
        ("bg", "ff", COLOUR, "'ff'"),
        ("bg", "fffff", COLOUR, "'fffff'"),
        ("bg", "gold2", COLOUR, "'gold2'"),
        ("bg", "rgb(1,2,3)", COLOUR, "'rgb(1,2,3)'"),
        ("bg", "０００", COLOUR, "'０００'"),
        ("page", "0", "a whole number from 1", "'0'"),
        ("bri", "-101", PERCENT, "'-101'"),
        ("bri", "101", PERCENT, "'101'"),
        ("bri", "-0", PERCENT, "'-0'"),
        ("bri", "--5", PERCENT, "'--5'"),
        ("bri", "−5", PERCENT, "'−5'"),
        ("brightness", "1.5", PERCENT, "'1.5'"),
        ("monochrome", "#f00", COLOUR, "'#f00'"),
        ("duotone", "red", DUOTONE, "'red'"),
        ("duotone", "red,blue,green", DUOTONE, "'red,blue,green'"),
        ("duotone", "red,80ffffff", DUOTONE, "'red,80ffffff'"),
        ("duotone-alpha", "101", "a whole number from 0 to 100", "'101'"),
        ("px", "101", "a whole number from 0 to 100", "'101'"),
        ("mask", "star", "one of corners, ellipse, circle", "'star'"),
        ("corner-radius", "1,2", CORNERS, "'1,2'"),
        ("corner-radius", "1,2,3,4,5", CORNERS, "'1,2,3,4,5'"),
        ("corner-radius", "-1", CORNERS, "'-1'"),
        ("corner-radius", "8193", CORNERS, "'8193'"),
        ("border", "3", "a width from 0 to 1000 and a colour with a comma", "'3'"),
        ("border", "1001,red", "a width from 0 to 1000 and a colour with a comma", "'1001,red'"),
        ("border", "3,", "a width from 0 to 1000 and a colour with a comma", "'3,'"),
        ("max-bytes", "99", "a whole number from 100 to 100000000", "'99'"),
        ("max-bytes", "100000001", "a whole number from 100 to 100000000", "'100000001'"),
        ("mark", "../a b", "the id or key of a master", "'../a b'"),
        ("mark", "é", "the id or key of a master", "'é'"),
        ("mark-align", "focalpoint", "centre or a compass point (north, ne, top,left …)", "'focalpoint'"),
        ("mark-scale", "0", "a whole number from 1 to 100", "'0'"),
        ("mark-tile", "2", "0, 1 or grid", "'2'"),
        ("txt", " \n ", TEXT, "' � '"),
        ("txt", "\x00", TEXT, "'�'"),
        ("txt", "a\u202eb", TEXT, "'a�b'"),
        ("txt", "\ud800", TEXT, "'�'"),
        ("txt", "x" * 201, TEXT, f"'{'x' * 40}…' (201 characters)"),
        ("txt", "\u0958" * 150, TEXT, f"'{chr(0x958) * 40}…' (150 characters)"),  # 300 in composed form
        ("txt-size", "1001", "a whole number from 1 to 1000", "'1001'"),
        (
            "txt-font",
            "comic",
            f"one of {'; '.join(FONTS)}",
            "'comic'",
        ),
        ("enlarge", "true", "0 or 1", "'true'"),
        ("snap", "2", "0 or 1", "'2'"),
    ],
)
def test_refuses_a_wrong_value_in_one_sentence(name: str, value: str, accepts: str, received: str):
    with pytest.raises(BadParameter) as refused:
        parse([(name, value)])
    assert refused.value.message == f"Expected {accepts} for {name}, received {received}."


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("w", "1"), ("w", "1")], "Expected w once, received it twice."),
        ([("w", "1"), ("width", "2")], "Expected only one of w and width, which mean the same, received both."),
        (
            [("gravity", "n"), ("crop", "n")],
            "Expected only one of gravity and crop, which mean the same, received both.",
        ),
        ([("rot", "0"), ("rot", "90")], "Expected rot once, received it twice."),
        ([("auto", "format"), ("auto", "compress")], "Expected auto once, received it twice."),
        ([("widht", "1")], "Expected a known parameter, received 'widht'; did you mean 'width'?"),
        ([("W", "1")], "Expected a known parameter, received 'W'; did you mean 'w'?"),
        ([("zzz", "1")], "Expected a known parameter, received 'zzz'."),
        ([("", "1")], "Expected a known parameter, received nothing."),
        ([("s", "ab")], "Expected a known parameter, received 's'."),
        ([("expires", "1")], "Expected a known parameter, received 'expires'."),
        ([("v", "1")], "Expected a known parameter, received 'v'."),
        ([("w" * 10_000, "1")], f"Expected a known parameter, received '{'w' * 40}…' (10000 characters)."),
        (
            [("fp-x", "0.5"), ("crop", "north")],
            "Expected crop=focalpoint or no crop for fp-x and fp-y, received 'north'.",
        ),
    ],
)
def test_refuses_wrong_pairs_in_one_sentence(pairs: list[tuple[str, str]], sentence: str):
    with pytest.raises(BadParameter) as refused:
        parse(pairs)
    assert refused.value.message == sentence


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_every_parameter_refuses_the_empty_and_the_overlong(row):
    for value in ("", "1" * (row.longest + 1), "0" * 10_000):
        with pytest.raises(BadParameter, match=f"^Expected .* for {row.name}, received "):
            parse([(row.name, value)])


def test_a_megabyte_of_digits_is_not_read():
    class Unread(str):
        def __int__(self) -> int:
            raise AssertionError("this is what costs")

    with pytest.raises(AssertionError):
        parse([("w", Unread("9"))])
    with pytest.raises(BadParameter):
        parse([("w", Unread("9" * 1_000_000))])


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.sampled_from([name for row in PARAMETERS for name in (row.name, *row.aliases)]) | st.text(), st.text())
def test_no_text_raises_anything_but_bad_parameter(name: str, value: str) -> None:
    try:
        spec = parse([(name, value)])
    except BadParameter as error:
        refused = error.message
    else:
        refused = ""
        assert parse(parse_qsl(canonical(spec))) == spec
    assert len(refused) < 250
    assert refused.isprintable()


# Canonical

percent = st.integers(0, 100).map(str)
both_ways = st.integers(-100, 100).map(str)
lengths = st.integers(0, 1000).map(str)
colours = st.sampled_from(sorted(ImageColor.colormap)) | st.binary(min_size=4, max_size=4).map(bytes.hex)
opaque = st.sampled_from(sorted(ImageColor.colormap)) | st.binary(min_size=3, max_size=3).map(bytes.hex)
places = st.sampled_from(sorted(COMPASS))
words = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" \n"), max_size=60).map("x".__add__)
numbers = st.integers(0, 10_000).map(lambda ten_thousandths: f"{ten_thousandths / 10_000:.4f}")
texts: dict[str, st.SearchStrategy[str]] = {
    "w": st.integers(1, 8192).map(str),
    "h": st.integers(1, 8192).map(str),
    "fit": st.sampled_from(sorted(FITS)),
    "crop": st.sampled_from(sorted(GRAVITIES)),
    "fp-x": numbers,
    "fp-y": numbers,
    "ar": st.tuples(st.integers(1, 999), st.integers(10, 99)).map(lambda ratio: f"{ratio[0]}:{ratio[1]}")
    | st.integers(100, 1_000_000).map(lambda value: f"{value / 10_000:.4f}"),
    "dpr": st.integers(50, 400).map(lambda hundredths: f"{hundredths / 100:.2f}"),
    "enlarge": st.sampled_from("01"),
    "snap": st.sampled_from("01"),
    "rect": st.tuples(*[st.integers(1, 999_999)] * 4).map(lambda sides: ",".join(map(str, sides))),
    "trim": st.integers(1, 255).map(str) | st.just("auto"),
    "rot": st.sampled_from(["0", "90", "180", "270"]),
    "flip": st.sampled_from(["h", "v", "hv"]),
    "blur": st.integers(0, 2000).map(str),
    "sharp": st.integers(0, 100).map(str),
    "pad": st.integers(0, 1000).map(str),
    "page": st.integers(1, 100_000).map(str),
    "bri": both_ways,
    "con": both_ways,
    "gam": both_ways,
    "sat": both_ways,
    "monochrome": colours,
    "duotone": st.tuples(opaque, opaque).map(",".join),
    "duotone-alpha": percent,
    "px": percent,
    "border": st.tuples(lengths, colours).map(",".join),
    "mask": st.sampled_from(["corners", "ellipse", "circle"]),
    "corner-radius": lengths | st.tuples(*[lengths] * 4).map(",".join),
    "max-bytes": st.integers(100, 10**8).map(str),
    "mark": st.from_regex(r"[A-Za-z0-9@._~/-]{1,256}", fullmatch=True),
    "mark-align": places,
    "mark-alpha": percent,
    "mark-scale": st.integers(1, 100).map(str),
    "mark-pad": lengths,
    "mark-tile": st.sampled_from(["0", "1", "grid"]),
    "txt": words,
    "txt-size": st.integers(1, 1000).map(str),
    "txt-color": colours,
    "txt-font": st.sampled_from(sorted(FONTS)),
    "txt-align": places,
    "txt-alpha": percent,
    "txt-pad": lengths,
    "txt-tile": st.sampled_from("01"),
    "bg": colours,
    "fm": st.sampled_from(["avif", "webp", "jpg", "jpeg", "pjpg", "png", "gif", "auto"]),
    "q": st.sampled_from(["1", "80", "100", "auto", "auto:best", "auto:good", "auto:eco", "auto:0.985", "auto:.5"]),
    "min-worst-tile": st.sampled_from(["0", "0.9", ".95", "1"]),
    "max-delta-e": st.sampled_from(["0.1", "3", "2.25", "100"]),
    "auto": st.sampled_from(["format", "compress", "format,compress"]),
}
ALIASES = {row.name: row.aliases[0] for row in PARAMETERS if row.aliases}


def askable(pairs: dict[str, str]) -> dict[str, str]:
    """Without a gravity that a focal point forbids, and a quality beside what it should measure."""
    asked = dict(pairs)
    if {"fp-x", "fp-y"} & set(pairs):
        asked.pop("crop", None)
    if {"min-worst-tile", "max-delta-e"} & set(pairs) and pairs.get("q", "").isdigit():
        del asked["q"]
    return asked


queries = st.fixed_dictionaries({}, optional=texts).map(askable)


def test_the_round_trip_tries_every_parameter():
    assert set(texts) == {row.name for row in PARAMETERS}


@settings(derandomize=True, deadline=None, max_examples=300)
@given(queries)
def test_the_canonical_text_reads_back_to_the_same_spec(query: dict[str, str]) -> None:
    spec = parse(query.items())
    text = canonical(spec)
    assert parse(parse_qsl(text, strict_parsing=bool(text))) == spec
    assert canonical(parse(parse_qsl(text))) == text
    names = [name for name, _ in parse_qsl(text)]
    assert names == sorted(names)
    assert text.isascii()


@settings(derandomize=True, deadline=None, max_examples=200)
@given(queries.flatmap(lambda query: st.tuples(st.just(query), st.permutations(sorted(query.items())))))
def test_neither_order_nor_alias_changes_the_canonical_text(
    case: tuple[dict[str, str], list[tuple[str, str]]],
) -> None:
    query, shuffled = case
    text = canonical(parse(query.items()))
    assert canonical(parse(shuffled)) == text
    assert canonical(parse((ALIASES.get(name, name), value) for name, value in shuffled)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w=400&h=300&fit=cover&crop=top,left", "crop=northwest&fit=crop&h=300&w=400"),
        ("fit=clip&enlarge=0&snap=1&rot=0&blur=0&sharp=0&pad=0&dpr=1.00&fm=auto&auto=format&crop=focal", ""),
        ("fm=pjpg&bg=red&dpr=1.50", "bg=ff0000&dpr=1.5&fm=jpeg"),
        ("bg=0000", "bg=00000000"),
        ("fp-x=0.5", "fp-x=0.5&fp-y=0.5"),
        ("ar=32:18&trim=auto", "ar=16:9&trim=10"),
        ("rect=1,2,3,4&snap=0", "rect=1,2,3,4&snap=0"),
        ("bri=0&con=0&gam=0&sat=0&px=0&border=0,red&corner-radius=0&duotone-alpha=100&mark-scale=25&txt-size=12", ""),
        ("corner-radius=5,5,5,5&border=2,white", "border=2,ffffff&corner-radius=5"),
        ("txt=50%25+%26+%E2%82%AC&txt-tile=grid", "txt=50%25%20%26%20%E2%82%AC&txt-tile=1"),
        ("mark=@shop/a.b", "mark=@shop/a.b"),
    ],
)
def test_the_canonical_text_leaves_defaults_out(text: str, expected: str):
    assert canonical(read(text)) == expected


def test_a_colour_is_read_alike_after_pillow_has_drawn_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_colour("tomato")
    monkeypatch.setitem(ImageColor.colormap, "tomato", ImageColor.getrgb("tomato"))  # as it does itself
    assert read_colour("tomato") == read_colour("TOMATO") == before == (255, 99, 71, 255)
