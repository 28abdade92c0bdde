"""What a target asks besides the mean, what wins, and how files are written without a search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.encode import ENCODERS, encode
from pipeline.quality import measure
from pipeline.request import Decided
from pipeline.spec import Format
from pipeline.targets import TARGETS, Target
from tests import images
from tests.pipeline.quality.figures import same_figures
from tests.pipeline.quality.photographs import photograph
from tests.pipeline.searching import LOSSY, PHOTO, aimed, decoded, encodes, lettering, plain

_REFERENCE = decoded(plain("png", None).body)


def figures(body: bytes) -> Any:
    return measure(_REFERENCE, decoded(body))


@pytest.mark.parametrize(
    ("bound", "figure"),
    [("worst-tile", "worst_tile"), ("delta-e", "delta_e_p99"), ("chroma", "chroma_delta_e")],
)
@pytest.mark.parametrize("output_format", LOSSY)
def test_each_demand_holds_and_is_named_where_it_decides(
    output_format: Format, bound: str, figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = aimed(output_format, 0.9, measure=True)
    had: float = getattr(loose.scores, figure)
    limit = (1 + had) / 2 if bound == "worst-tile" else had * 0.85
    asked = encodes(monkeypatch)
    target = replace(Target(ssim=0.9), **{figure: limit})
    found = aimed(output_format, target, measure=True)
    assert found.trial_encodes == len(asked) <= 8
    assert (found.target_met, found.bound) == (True, bound)
    assert found.quality is not None
    assert found.quality > (loose.quality or 0)

    def margin(value: float) -> float:
        return value - limit if bound == "worst-tile" else limit - value

    assert margin(getattr(found.scores, figure)) >= 0
    assert margin(getattr(figures(found.body), figure)) >= -0.05
    below = plain(output_format, found.quality - 1).body
    missed = aimed(output_format, target, how={"decided": Decided(quality=found.quality - 1)})
    assert (missed.body, missed.target_met) == (below, False)


def test_all_minima_hold_together() -> None:
    found = aimed("webp", Target(ssim=0.97, worst_tile=0.96, delta_e_p99=9.0, chroma_delta_e=3.2), measure=True)
    scores = found.scores
    assert scores is not None
    assert (scores.ssim >= 0.97, scores.worst_tile >= 0.96) == (True, True)
    assert (scores.delta_e_p99 <= 9.0, scores.chroma_delta_e <= 3.2) == (True, True)


def test_a_demand_that_no_quality_meets_ends_the_scale() -> None:
    found = aimed("webp", Target(ssim=0.9, chroma_delta_e=0.001))
    assert (found.quality, found.target_met, found.bound) == (100, False, "scale")


def test_a_bound_of_bytes_wins_over_the_target_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    free = aimed("webp", 0.99)
    kept = aimed("webp", 0.99, max_bytes=len(free.body))
    assert (kept.body, kept.target_met, kept.max_bytes_met, kept.bound) == (free.body, True, True, "ssim")
    asked = encodes(monkeypatch)
    bound = aimed("webp", 0.99, max_bytes=len(free.body) // 2, measure=True)
    assert bound.trial_encodes == len(asked)
    assert (bound.target_met, bound.max_bytes_met, bound.bound) == (False, True, "max-bytes")
    assert len(bound.body) <= len(free.body) // 2
    assert bound.scores is not None
    assert bound.scores.ssim < 0.99


def test_what_decided_is_said_of_the_same_file_written_again() -> None:
    free = aimed("webp", 0.99)
    for most in (None, len(free.body) // 2, len(free.body) // 8):
        found = aimed("webp", 0.99, max_bytes=most)
        decided = Decided(quality=found.quality, chroma=found.chroma or "4:2:0", bound=found.bound)
        again = aimed("webp", 0.99, max_bytes=most, how={"decided": decided})
        assert (again.body, again.target_met, again.bound) == (found.body, found.target_met, found.bound)
    draft = aimed("webp", 0.99, how={"decided": Decided(quality=50, bound="ssim"), "predict": True})
    assert draft.bound == "", "a draft has looked for nothing"


def test_bytes_decide_also_where_a_smaller_picture_still_meets_the_target() -> None:
    data = images.encoded(images.from_pixels(photograph("coffee.png")), "png")
    free = aimed("png", 0.95, data=data, width=160)
    bound = aimed("png", 0.95, data=data, width=160, max_bytes=len(free.body) * 3 // 4, measure=True)
    assert bound.width < free.width
    assert (bound.target_met, bound.bound) == (True, "max-bytes")


def test_a_bound_of_bytes_may_make_the_picture_smaller_and_it_is_measured_at_its_size() -> None:
    tiny = aimed("jpeg", 0.97, max_bytes=1500, measure=True)
    assert tiny.width < 240
    assert (tiny.max_bytes_met, tiny.bound) == (True, "max-bytes")
    assert tiny.scores is not None


@pytest.mark.parametrize(("ink", "paper"), [("red", "white"), ("red", "blue"), ("magenta", "lime")])
@pytest.mark.parametrize("output_format", ["avif", "jpeg"])
def test_saturated_edges_keep_their_colour(output_format: Format, ink: str, paper: str) -> None:
    data = lettering(ink, paper)
    found = aimed(output_format, TARGETS["good"], data, width=None)
    assert (found.chroma, found.target_met) == ("4:4:4", True)
    usual = plain(output_format, found.quality, data, width=None)
    picture = decoded(data)
    ours, theirs = (measure(picture, decoded(each.body)).delta_e_p99 for each in (found, usual))
    assert ours < theirs


@pytest.mark.parametrize("output_format", LOSSY)
def test_photographs_and_black_letters_keep_half_the_colour(output_format: Format) -> None:
    for data in (PHOTO, lettering("black", "white"), images.encoded(images.grey(90, 60), "png")):
        assert aimed(output_format, data=data, width=None).chroma == "4:2:0"
    assert aimed(output_format, data=images.encoded(images.from_pixels(photograph("chelsea.png")), "png")).chroma == (
        "4:2:0"
    )


def test_webp_has_no_finer_colour_and_an_explicit_quality_keeps_the_usual() -> None:
    data = lettering("red", "blue")
    assert aimed("webp", data=data, width=None).chroma == "4:2:0"
    assert plain("jpeg", 80, data, width=None).chroma == "4:2:0"


@pytest.mark.parametrize("data", [PHOTO, lettering("red", "blue")], ids=["photo", "letters"])
@pytest.mark.parametrize("effort", ["quick", "full"])
@pytest.mark.parametrize("output_format", [*LOSSY, "png"])
def test_what_was_decided_is_written_again_in_one_encode(
    output_format: Format, effort: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = aimed(output_format, TARGETS["good"], data, how={"effort": effort}, measure=True)
    decided = Decided(quality=found.quality, chroma=found.chroma or "4:2:0")
    asked = encodes(monkeypatch)
    again = aimed(output_format, TARGETS["good"], data, how={"effort": effort, "decided": decided}, measure=True)
    assert (again.trial_encodes, len(asked)) == (1, 1)
    assert again.body == found.body
    assert (again.quality, again.chroma, again.target_met) == (found.quality, found.chroma, found.target_met)
    assert same_figures(again.scores, found.scores)
    assert not again.provisional


def test_a_decision_that_no_longer_meets_the_target_says_so() -> None:
    found = aimed("webp", 0.97, how={"decided": Decided(quality=5)})
    assert (found.quality, found.target_met) == (5, False)


@pytest.mark.parametrize("output_format", [*LOSSY, "png"])
def test_a_draft_is_one_encode_that_says_what_it_measures(
    output_format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = encodes(monkeypatch)
    draft = aimed(output_format, 0.97, how={"predict": True}, measure=True)
    assert (draft.trial_encodes, len(asked), draft.provisional) == (1, 1, True)
    assert draft.scores is not None
    assert draft.target_met == (draft.scores.ssim >= 0.97)


def test_most_drafts_meet_their_target() -> None:
    met = [
        aimed(output_format, target, images.encoded(images.from_pixels(photograph(name)), "png"), width=None,
              how={"predict": True}).target_met
        for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
        for output_format in LOSSY
        for target in (0.97, 0.99)
    ]  # fmt: skip
    assert sum(map(bool, met)) >= 0.7 * len(met)


def test_no_draft_is_followed_where_nothing_better_can_be() -> None:
    dot = images.encoded(images.quadrants(1, 1), "png")
    assert not aimed("webp", data=dot, width=None, how={"predict": True}).provisional
    assert not aimed("gif", 0.6, how={"predict": True}).provisional


def test_avif_files_change_at_the_qualities_that_the_table_says() -> None:
    picture = images.from_pixels(np.asarray(photograph("coffee.png"))[:64, :64])
    files = {quality: encode(picture, "avif", quality) for quality in range(1, 101)}
    changes = [1, *(quality for quality in range(2, 101) if files[quality] != files[quality - 1])]
    assert tuple(changes) == tuple(ENCODERS["avif"].steps)


@pytest.mark.parametrize(("output_format", "share"), [("png", 0.9), ("png", 0.5), ("jpeg", 0.5), ("webp", 0.1)])
@pytest.mark.parametrize("data", [PHOTO, lettering("black", "white")], ids=["photo", "letters"])
def test_what_max_bytes_has_decided_is_the_same_file_again(output_format: Format, share: float, data: bytes) -> None:
    """Letters have few colours: their PNG is exact whatever its quality, so at full size no palette may be taken."""
    most = int(share * len(aimed(output_format, 0.97, data).body))
    found = aimed(output_format, 0.97, data, max_bytes=most, measure=True)
    assert found.max_bytes_met
    decided = Decided(quality=found.quality, chroma=found.chroma or "4:2:0", bound=found.bound)
    again = aimed(output_format, 0.97, data, max_bytes=most, how={"decided": decided}, measure=True)
    assert again.body == found.body
    assert (again.quality, again.bound) == (found.quality, "max-bytes")
    assert same_figures(again.scores, found.scores)


def test_a_decision_keeps_what_decided_it() -> None:
    found = aimed("webp", Target(ssim=0.9, chroma_delta_e=0.001))
    decided = Decided(quality=found.quality, bound=found.bound)
    assert aimed("webp", Target(ssim=0.9, chroma_delta_e=0.001), how={"decided": decided}).bound == "scale"


def test_a_picture_made_smaller_is_bound_by_bytes_though_it_meets_the_target_at_its_size() -> None:
    tiny = aimed("gif", 0.5, max_bytes=4000)
    assert tiny.width < 240
    assert (tiny.target_met, tiny.bound) == (True, "max-bytes")


def test_a_format_without_qualities_ends_the_scale_where_it_misses() -> None:
    missed, met = aimed("gif", 0.9999), aimed("gif", 0.5)
    assert [(each.target_met, each.bound) for each in (missed, met)] == [(False, "scale"), (True, "")]


def test_own_bytes_of_a_single_pixel_meet_nothing_that_cannot_be_measured() -> None:
    dot = images.encoded(images.grey(1, 1), "png")
    first = aimed("png", 0.97, dot, own=True, width=None)
    decided = Decided(quality=None, own_bytes=True)
    again = aimed("png", 0.97, dot, own=True, width=None, how={"decided": decided})
    assert (first.passthrough, again.passthrough) == (True, True)
    assert (first.target_met, again.target_met) == (None, None)


def test_the_file_that_is_too_heavy_is_not_written_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    free = aimed("jpeg", 0.99)
    asked = encodes(monkeypatch)
    bound = aimed("jpeg", 0.99, max_bytes=len(free.body) // 2)
    assert bound.trial_encodes == len(asked) == len(set(asked))


def test_a_png_that_is_lossless_after_all_has_no_quality() -> None:
    exact, photo = plain("png", 60, lettering("black", "white")), plain("png", 60)
    assert (exact.quality, photo.quality) == (None, 60)
