"""Keys: everything that shapes the bytes is in them, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.models import Master
from delivery import variants
from delivery.asked import parse_asked
from delivery.recent import RECENT
from delivery.signing import Verified
from delivery.variants import VariantKey, variant_key, variant_request, weight_of
from pipeline.admission import MB_PER_MEGAPIXEL
from pipeline.params import PARAMETERS
from tests.delivery.world import BROWSER, KEY, asked, configure, master

SHOE = master()


def key_of(params: str, accept: str = BROWSER) -> VariantKey:
    return asked(SHOE, params, accept).key


FULL = [
    "w=640",
    "h=480",
    "fit=crop",
    "crop=north",
    "q=70",
    "fm=webp",
    "blur=10",
    "sharp=5",
    "pad=4",
    "bg=fff",
    "rot=90",
]


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_parameters_does_not_change_the_key(shuffler: random.Random) -> None:
    shuffled = list(FULL)
    shuffler.shuffle(shuffled)
    assert key_of("&".join(shuffled)) == key_of("&".join(FULL))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("w=640", "width=640"),
        ("w=640&fm=jpg", "w=640&format=jpeg"),
        ("w=640&q=70&fm=pjpg", "w=640&quality=70&fm=jpg"),
        ("w=640&h=480&fit=cover", "w=640&h=480&fit=crop"),
        ("w=640&h=480&fit=contain", "w=640&h=480&fit=fill"),
        ("w=640&h=480&fit=crop&crop=top", "w=640&h=480&fit=crop&gravity=north"),
        ("w=320&dpr=2", "w=640"),
        ("w=600", "w=640"),
        ("w=640&bg=fff", "w=640&bg=ffffff"),
        ("w=640&bg=white", "w=640&bg=FFFFFF"),
        ("w=640&auto=format", "w=640"),
        ("w=640&fm=auto", "w=640"),
        ("w=640&rot=0&blur=0&pad=0", "w=640"),
        ("w=640&fit=crop", "w=640"),
        ("w=640&ar=2:1", "w=640&h=320"),
    ],
)
def test_what_means_the_same_has_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


# Per parameter a value that changes the picture of a 640×480 crop.
SHAPING = {
    "w": "w=960&h=480",
    "h": "w=640&h=500",
    "ar": "w=640&ar=1:1",
    "fit": "w=640&h=480&fit=fill",
    "crop": "w=640&h=480&fit=crop&crop=north",
    "fp-x": "w=640&h=480&fit=crop&fp-x=0.2",
    "fp-y": "w=640&h=480&fit=crop&fp-y=0.2",
    "dpr": "w=640&h=480&fit=crop&dpr=2",
    "enlarge": "w=640&h=480&fit=crop&enlarge=1",
    "snap": "w=650&h=480&fit=crop&snap=0",
    "rect": "w=640&h=480&fit=crop&rect=10,20,300,200",
    "trim": "w=640&h=480&fit=crop&trim=auto",
    "rot": "w=640&h=480&fit=crop&rot=180",
    "flip": "w=640&h=480&fit=crop&flip=h",
    "blur": "w=640&h=480&fit=crop&blur=20",
    "sharp": "w=640&h=480&fit=crop&sharp=20",
    "pad": "w=640&h=480&fit=crop&pad=8",
    "bg": "w=640&h=480&fit=crop&bg=80ff0000",
    "fm": "w=640&h=480&fit=crop&fm=png",
    "q": "w=640&h=480&fit=crop&q=33",
    "page": "w=640&h=480&fit=crop&page=2",
    "bri": "w=640&h=480&fit=crop&bri=9",
    "con": "w=640&h=480&fit=crop&con=9",
    "gam": "w=640&h=480&fit=crop&gam=9",
    "sat": "w=640&h=480&fit=crop&sat=9",
    "monochrome": "w=640&h=480&fit=crop&monochrome=ff704214",
    "duotone": "w=640&h=480&fit=crop&duotone=000080,fa8072",
    "duotone-alpha": "w=640&h=480&fit=crop&duotone=000080,fa8072&duotone-alpha=60",
    "px": "w=640&h=480&fit=crop&px=9",
    "border": "w=640&h=480&fit=crop&border=4,fff",
    "mask": "w=640&h=480&fit=crop&mask=circle",
    "corner-radius": "w=640&h=480&fit=crop&mask=corners&corner-radius=24",
    "mark": "w=640&h=480&fit=crop&mark=logo",
    "mark-align": "w=640&h=480&fit=crop&mark=logo&mark-align=north",
    "mark-alpha": "w=640&h=480&fit=crop&mark=logo&mark-alpha=50",
    "mark-scale": "w=640&h=480&fit=crop&mark=logo&mark-scale=40",
    "mark-pad": "w=640&h=480&fit=crop&mark=logo&mark-pad=20",
    "mark-tile": "w=640&h=480&fit=crop&mark=logo&mark-tile=1",
    "txt": "w=640&h=480&fit=crop&txt=Jane",
    "txt-size": "w=640&h=480&fit=crop&txt=Jane&txt-size=32",
    "txt-color": "w=640&h=480&fit=crop&txt=Jane&txt-color=fff",
    "txt-font": "w=640&h=480&fit=crop&txt=Jane&txt-font=bold",
    "txt-align": "w=640&h=480&fit=crop&txt=Jane&txt-align=north",
    "txt-alpha": "w=640&h=480&fit=crop&txt=Jane&txt-alpha=70",
    "txt-pad": "w=640&h=480&fit=crop&txt=Jane&txt-pad=24",
    "txt-tile": "w=640&h=480&fit=crop&txt=Jane&txt-tile=1",
    "min-worst-tile": "w=640&h=480&fit=crop&min-worst-tile=0.9",
    "max-delta-e": "w=640&h=480&fit=crop&max-delta-e=3",
    "max-bytes": "w=640&h=480&fit=crop&max-bytes=50000",
}


@pytest.fixture
def logo(monkeypatch: pytest.MonkeyPatch) -> Master:
    """What `mark=logo` finds."""
    logo = master("logo", key="logo")
    monkeypatch.setattr(RECENT, "get", lambda reference: {"logo": logo}[reference])
    return logo


@pytest.mark.usefixtures("logo")
@pytest.mark.django_db
def test_every_parameter_that_shapes_the_bytes_changes_the_key() -> None:
    assert {row.name for row in PARAMETERS} - set(SHAPING) == {"auto"}, "a new parameter needs a line in SHAPING"
    keys = {name: key_of(params) for name, params in SHAPING.items()} | {"": key_of("w=640&h=480&fit=crop")}
    assert len(set(keys.values())) == len(keys)


def test_signature_expiry_and_revision_do_not_change_the_key() -> None:
    specs = [
        parse_asked("/i/shoe", Verified(pairs, None, KEY)).wishes.spec
        for pairs in (("w=640",), ("v=3", "w=640"), ("expires=1800000000", "v=4", "w=640"))
    ]
    assert len({variant_request(SHOE, spec, ("webp",)).key for spec in specs}) == 1


def test_the_key_names_the_digest_of_the_masters_bytes() -> None:
    shoe, boot = asked(master("shoe")).key, asked(master("boot")).key
    assert shoe.digest == master("shoe").blob.digest != boot.digest
    assert shoe.name != boot.name, "the name alone keeps two masters apart, as the flight and the entry use it"
    assert shoe.path == f"{shoe.digest[:2]}/{shoe.digest}/{shoe.name}"


@pytest.mark.parametrize(
    ("params", "matters"),
    [
        ("w=640&h=480&fit=crop", True),
        ("w=640&h=480&fit=crop&crop=focalpoint", True),
        ("w=640&h=480&fit=crop&crop=centre", False),
        ("w=640&h=480&fit=crop&fp-x=0.1&fp-y=0.2", False),
        ("w=640&h=480&fit=crop&crop=attention", False),
        ("w=640&h=480", False),
        ("w=640&h=480&fit=fill", False),
        ("w=640", False),
    ],
)
def test_the_masters_focal_point_counts_where_a_crop_follows_it(params: str, matters: bool) -> None:
    there, elsewhere = (asked(master(focal=focal), params).key for focal in ((0.1, 0.2), (0.9, 0.8)))
    assert (there != elsewhere) is matters


def test_a_focal_point_is_the_same_from_the_url_and_from_the_master() -> None:
    from_master = asked(master(focal=(0.10004, 0.2)), "w=640&h=480&fit=crop")
    assert from_master.key == asked(master(), "w=640&h=480&fit=crop&fp-x=0.1&fp-y=0.2").key
    assert (from_master.render.spec.focal_x, from_master.render.spec.focal_y) == (0.1, 0.2)


def test_the_versions_of_the_pipeline_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of("w=640")
    monkeypatch.setattr(variants, "fingerprint", lambda: "another libvips")
    assert key_of("w=640") != before


def test_limits_that_shape_the_bytes_are_in_the_key() -> None:
    request = asked(SHOE, "fm=webp").render
    limits = request.limits
    keys = {
        variant_key(SHOE.blob, replace(request, limits=changed))
        for changed in (
            limits,
            replace(limits, max_output_side=4000),
            replace(limits, max_output_megapixels=3.5),
        )
    }
    assert len(keys) == 3
    assert variant_key(SHOE.blob, replace(request, limits=replace(limits, max_pages=7))) in keys


def test_the_ladder_is_the_settings() -> None:
    configure(delivery_ladder=(100, 700))
    assert asked(SHOE, "w=300").render.spec.width == 700


@pytest.mark.parametrize(
    ("params", "accept", "source_format", "formats"),
    [
        ("w=640", BROWSER, "jpeg", {"jpeg"}),
        ("w=640", "image/avif,image/webp", "jpeg", set()),
        ("w=640", BROWSER, "tiff", set()),
        ("w=640&fm=jpg", BROWSER, "jpeg", {"jpeg"}),
        ("w=640&fm=webp", BROWSER, "jpeg", set()),
        ("w=640&fm=png", "image/jpeg", "png", {"png"}),
    ],
)
def test_the_sources_own_bytes_are_served_only_in_a_format_that_is_taken(
    params: str, accept: str, source_format: str, formats: set[str]
) -> None:
    assert asked(master(format=source_format), params, accept).render.source_formats == formats


def test_two_clients_share_a_variant_unless_one_may_get_the_source() -> None:
    """The same format is chosen for both, and the source's own bytes suit only one of them."""
    assert key_of("w=640", "image/avif,image/webp") == key_of("w=640", "image/avif,image/png")
    assert key_of("w=640", "image/avif,image/webp") != key_of("w=640", "image/avif,image/jpeg")


