"""Whatever is asked of whatever sound picture: a rendition, or an error that says what is wrong with the request."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import BadParameter, OutputTooLarge
from pipeline.ladder import resolve
from pipeline.limits import Limits
from pipeline.params import parse
from pipeline.render import RenderRequest, render
from pipeline.sniff import sniff
from pipeline.spec import Format
from tests import images
from tests.pipeline.test_params import askable, texts

LIMITS = Limits(max_output_side=200, max_output_megapixels=0.02)
_SMALL = {
    "w": st.integers(1, 90).map(str),
    "h": st.integers(1, 90).map(str),
    "rect": st.tuples(*[st.integers(1, 20)] * 4).map(lambda sides: ",".join(map(str, sides))),
    "page": st.sampled_from(["1", "2", "3"]),
    "pad": st.integers(0, 30).map(str),
    "max-bytes": st.integers(100, 3000).map(str),
    "txt": st.sampled_from(["a", "Hello world", "two\nlines", "&<b>%", "漢"]),
    "dpr": st.sampled_from(["1", "0.5", "2"]),
}
"""Small pictures take a millisecond; large numbers are tried where they are only read."""
PICTURES = {
    "colour": images.encoded(images.scene(24, 18), "jpeg"),
    "grey": images.encoded(images.grey(20, 30), "png"),
    "alpha": images.encoded(images.quadrants(22, 16, alpha=70), "png"),
    "grey and alpha": images.encoded(images.grey(9, 31).bandjoin(99), "png"),
    "deep": images.encoded(images.scene(16, 16).colourspace("rgb16"), "png"),
    "turned": images.oriented(images.quadrants(24, 12), 6),
    "one pixel": images.encoded(images.quadrants(1, 1), "png"),
    "a row": images.encoded(images.scene(40, 1), "png"),
    "animated": images.animation("gif", [images.quadrants(20, 14), images.quadrants(20, 14).fliphor()]),
    "animated with alpha": images.animation("webp", [images.quadrants(12, 12, alpha=a) for a in (0, 90, 255)]),
}
LOGOS = (images.encoded(images.quadrants(8, 4, alpha=99), "png"), images.encoded(images.grey(3, 9), "png"))
QUERIES = st.fixed_dictionaries({}, optional={**texts, **_SMALL}).map(askable)


@settings(derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    picture=st.sampled_from(sorted(PICTURES)),
    query=QUERIES,
    output_format=st.sampled_from(get_args(Format)),
    logo=st.sampled_from(LOGOS),
)
def test_any_combination_renders_or_says_why_not(
    picture: str, query: dict[str, str], output_format: Format, logo: bytes
) -> None:
    try:
        spec = resolve(parse(query.items()), ())
        kind = spec.format or output_format
        result = render(PICTURES[picture], RenderRequest(spec=spec, format=kind, mark=logo, limits=LIMITS))
    except (BadParameter, OutputTooLarge):  # every picture here is sound
        return
    assert sniff(result.body) == result.format
    shown = images.opened(result.body)
    assert shown.size == (result.width, result.height)
    assert max(shown.size) <= 200
    assert (result.max_bytes_met is None) == (spec.max_bytes is None)


@pytest.mark.parametrize("picture", sorted(PICTURES))
def test_all_at_once_on_every_kind_of_picture(picture):
    query = {
        "w": "60", "h": "40", "fit": "fill", "enlarge": "1", "bg": "80ff8000", "rot": "90", "flip": "h", "bri": "9",
        "con": "-9", "gam": "20", "sat": "30", "monochrome": "80406080", "duotone": "navy,gold", "duotone-alpha": "40",
        "px": "3", "blur": "8", "sharp": "20", "border": "2,80ffffff", "mask": "corners", "corner-radius": "9,0,4,30",
        "pad": "3", "mark": "logo", "mark-alpha": "60", "mark-tile": "1", "txt": "All", "txt-color": "8fff",
        "max-bytes": "900",
    }  # fmt: skip
    spec = resolve(parse(query.items()), ())
    for kind in ("webp", "jpeg"):
        result = render(PICTURES[picture], RenderRequest(spec=spec, format=kind, mark=LOGOS[0], limits=LIMITS))
        assert images.opened(result.body).size == (result.width, result.height)
        assert result.max_bytes_met is not None
