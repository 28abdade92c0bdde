"""Negotiation: a table of headers, and what is chosen for which picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.negotiate import MAX_HEADER_LENGTH, PREFERENCE, accepted_formats, choose
from pipeline.spec import Format

PLAIN = ("jpeg", "png", "gif")
ALL = ("avif", "webp", "jpeg", "png", "gif")

TABLE: list[tuple[str, tuple[str, ...]]] = [
    # What browsers send
    ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", ALL),
    ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", ("avif", "webp", "png", "jpeg", "gif")),
    ("image/webp,image/*,*/*;q=0.8", ("webp", "jpeg", "png", "gif")),
    ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", ("png", "jpeg", "gif")),
    # Nothing said
    ("", PLAIN),
    ("*/*", PLAIN),
    ("image/*", PLAIN),
    ("text/html", PLAIN),
    # Named only: nothing else is taken
    ("image/webp", ("webp",)),
    ("image/avif,image/webp", ("avif", "webp")),
    ("image/webp,image/avif", ("avif", "webp")),
    ("image/gif", ("gif",)),
    # Weights
    ("image/avif;q=0.5,image/webp", ("webp", "avif")),
    ("image/avif;q=0.5,image/webp;q=0.7,image/jpeg;q=0.6", ("webp", "jpeg", "avif")),
    ("image/jpeg;q=0.001", ("jpeg",)),
    ("image/avif ; q=0.9 , image/webp;q=1.000", ("webp", "avif")),
    ("image/avif;level=1;q=0.2,image/webp;q=0.3", ("webp", "avif")),
    ("IMAGE/AVIF;Q=0.5,Image/WebP", ("webp", "avif")),
    # q=0 means no
    ("image/avif;q=0,image/webp,*/*", ("webp", "jpeg", "png", "gif")),
    ("image/avif;q=0.0,image/webp;q=0.000,*/*;q=0.1", PLAIN),
    ("image/jpeg;q=0,*/*", ("png", "gif")),
    ("image/webp;q=0", PLAIN),
    ("image/avif,*/*;q=0", ("avif",)),
    ("image/avif,image/*;q=0,*/*", ("avif",)),
    ("*/*;q=0", PLAIN),
    ("image/*;q=0", PLAIN),
    # The narrower range counts
    ("*/*;q=0.1,image/*;q=0.9,image/png", ("png", "jpeg", "gif")),
    ("*/*,image/*;q=0.2,image/avif;q=0.1", ("jpeg", "png", "gif", "avif")),
    # Nonsense is not heard
    ("image/avif;q=2,image/webp", ("webp",)),
    ("image/avif;q=-1,image/webp", ("webp",)),
    ("image/avif;q=,image/webp", ("webp",)),
    ("image/avif;q=nan,image/webp", ("webp",)),
    ("image/avif;q=inf,image/webp", ("webp",)),
    ("image/avif;q=1e-3,image/webp", ("webp",)),
    ("image/avif;q=0.1234,image/webp", ("webp",)),
    ("image/avif;q=１,image/webp", ("webp",)),
    (",,;,;;q=1,image/webp,,", ("webp",)),
    ("image/avifx,image/webp", ("webp",)),
    ("é\x00\udc80", PLAIN),
]


@pytest.mark.parametrize(("header", "formats"), TABLE, ids=[repr(header)[:60] for header, _ in TABLE])
def test_ranks_what_the_client_takes(header: str, formats: tuple[str, ...]) -> None:
    assert accepted_formats(header) == formats


def test_of_a_long_header_only_whole_ranges_count() -> None:
    filler = "text/x," * 400
    assert len(filler) > MAX_HEADER_LENGTH
    assert accepted_formats("image/webp," + filler + "image/avif") == ("webp",)
    for length in range(1, 24):
        padding = "a/b," + "x" * (MAX_HEADER_LENGTH - 4 - 1 - length) + ","
        header = padding + "image/avif;q=0,image/webp"
        assert "avif" not in accepted_formats(header), f"{header[:MAX_HEADER_LENGTH][-20:]!r} is no yes"
    assert accepted_formats("x" * 100_000) == PLAIN


def test_long_headers_do_not_fill_the_memory() -> None:
    """The cache keeps what it is asked for, so it is asked for short texts only."""
    from delivery import negotiate

    before = negotiate._ranked.cache_info().currsize
    for number in range(50):
        accepted_formats("x" * 50_000 + f"{number}")
    assert negotiate._ranked.cache_info().currsize <= before + 1


@given(
    st.text()
    | st.lists(st.sampled_from(["image/avif", "*/*", "image/*", ";q=", "0", "0.5", "1", ",", " "])).map("".join)
)
def test_any_header_gives_some_formats_each_once(header: str) -> None:
    formats = accepted_formats(header)
    assert formats
    assert len(set(formats)) == len(formats)
    assert set(formats) <= set(PREFERENCE)


@pytest.mark.parametrize(
    ("accepted", "picture", "chosen"),
    [
        (ALL, "still", "avif"),
        (("webp", "jpeg", "png", "gif"), "still", "webp"),
        (PLAIN, "still", "jpeg"),
        (("png", "jpeg", "gif"), "still", "jpeg"),
        (("gif", "png", "webp"), "still", "webp"),
        (("png",), "still", "png"),
        (("gif",), "still", "gif"),
        (ALL, "see-through", "avif"),
        (PLAIN, "see-through", "png"),
        (("jpeg", "gif"), "see-through", "jpeg"),
        (("jpeg",), "see-through", "jpeg"),
        (ALL, "moving", "webp"),
        (PLAIN, "moving", "gif"),
        (("avif", "jpeg"), "moving", "avif"),
        (("gif", "webp"), "moving", "gif"),
    ],
)
def test_chooses_what_suits_the_picture(accepted: tuple[Format, ...], picture: str, chosen: str) -> None:
    assert choose(accepted, has_alpha=picture == "see-through", animated=picture == "moving") == chosen


def test_a_moving_and_see_through_picture_stays_moving() -> None:
    assert choose(("avif", "webp", "png", "gif"), has_alpha=True, animated=True) == "webp"