@pytest.mark.parametrize(
    ("facts", "accept", "chosen"),
    [
        ({"format": "jpeg"}, BROWSER, "avif"),
        ({"format": "jpeg"}, "*/*", "jpeg"),
        ({"format": "png", "has_alpha": True}, "*/*", "png"),
        ({"format": "gif", "pages": 12}, BROWSER, "webp"),
        ({"format": "gif", "pages": 12}, "*/*", "gif"),
        ({"format": "webp", "pages": 12}, BROWSER, "webp"),
        ({"format": "gif", "pages": 1}, BROWSER, "avif"),
        # The pages of a TIFF are no frames: its picture must not become a GIF of 256 colours.
        ({"format": "tiff", "pages": 3}, BROWSER, "avif"),
        ({"format": "tiff", "pages": 3}, "*/*", "jpeg"),
    ],
)
def test_negotiates_by_what_the_master_is(facts: dict[str, Any], accept: str, chosen: str) -> None:
    request = asked(master(**facts), "w=640", accept)
    assert (request.render.format, request.render.spec.format, request.negotiated) == (chosen, chosen, True)


@pytest.mark.parametrize(
    ("params", "chosen"), [("w=640&bg=fff", "jpeg"), ("w=640&bg=80ffffff", "png"), ("w=640", "png")]
)
def test_an_opaque_background_makes_an_opaque_picture(params: str, chosen: str) -> None:
    assert asked(master(format="png", has_alpha=True), params, "*/*").render.format == chosen


