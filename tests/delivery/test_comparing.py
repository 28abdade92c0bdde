"""`fm=auto` at equal quality: every rival once, then the smallest that the client takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from apikeys.errors import RateLimited
from assets.models import Master
from delivery import comparing
from delivery.comparing import compared
from delivery.negotiate import accepted_formats, rivals, smallest
from delivery.variants import VariantRequest
from metrics.models import FormatSizes
from pipeline.errors import DamagedImage, ImgoptError
from pipeline.rendition import Rendition
from pipeline.request import Chroma
from pipeline.spec import Format
from pipeline.targets import TARGETS
from tests.delivery.world import BROWSER, Answer, asked, at_once, configure, master, saved, signed

pytestmark = pytest.mark.django_db(transaction=True)

Ask = Callable[..., Answer]
OLD = "image/webp,*/*;q=0.8"


class Together:
    """Stands for `render_together`: gives files of stated sizes, and keeps them where the service looks."""

    def __init__(self, **byte_sizes: int) -> None:
        self.byte_sizes = byte_sizes
        self.missing_target: set[Format] = set()
        self.failing: set[Format] = set()
        self.chroma: dict[Format, Chroma] = {}
        self.calls: list[list[Format]] = []

    def __call__(self, requests: Sequence[VariantRequest], **_: Any) -> list[Rendition | ImgoptError]:
        from delivery.entry import entry_of
        from delivery.service import service

        self.calls.append([request.render.format for request in requests])
        made: list[Rendition | ImgoptError] = []
        for request in requests:
            kind = request.render.format
            if kind in self.failing:
                made.append(DamagedImage("Expected a whole picture."))
                continue
            rendition = Rendition(
                body=kind.encode().ljust(self.byte_sizes[kind], b"."),
                format=kind,
                width=320,
                height=213,
                target=request.render.spec.target,
                target_met=kind not in self.missing_target,
                chroma=self.chroma.get(kind),
            )
            service().lasting[-1].put(request.key, entry_of(rendition))
            made.append(rendition)
        return made


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Together:
    configure(delivery_quality=TARGETS["good"])
    stand_in = Together(avif=900, webp=700, jpeg=1200, png=4000)
    monkeypatch.setattr(comparing, "render_together", stand_in)
    return stand_in


@pytest.fixture
def shoe() -> Master:
    return saved(master(key="shoe", width=4000, height=3000))


def test_only_stills_whose_quality_is_measured_and_whose_format_is_open_have_rivals(together: Together) -> None:
    assert asked().rivals == ("avif", "webp", "jpeg")
    assert asked(master(has_alpha=True, format="png")).rivals == ("avif", "webp", "png")
    assert asked(params="w=320&q=80").rivals == ()
    assert asked(params="w=320&fm=avif").rivals == ()
    assert asked(master(format="gif", pages=3)).rivals == ()
    assert asked(accept="image/jpeg").rivals == ()
    assert asked(accept="").rivals == (), "whom only JPEG can be sent of what is compared"
    configure(delivery_quality=None)
    assert asked().rivals == ()


def test_the_smallest_that_is_accepted_is_given(together: Together, shoe: Master) -> None:
    for accept, kind in ((BROWSER, "webp"), (OLD, "webp"), ("image/avif,image/jpeg", "avif")):
        chosen = compared(asked(shoe, accept=accept), accepted_formats(accept))
        assert (chosen.render.format, chosen.rivals) == (kind, ())
    assert together.calls == [["avif", "webp", "jpeg"]], "compared once for all of them"


def test_what_was_learnt_holds_for_other_widths_and_costs_nothing(together: Together, shoe: Master) -> None:
    compared(asked(shoe), accepted_formats(BROWSER))
    wider = asked(shoe, params="w=1280")
    assert (wider.render.format, wider.rivals) == ("webp", ())
    assert asked(shoe, params="w=32").rivals, "but an icon is compared for itself"
    assert asked(shoe, params="").rivals, "and so is the size at which the master's own bytes may win"
    assert asked(shoe, params="w=1280&q=auto:best").rivals, "and so is another quality"


def test_what_misses_the_target_is_no_equal(together: Together, shoe: Master) -> None:
    together.missing_target = {"webp"}
    assert compared(asked(shoe), accepted_formats(BROWSER)).render.format == "avif"
    assert FormatSizes.objects.get().byte_sizes == {"avif": 900, "jpeg": 1200}


def test_what_bleeds_is_no_equal_of_what_keeps_colours_whole(together: Together, shoe: Master) -> None:
    together.chroma = {"avif": "4:4:4", "webp": "4:2:0", "jpeg": "4:4:4"}
    assert compared(asked(shoe), accepted_formats(BROWSER)).render.format == "avif"
    assert FormatSizes.objects.get().byte_sizes == {"avif": 900, "jpeg": 1200}
    together.chroma = {"avif": "4:2:0", "webp": "4:2:0"}  # and JPEG the master's own bytes
    assert compared(asked(shoe, params="q=auto:eco"), accepted_formats(BROWSER)).render.format == "webp"


def test_where_all_miss_it_they_are_equals_again(together: Together, shoe: Master) -> None:
    together.missing_target = {"avif", "webp", "jpeg"}
    assert compared(asked(shoe), accepted_formats(BROWSER)).render.format == "webp"


def test_a_rival_that_cannot_be_made_is_left_out_and_none_at_all_is_an_error(together: Together, shoe: Master) -> None:
    together.failing = {"webp"}
    assert compared(asked(shoe), accepted_formats(BROWSER)).render.format == "avif"
    together.failing = {"avif", "webp", "jpeg"}
    with pytest.raises(DamagedImage):
        compared(asked(shoe, params="w=320&q=auto:eco"), accepted_formats(BROWSER))
    assert FormatSizes.objects.count() == 1, "an error teaches nothing"


def test_a_crowd_compares_once(together: Together, shoe: Master) -> None:
    wanted = asked(shoe)
    chosen = at_once(8, lambda: compared(wanted, accepted_formats(BROWSER)).render.format)
    assert chosen == ["webp"] * 8
    assert len(together.calls) == 1


def test_over_http_the_first_answer_is_the_smallest_and_the_next_ones_are_hits(
    ask: Ask, together: Together, shoe: Master
) -> None:
    url = signed("/i/shoe", "w=320")
    first, second = ask(url, HTTP_ACCEPT=BROWSER), ask(url, HTTP_ACCEPT=BROWSER)
    assert [each.headers["content-type"] for each in (first, second)] == ["image/webp"] * 2
    assert first.headers["vary"] == "Accept"
    assert second.headers["x-cache"] == "memory"
    assert ask(url, HTTP_ACCEPT="image/avif,image/jpeg").headers["content-type"] == "image/avif"
    assert len(together.calls) == 1


def test_a_comparison_is_a_render_that_a_limit_may_refuse(together: Together, shoe: Master) -> None:
    def refuse() -> None:
        raise RateLimited("Expected fewer.", 1.0)

    with pytest.raises(RateLimited):
        compared(asked(shoe), accepted_formats(BROWSER), before_render=refuse)
    assert together.calls == []


def test_a_client_over_its_limit_does_not_turn_others_away(together: Together, shoe: Master) -> None:
    wanted, turns = asked(shoe), iter([True] * 2 + [False] * 60)

    def some_are_refused() -> None:
        if next(turns):
            raise RateLimited("Expected fewer.", 1.0)

    served = at_once(8, lambda: compared(wanted, accepted_formats(BROWSER), before_render=some_are_refused))
    assert sum(isinstance(one, RateLimited) for one in served) == 2
    assert sum(isinstance(one, VariantRequest) for one in served) == 6
    assert len(together.calls) == 1


def test_another_contract_is_compared_for_itself(together: Together, shoe: Master) -> None:
    together.missing_target = {"webp"}
    strict = compared(asked(shoe, params="q=auto:0.97&max-delta-e=2"), accepted_formats(BROWSER))
    assert strict.render.format == "avif"
    together.missing_target = set()
    for params in ("q=auto:0.97", "q=auto:0.97&max-delta-e=6", "q=auto:0.97&max-delta-e=2&min-worst-tile=0.9"):
        wanted = asked(shoe, params=params)
        assert wanted.rivals, "what another contract excludes is nothing to this one"
        assert compared(wanted, accepted_formats(BROWSER)).render.format == "webp"
    assert asked(shoe, params="w=640&q=auto:0.97&max-delta-e=2").render.format == "avif"
    assert FormatSizes.objects.count() == 4


def test_rivals_and_the_smallest_of_them() -> None:
    assert rivals(has_alpha=False) == ("avif", "webp", "jpeg")
    assert rivals(has_alpha=True) == ("avif", "webp", "png")
    assert smallest(("png", "gif"), {"avif": 1}) is None
