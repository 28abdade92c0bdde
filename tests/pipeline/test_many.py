"""Many renditions of one source: each the very bytes of a render of its own, and what they share is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline import decode, header, many, production, shared_source, trim
from pipeline.errors import BadParameter, DamagedImage, ImgoptError, NotAnImage, OutputTooLarge, RenderFailed
from pipeline.ladder import resolve
from pipeline.limits import Limits
from pipeline.many import Outcome, produce_each
from pipeline.params import parse
from pipeline.quality import Scores
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.spec import Format, Rect, TransformSpec
from pipeline.targets import TARGETS, Target
from tests import images
from tests.images import SHARED
from tests.pipeline import test_any_request as anything
from tests.pipeline.quality.figures import same_figures
from tests.pipeline.quality.photographs import photograph

WIDTHS = (320, 280, 240, 200, 160, 120, 80, 40)
FORMATS: tuple[Format, ...] = ("avif", "webp", "jpeg")
EVERY = frozenset({"jpeg", "png", "webp", "avif", "gif"})


def asked(output_format: Format = "webp", *, limits: Limits | None = None, **spec: Any) -> RenderRequest:
    return RenderRequest(spec=TransformSpec(**spec), format=output_format, limits=limits or Limits())


def ladder(**spec: Any) -> list[RenderRequest]:
    return [asked(kind, width=width, **spec) for width in WIDTHS for kind in FORMATS]


def alone(data: bytes, request: RenderRequest) -> Outcome:
    try:
        return render(data, request)
    except ImgoptError as error:
        return error


def told(outcome: Outcome) -> Any:
    """This will give all that is known of an outcome but what it took: time, and trials, which a neighbour saves."""
    if isinstance(outcome, DamagedImage):
        return DamagedImage  # libvips' own words pile up from call to call
    if isinstance(outcome, ImgoptError):
        return type(outcome), outcome.message
    if outcome.target is not None and outcome.trial_encodes:
        # Where a curve has a dip, a search that begins elsewhere may end at its other side; see `pipeline.autoquality`.
        return outcome.format, outcome.width, outcome.height, outcome.target, outcome.chroma, outcome.max_bytes_met
    return replace(outcome, seconds={})


def assert_as_alone(data: bytes, requests: Sequence[RenderRequest], *, threads: int = 2) -> list[Outcome]:
    together = produce_each(data, requests, threads=threads)
    assert [told(each) for each in together] == [told(alone(data, request)) for request in requests]
    return together


def made(data: bytes, requests: Sequence[RenderRequest], **options: Any) -> list[Rendition]:
    """This will insist that every request could be fulfilled."""
    outcomes = produce_each(data, requests, **options)
    renditions = [each for each in outcomes if isinstance(each, Rendition)]
    assert len(renditions) == len(outcomes), outcomes
    return renditions


def scores_of(data: bytes, request: RenderRequest) -> Scores:
    (rendition,) = made(data, [request], measure=True)
    assert rendition.scores is not None
    return rendition.scores


QUALITIES = [None, 40, 100, None, 40, 100, Target(ssim=0.9), TARGETS["eco"]]


@st.composite
def _requests(draw: st.DrawFn) -> list[RenderRequest]:
    """This will draw a few specs and ask for each in several ways, as a ladder does."""
    requests = []
    for query in draw(st.lists(anything.QUERIES, min_size=1, max_size=3)):
        try:
            spec = resolve(parse(query.items()), ())
        except BadParameter:  # two that exclude each other
            continue
        kinds = draw(st.lists(st.sampled_from(get_args(Format)), min_size=1, max_size=3))
        widths = draw(st.lists(st.sampled_from([spec.width, 10, 17]), min_size=1, max_size=2))
        requests += [
            RenderRequest(
                spec=replace(spec, width=width, quality=draw(st.sampled_from(QUALITIES))),
                format=kind,
                mark=draw(st.sampled_from(anything.LOGOS)),
                source_formats=draw(st.sampled_from([frozenset(), EVERY])),
                limits=anything.LIMITS,
            )
            for kind in kinds
            for width in widths
        ]
    return requests


@settings(
    derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
@given(picture=st.sampled_from(sorted(anything.PICTURES)), requests=_requests())
def test_any_requests_together_give_what_each_gives_alone(picture: str, requests: list[RenderRequest]) -> None:
    assert_as_alone(anything.PICTURES[picture], requests)


@pytest.mark.parametrize("picture", sorted(anything.PICTURES))
def test_every_way_of_asking_gives_what_it_gives_alone(picture: str) -> None:
    logo = images.encoded(images.quadrants(8, 4, alpha=99), "png")
    specs = [
        TransformSpec(),
        TransformSpec(width=9),
        TransformSpec(width=9, height=9, fit="crop"),
        TransformSpec(width=8, height=8, fit="crop", gravity="attention"),
        TransformSpec(width=9, rotate=90, flip="h"),
        TransformSpec(width=9, trim=10),
        TransformSpec(trim=10),
        TransformSpec(page=1),
        TransformSpec(page=2, width=9),
        TransformSpec(width=9, mark="logo"),
        TransformSpec(width=9, text="a"),
        TransformSpec(width=9, blur=10),
        TransformSpec(max_bytes=150),
        TransformSpec(width=9, background=(255, 0, 0, 255)),
    ]
    assert_as_alone(
        anything.PICTURES[picture],
        [
            RenderRequest(
                spec=spec, format=kind, source_formats=formats, mark=logo if spec.mark else None, limits=Limits()
            )
            for formats in (frozenset[str](), EVERY)
            for spec in specs
            for kind in ("webp", "jpeg", "png", "gif")
        ],
    )


def _shared_sources() -> list[str]:
    folders = [SHARED / name for name in ("photos", "colour", "odd")]
    return sorted(
        f"{path.parent.name}/{path.name}" for folder in folders if folder.is_dir() for path in folder.iterdir()
    )


@pytest.mark.slow
@pytest.mark.images
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real photographs in ../shared/images")
@pytest.mark.parametrize("name", _shared_sources())
def test_real_files_give_what_they_give_alone(name: str) -> None:
    data = (SHARED / name).read_bytes()
    crop: dict[str, Any] = {"width": 100, "height": 100, "fit": "crop", "gravity": "entropy"}
    rect: dict[str, Any] = {"width": 120, "rect": Rect(left=3, top=5, width=400, height=300), "sharpen": 20}
    assert_as_alone(
        data, [asked(width=200), asked("jpeg", width=200), asked("jpeg", width=90), asked(**crop), asked(**rect)]
    )


def calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[tuple[Any, ...]]:
    """This will note the arguments of each call."""
    seen: list[tuple[Any, ...]] = []
    real: Callable[..., Any] = getattr(module, name)

    def noted(*args: Any, **options: Any) -> Any:
        seen.append((*args, options) if options else args)
        return real(*args, **options)

    monkeypatch.setattr(module, name, noted)
    return seen


def test_a_ladder_in_three_formats_decodes_once_and_draws_each_width_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.scene(400, 300), "png")
    opened, drawn = calls(monkeypatch, shared_source, "open_frame"), calls(monkeypatch, many, "drawn")
    written = calls(monkeypatch, many, "written")
    requests = ladder()
    renditions = made(data, requests, threads=2)
    assert (len(opened), len(drawn), len(written)) == (1, 8, 24)
    assert [(each.width, each.format) for each in renditions] == [(r.spec.width, r.format) for r in requests]


def test_a_jpeg_is_decoded_once_for_each_scale_that_its_loader_can_shrink_to(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.scene(1600, 1200), "jpeg")
    shrinks = calls(monkeypatch, decode, "open_cut")
    assert_as_alone(data, (requests := ladder()), threads=1)
    alone_count = len(requests)
    together = shrinks[: len(shrinks) - alone_count]
    assert sorted(options["shrink"] for *_, options in together) == [2, 4, 8]


def test_a_header_and_a_border_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bordered = images.scene(200, 150).embed(20, 20, 240, 190, extend="white")
    headers, borders = calls(monkeypatch, header, "read_header"), calls(monkeypatch, trim, "_border")
    from pipeline import order

    read, found = calls(monkeypatch, order, "read_header"), calls(monkeypatch, order, "resolve_trim")
    renditions = made(images.encoded(bordered, "png"), ladder(trim=10))
    assert (len(read), len(found), len(borders)) == (1, 1, 1)
    assert not headers
    assert {each.width for each in renditions} == {200, 160, 120, 80, 40}


def test_frames_of_an_animation_are_decoded_once_for_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = images.scene(90, 60)
    data = images.animation("gif", [scene, scene.fliphor(), scene.flipver()], delays=[40, 80, 120])
    from pipeline import animation

    opened = calls(monkeypatch, animation, "open_strip")
    requests = [asked(kind, width=width) for width in (80, 60, 40) for kind in ("webp", "gif")]
    assert all(each.pages == 3 for each in made(data, requests))
    assert len(opened) == 1
    assert_as_alone(data, requests)


def test_a_source_of_which_one_size_is_made_is_not_kept_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    held = calls(monkeypatch, shared_source, "_hold")
    assert_as_alone(images.encoded(images.scene(), "png"), [asked(kind, width=80) for kind in FORMATS])
    assert not held


def test_a_source_that_is_too_large_to_be_kept_is_decoded_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.scene(400, 300), "png")
    monkeypatch.setattr(shared_source, "HELD_MEGABYTES", 400 * 300 * 3 / 1e6)
    opened = calls(monkeypatch, shared_source, "open_frame")
    produce_each(data, ladder())
    assert len(opened) == 1
    opened.clear()
    monkeypatch.setattr(shared_source, "HELD_MEGABYTES", 400 * 300 * 3 / 1e6 - 0.001)
    assert_as_alone(data, ladder())
    assert len(opened) == 1 + 8, "once to learn its size"


def test_sixteen_bits_weigh_twice_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.scene(400, 300).colourspace("rgb16"), "png")
    monkeypatch.setattr(shared_source, "HELD_MEGABYTES", 400 * 300 * 3 / 1e6)
    opened = calls(monkeypatch, shared_source, "open_frame")
    produce_each(data, ladder())
    assert len(opened) > 1


def test_equal_requests_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = calls(monkeypatch, many, "written")
    first, second, third = produce_each(
        images.encoded(images.scene(), "png"), [asked(width=50)] * 2 + [asked(width=40)]
    )
    assert len(written) == 2
    assert first == second != third


def test_one_search_helps_the_next_and_finds_what_each_finds_alone() -> None:
    photo = images.encoded(images.from_pixels(photograph("coffee.png")), "png")
    requests = [asked(kind, width=width, quality=Target(ssim=0.95)) for width in (320, 240, 160) for kind in FORMATS]
    together = [each for each in produce_each(photo, requests) if isinstance(each, Rendition)]
    each_alone = [render(photo, request) for request in requests]
    assert [each.body for each in together] == [each.body for each in each_alone]
    assert sum(each.trial_encodes for each in together) < sum(each.trial_encodes for each in each_alone)


def test_what_fails_is_an_error_in_its_place() -> None:
    data = images.encoded(images.scene(), "png")
    small = Limits(max_output_side=100)
    first, page, second, large, mark, third = produce_each(
        data,
        [
            asked(width=50),
            asked(width=50, page=2),
            asked(width=40),
            asked(width=150, limits=small),
            asked(width=40, mark="logo"),
            asked("jpeg", width=40),
        ],
    )
    assert isinstance(page, BadParameter)
    assert isinstance(large, OutputTooLarge)
    assert isinstance(mark, BadParameter)
    assert [getattr(each, "width", None) for each in (first, second, third)] == [50, 40, 40]


def test_watermarks_that_differ_are_kept_apart() -> None:
    request = asked(width=90, mark="logo", mark_scale=90)
    first, second = (replace(request, mark=images.encoded(images.scene(20, 10, seed=seed), "png")) for seed in (1, 2))
    outcomes = assert_as_alone(images.encoded(images.scene(), "png"), [first, second, first])
    assert told(outcomes[0]) == told(outcomes[2]) != told(outcomes[1])


def test_limits_that_differ_are_kept_apart() -> None:
    data = images.encoded(images.scene(), "png")
    tight, loose = Limits(max_megapixels={**Limits().max_megapixels, "png": 0.001}), Limits()
    assert_as_alone(data, [asked(width=40, limits=limits) for limits in (loose, tight, loose)])


def test_what_is_no_picture_is_an_error_in_every_place() -> None:
    outcomes = produce_each(b"no picture at all", [asked(), asked(width=3)])
    assert [type(each) for each in outcomes] == [NotAnImage, NotAnImage]


def test_of_a_broken_file_what_can_be_made_alone_can_be_made_together() -> None:
    whole = images.encoded(images.scene(400, 400), "png", compression=0)
    data = whole[: len(whole) * 3 // 4]
    top: dict[str, Any] = {"rect": Rect(left=0, top=0, width=400, height=100)}
    outcomes = assert_as_alone(
        data, [asked(width=100), asked(width=100, **top), asked(width=50, **top), asked(width=50)]
    )
    assert [isinstance(each, DamagedImage) for each in outcomes] == [True, False, False, True]


def test_what_nobody_foresaw_fails_in_its_place_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    real = production.written

    def stumbling(source: Any, image: Any, order: Any, *rest: Any, **options: Any) -> Any:
        if order.request.format == "webp":
            raise ZeroDivisionError("a private detail")
        return real(source, image, order, *rest, **options)

    monkeypatch.setattr(many, "written", stumbling)
    good, bad, fine = produce_each(images.encoded(images.scene(), "png"), [asked("png"), asked("webp"), asked("jpeg")])
    assert isinstance(bad, RenderFailed)
    assert "private" not in bad.message
    assert isinstance(bad.__cause__, ZeroDivisionError)
    assert [getattr(each, "format", None) for each in (good, fine)] == ["png", "jpeg"]


def test_two_threads_write_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)
    real = production.written

    def meeting(*args: Any, **options: Any) -> Any:
        both.wait()
        return real(*args, **options)

    monkeypatch.setattr(many, "written", meeting)
    outcomes = produce_each(images.encoded(images.scene(), "png"), [asked("png"), asked("webp")], threads=2)
    assert not any(isinstance(each, ImgoptError) for each in outcomes)


def test_no_requests_are_no_renditions() -> None:
    assert produce_each(b"", []) == []


def test_the_time_of_what_is_shared_is_counted_with_the_first_that_needs_it() -> None:
    renditions = made(images.encoded(images.scene(400, 300), "png"), ladder(), measure=True)
    assert ["steps" in each.seconds for each in renditions] == [each.format == FORMATS[0] for each in renditions]
    assert all(each.seconds["encode"] > 0 and each.seconds["measure"] > 0 for each in renditions)


def test_scores_are_of_the_file_decoded_again_against_the_pixels_before_encoding() -> None:
    data = images.encoded(images.scene(320, 240), "png")
    plain, measured = (
        made(data, [asked("webp", width=160), asked("png", width=160)], measure=measure) for measure in (False, True)
    )
    assert [each.body for each in plain] == [each.body for each in measured]
    assert [each.scores for each in plain] == [None, None]
    from pipeline.quality import measure

    lossy, lossless = measured
    assert lossless.scores
    assert lossless.scores.identical
    assert same_figures(
        lossy.scores, measure(images.pixels_of(lossless.body), np.asarray(images.opened(lossy.body).convert("RGB")))
    )


@pytest.mark.parametrize("output_format", FORMATS)
def test_transparent_pictures_are_measured_as_their_format_can_hold_them(output_format: Format) -> None:
    data = images.encoded(images.quadrants(200, 160, alpha=90), "png")
    assert scores_of(data, asked(output_format, quality=90)).ssim > 0.97


def test_the_sources_own_bytes_are_identical() -> None:
    data = images.encoded(images.scene(), "jpeg", Q=30)
    request = replace(asked("webp", quality=100), source_formats=EVERY)
    assert made(data, [request])[0].passthrough
    scores = scores_of(data, request)
    assert (scores.identical, scores.psnr) == (True, None)


def test_blurred_pictures_are_measured_in_whole_steps() -> None:
    data = images.encoded(images.scene(), "png")
    assert scores_of(data, asked("png", blur=30)).identical


def test_pictures_made_smaller_for_their_bytes_are_measured_at_the_size_they_have() -> None:
    data = images.encoded(images.scene(), "png")
    request = asked("webp", max_bytes=600)
    assert made(data, [request])[0].width < 160
    assert 0 < scores_of(data, request).ssim < 1


def test_animations_and_single_pixels_say_why_they_are_not_measured() -> None:
    moving = images.animation("gif", [images.quadrants(), images.quadrants().fliphor()])
    (rendition,) = made(moving, [asked("webp")], measure=True)
    assert (rendition.scores, rendition.unmeasured) == (None, "Animations are not measured.")
    dot = images.encoded(images.quadrants(1, 1), "png")
    (rendition,) = made(dot, [asked("webp")], measure=True)
    assert rendition.scores is None
    assert "a single one has no structure" in rendition.unmeasured