def test_what_is_named_is_not_negotiated() -> None:
    request = asked(SHOE, "w=640&fm=png", "image/avif")
    assert (request.render.format, request.negotiated) == ("png", False)


def test_only_an_animation_that_stays_one_weighs_all_its_frames() -> None:
    moving = master(format="gif", pages=10, width=1000, height=500)
    assert weight_of(asked(moving, "fm=webp")).megapixels == 5.0
    assert weight_of(asked(moving, "fm=webp&page=2")).megapixels == 0.5
    assert weight_of(asked(moving, "fm=avif")).megapixels == 0.5


def test_a_watermark_weighs_too() -> None:
    plain = asked(SHOE, "fm=webp")
    logo = master("logo", format="avif", width=4000, height=1000, pages=3)
    assert weight_of(replace(plain, mark=logo)).megabytes == weight_of(plain).megabytes + 4 * MB_PER_MEGAPIXEL["avif"]


def test_what_no_url_says_is_in_the_key_too_where_it_is_not_its_default() -> None:
    request = asked(SHOE, "w=640&fm=jpg", BROWSER).render
    spec = request.spec
    specs = [spec, replace(spec, keep_metadata=True), replace(spec, keep_profile=True)]
    keys = [variant_key(SHOE.blob, replace(request, spec=spec)) for spec in specs]
    assert keys[0] == key_of("w=640&fm=jpg")
    assert len(set(keys)) == 3
