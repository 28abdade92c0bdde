"""Client hints: `w=auto` and `dpr=auto` under one signature, never more than the ladder, and `Vary` that is true."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from assets.models import Master
from delivery import presets
from delivery.edge import Edge
from delivery.hints import Choice, Hints, choice_of, chosen, hints_of
from delivery.hits import HITS
from delivery.publish import signed_path
from delivery.service import service
from pipeline.errors import BadParameter
from pipeline.ladder import DEFAULT_LADDER, resolve
from pipeline.params import parse
from tests.delivery.world import BROWSER, Answer, Renderer, call, configure, forced, master, raiser, saved, signed

Ask = Callable[..., Answer]
PHOTO = master(width=4000, height=3000)


@pytest.fixture(autouse=True)
def _on() -> None:
    configure(delivery_client_hints=True)


@pytest.fixture
def shoe(db: None, renderer: Renderer) -> Master:
    return saved(master(key="shoe", width=4000, height=3000))


@pytest.fixture
def ask(django_application: WSGIHandler) -> Ask:
    edge = Edge(django_application, service().memory, places=4)
    return lambda url, **options: call(edge, url, **{"HTTP_ACCEPT": BROWSER, **options})


def width_of(params: str, of: Master = PHOTO, **hints: Any) -> Any:
    return resolved(params, of, **hints).width


def resolved(params: str, of: Master = PHOTO, **headers: Any) -> Any:
    """What would be rendered for these params with these headers."""
    choice, fixed = choice_of(tuple(pair.split("=")) for pair in params.split("&"))  # type: ignore[misc]
    hints = hints_of(params, {f"HTTP_{name.upper()}": value for name, value in headers.items()})
    return resolve(chosen(parse(fixed), choice, hints or Hints(), of.blob), DEFAULT_LADDER)


@pytest.mark.parametrize(
    ("params", "hint", "width"),
    [
        ("w=auto", "640", 640),
        ("w=auto", "641", 720),
        ("w=auto", "1", 32),
        ("w=auto", "999999", 3840),
        ("w=auto", "", 1280),
        ("width=auto", "640", 640),
        ("w=auto:320,640,1280", "300", 320),
        ("w=auto:320,640,1280", "640", 640),
        ("w=auto:1280,640,320", "641", 1280),
        ("w=auto:320,640,1280", "9000", 1280),
        ("w=auto:320,640,1280", "", 1280),
        ("w=auto:300", "999", 320),
    ],
)
def test_a_width_is_snapped_up_to_the_ladder_or_to_the_widths_that_are_stated(
    params: str, hint: str, width: int
) -> None:
    assert width_of(params, sec_ch_width=hint) == width


@pytest.mark.parametrize("dpr", ["0.5", "1", "1.25", "1.5", "2", "3", "4"])
def test_a_hinted_width_has_the_device_pixel_ratio_in_it_already(dpr: str) -> None:
    for rung in DEFAULT_LADDER:
        spec = resolved(f"w=auto&dpr={dpr}&pad=8", sec_ch_width=str(rung))
        assert (spec.width, spec.pad) == (rung, 8 * float(dpr))
        assert width_of("w=auto&dpr=auto", sec_ch_width=str(rung), sec_ch_dpr=dpr) == rung


@pytest.mark.parametrize(
    ("hint", "dpr"),
    [("1", 1), ("1.1", 1.5), ("1.5", 1.5), ("2", 2), ("2.625", 3), ("3", 3), ("9", 3), ("0.5", 1), ("", 1)],
)
def test_a_ratio_is_rounded_up_to_one_of_four(hint: str, dpr: float) -> None:
    assert resolved("pad=10&dpr=auto", sec_ch_dpr=hint).pad == 10 * dpr


@pytest.mark.parametrize(
    "garbage",
    ["x", "-1", "0", "1e3", "+640", " 640", "640.5", "640, 800", "9" * 50, "６４０", "nan", "inf", "\x00", "?1"],
)
def test_garbage_is_no_hint(garbage: str) -> None:
    environ = {"HTTP_SEC_CH_WIDTH": garbage, "HTTP_SEC_CH_DPR": garbage, "HTTP_SAVE_DATA": garbage}
    hints = hints_of("w=auto", environ)
    assert hints == Hints()


@pytest.mark.parametrize(
    ("facts", "params", "width"),
    [
        ({"width": 1000, "height": 800}, "w=auto", 1080),
        ({"width": 1000, "height": 800}, "w=auto&enlarge=1", 1080),
        ({"width": 1000, "height": 100}, "w=auto&rot=90", 128),
        ({"width": 1000, "height": 800}, "w=auto&rect=0,0,200,200", 240),
        ({"width": 1000, "height": 800}, "w=auto:320,640,1280,1920", 1280),
        ({"width": 10, "height": 8}, "w=auto", 32),
    ],
)
def test_is_never_wider_than_the_first_rung_that_shows_every_pixel(
    facts: dict[str, Any], params: str, width: int
) -> None:
    spec = resolved(params, master(**facts), sec_ch_width="3000")
    assert spec.width == width
    assert not spec.enlarge, "and what the master has not, is not made up"


def test_saving_data_lowers_the_ratio_and_the_width_that_came_of_it() -> None:
    hints: dict[str, Any] = {"sec_ch_width": "1280", "sec_ch_dpr": "2", "save_data": "on"}
    assert width_of("w=auto&dpr=auto", **hints) == 640
    assert width_of("w=400&dpr=auto", **hints) == 400
    assert width_of("w=auto", **hints) == 1280, "how many of these pixels are the ratio's, nobody has said"


@pytest.mark.parametrize("q", ["", "70"])
def test_saving_data_lowers_a_quality_that_is_not_said(ask: Ask, shoe: Master, renderer: Renderer, q: str) -> None:
    said = [f"q={q}"] if q else []
    url = signed("/i/shoe", "fm=webp", *said, "w=auto")
    frugal, plain = ask(url, HTTP_SAVE_DATA="on").body, ask(url).body
    assert (frugal == plain) is bool(q)
    assert ask(signed("/i/shoe", "fm=webp", f"q={q or 'auto:eco'}", "w=1280")).body == frugal


def test_saving_data_does_not_touch_a_url_that_leaves_nothing_to_the_client(ask: Ask, shoe: Master) -> None:
    url = signed("/i/shoe", "fm=webp", "w=320")
    assert ask(url).body == ask(url, HTTP_SAVE_DATA="on").body
    assert "vary" not in ask(url, HTTP_SAVE_DATA="on").headers


VARY = {
    "w=auto": ("Accept, Sec-CH-Width, Save-Data", "Sec-CH-Width"),
    "w=auto:320,640": ("Accept, Sec-CH-Width, Save-Data", "Sec-CH-Width"),
    "fm=webp&w=auto": ("Sec-CH-Width, Save-Data", "Sec-CH-Width"),
    "fm=webp&q=50&w=auto": ("Sec-CH-Width", "Sec-CH-Width"),
    "fm=png&w=auto": ("Sec-CH-Width, Save-Data", "Sec-CH-Width"),
    "fm=gif&w=auto": ("Sec-CH-Width", "Sec-CH-Width"),
    "dpr=auto&fm=webp&q=50&w=320": ("Sec-CH-DPR, Save-Data", "Sec-CH-DPR"),
    "dpr=auto&fm=webp&w=auto": ("Sec-CH-Width, Sec-CH-DPR, Save-Data", "Sec-CH-Width, Sec-CH-DPR"),
    "fm=webp&w=320": (None, None),
    "w=320": ("Accept", None),
    "preset=auto": ("Accept, Sec-CH-Width, Save-Data", "Sec-CH-Width"),
    "preset=auto&w=320": ("Accept", None),
}


@pytest.mark.parametrize(("params", "vary", "accept_ch"), [(params, *said) for params, said in VARY.items()])
def test_says_which_hints_mattered(
    ask: Ask, shoe: Master, params: str, vary: str | None, accept_ch: str | None
) -> None:
    configure(delivery_presets=(("auto", "w=auto"),))
    presets.refresh()
    url = signed("/i/shoe", *params.split("&"))
    first, hit = ask(url), ask(url)
    assert hit.headers["x-cache"] == "memory"
    for answer in (first, hit, ask(url, HTTP_IF_NONE_MATCH="*")):
        assert (answer.headers.get("vary"), answer.headers.get("accept-ch")) == (vary, accept_ch)


@pytest.mark.parametrize("params", ["w=auto", "preset=auto", "%77=auto", "dpr=auto&w=auto:320,640,1280"])
def test_no_client_gets_the_answer_of_another_from_the_edge(ask: Ask, shoe: Master, params: str) -> None:
    configure(delivery_presets=(("auto", "w=auto"),))
    presets.refresh()
    url = signed("/i/shoe", *params.split("&"))
    hinted: list[dict[str, Any]] = [
        {},
        {"HTTP_SEC_CH_WIDTH": "300"},
        {"HTTP_SEC_CH_WIDTH": "600"},
        {"HTTP_SAVE_DATA": "on"},
    ]
    fresh = [ask(url, **headers) for headers in hinted]
    assert len({answer.body for answer in fresh}) == 4
    alone = Edge(raiser("Django"), service().memory, places=1)
    again = [call(alone, url, HTTP_ACCEPT=BROWSER, **headers) for headers in hinted]
    assert [answer.body for answer in again] == [answer.body for answer in fresh]


def test_a_client_can_cause_no_more_variants_than_the_ladder_has(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    url = signed("/i/shoe", "fm=webp", "w=auto")
    for width in range(1, 5000, 37):
        ask(url, HTTP_SEC_CH_WIDTH=str(width), HTTP_SEC_CH_DPR=str(width / 700))
    assert len(set(renderer.calls)) <= len(DEFAULT_LADDER)
    assert len(HITS._hits) <= len(DEFAULT_LADDER) * 5


def test_the_edge_reads_no_hints_where_no_url_may_heed_them() -> None:
    class Environ(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            raise AssertionError(f"{name} was read")

    assert hints_of("w=320&fm=webp&s=test1.abc", Environ()) is None


REFUSED = {
    "a negative ladder": "w=auto:-1",
    "a ladder with a hole": "w=auto:320,,640",
    "an empty ladder": "w=auto:",
    "zero": "w=auto:0",
    "no number": "w=auto:wide",
    "too wide": "w=auto:99999",
    "too many": f"w=auto:{','.join(['320'] * 33)}",
    "another word": "w=automatic",
    "a decimal": "w=auto:1.5",
    "a list of ratios": "dpr=auto:1,2",
    "twice": "w=auto&width=auto",
    "auto and a number": "w=auto&width=320",
    "an encoded auto": "w=%61uto",
    "an encoded ratio": "dpr=%61uto",
}


@pytest.mark.parametrize("params", REFUSED.values(), ids=list(REFUSED))
def test_refuses_in_one_sentence_what_nobody_could_mean(
    ask: Ask, shoe: Master, renderer: Renderer, params: str
) -> None:
    answer = ask(forced("/i/shoe", *params.split("&")))
    assert answer.status == 400
    assert json.loads(answer.body)["message"].startswith("Expected ")
    assert not renderer.calls


@pytest.mark.parametrize("params", ["w=auto", "dpr=auto&w=320", "w=auto:320"])
def test_is_off_by_default_and_says_so(ask: Ask, shoe: Master, params: str) -> None:
    configure(delivery_client_hints=False)
    answer = ask(signed("/i/shoe", *params.split("&")))
    assert (answer.status, "IMGOPT_DELIVERY_CLIENT_HINTS" in json.loads(answer.body)["message"]) == (400, True)
    with pytest.raises(BadParameter, match="IMGOPT_DELIVERY_CLIENT_HINTS"):
        signed_path(shoe, dict(pair.split("=") for pair in params.split("&")))


def test_signs_what_is_left_to_the_client(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "auto:320,640", "dpr": "auto"})
    assert "dpr=auto&v=1&w=auto:320,640&s=" in url
    assert ask(url).caching == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(("widths", "status"), [("auto", 200), ("auto:320,640", 200), ("auto:320,641", 400)])
def test_strict_mode_takes_the_ladders_widths(ask: Ask, shoe: Master, widths: str, status: int) -> None:
    configure(delivery_strict=True)
    assert ask(signed("/i/shoe", f"w={widths}")).status == status


def test_nothing_left_is_no_choice() -> None:
    assert not Choice()
    assert Choice(widths=()).headers(parse([])) == ("Sec-CH-Width", "Save-Data")
