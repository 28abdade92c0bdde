"""Whatever is signed, with whatever headers: a picture or a sentence, never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.models import Master
from delivery import presets
from delivery.edge import Edge
from delivery.service import service
from imgopt.errors import STATUS
from pipeline.parameters import PARAMETERS
from tests import images
from tests.delivery.world import BROWSER, Answer, Renderer, bytes_of, call, configure, forced, master, saved

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db

NAMES = [name for row in PARAMETERS for name in (row.name, *row.aliases)]
OWN = ["s", "v", "expires", "pv", "dl", "preset", "mark", "w", "dpr"]
GOOD = [row.example for row in PARAMETERS] + [
    "auto", "auto:320,640", "auto:-1", "shoe", "tiny", "nobody", "hero", "branded", "hreo", "red shoe.jpg", "00000000",
    "1", "0", "-1", "2", "9999999999", "north", "crop", "fill", "avif", "png", "circle", "corners", "0,0,1,1", "1:1",
]  # fmt: skip
ODD = ["", "1e3", "NaN", "１", "\0", "\n", "%", "%zz", "../..", "a" * 5000, "�", "0x10", "1,2,3,4,5", "é" * 100, " 1"]
VALUES = st.sampled_from(GOOD) | st.sampled_from(ODD) | st.integers(-10, 9000).map(str) | st.text(max_size=12)
SAID = st.tuples(
    st.sampled_from(NAMES) | st.sampled_from(OWN) | st.text(max_size=6), VALUES.filter(lambda text: text.isprintable())
) | st.tuples(st.sampled_from(NAMES + OWN), VALUES)
# Pairs that the parser mostly takes.
FITTING = st.sampled_from([(row.name, row.example) for row in PARAMETERS if row.name != "mark"])
HINTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(["640", "1", "999999", "0", "-1", "1.5", "2", "on", "x", "", "\xff", "9" * 400])
        for name in ("HTTP_SEC_CH_WIDTH", "HTTP_SEC_CH_DPR", "HTTP_SAVE_DATA", "HTTP_ACCEPT", "HTTP_IF_NONE_MATCH")
    },
)


def url_of(path: str, pairs: list[tuple[str, str]]) -> str:
    """This will sign anything at all: the names and values as a client would encode them."""
    texts = [f"{quote(name, safe='')}={quote(value, safe=',:%')}" for name, value in pairs]
    return forced(path, *(text for text in texts if not text.startswith("s=")))


def is_as_promised(answer: Answer) -> None:
    assert answer.status in {200, 304, *STATUS.values()} - {500}, (answer.status, answer.body)
    if answer.status >= 400 and "x-imgopt-error" not in answer.headers:
        said = json.loads(answer.body)
        assert STATUS[said["code"]] == answer.status
        assert len(said["message"]) < 500
        assert answer.caching == "no-store"


@pytest.fixture
def shelf(renderer: Renderer) -> Master:
    for name in ("shoe", "tiny"):
        saved(master(name, key=name, width=300, height=200))
    return saved(master("moving", key="moving", format="gif", pages=9, has_alpha=True))


any_settings = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)


@pytest.mark.parametrize("strict", [False, True])
@any_settings
@given(
    pairs=st.lists(SAID | FITTING, max_size=5),
    path=st.sampled_from(["/i/shoe", "/i/moving", "/i/moving/a.webp", "/i/nobody", "/i/", "/i/@shop/a.jpg"]),
    hints=HINTS,
)
def test_signed_nonsense_is_never_a_fault_of_ours(
    django_application: Any, shelf: Master, strict: bool, pairs: list[tuple[str, str]], path: str, hints: dict[str, str]
) -> None:
    configure(
        delivery_client_hints=True,
        delivery_strict=strict,
        delivery_presets=(("hero", "w=auto&ar=16:9&fit=crop"), ("branded", "mark=tiny&txt=©"), ("bad", "x=1")),
        delivery_error_picture="tiny" if strict else "",
    )
    presets.refresh()
    edge = Edge(django_application, service().memory, places=4)
    url = url_of(path, pairs)
    answers = [call(edge, url, checked=False, **hints) for _ in range(2)]
    for answer in answers:
        is_as_promised(answer)
    assert answers[0].status == answers[1].status
    assert answers[0].headers.get("vary") == answers[1].headers.get("vary")


@settings(any_settings, max_examples=15)
@given(pairs=st.lists(FITTING, max_size=4, unique_by=lambda pair: pair[0]))
def test_what_the_parser_takes_is_rendered_or_refused(ask: Ask, db: None, pairs: list[tuple[str, str]]) -> None:
    """The real children, on a picture that fits into a thumb."""
    if not Master.objects.exists():
        photo = images.encoded(images.quadrants(48, 32, alpha=128), "png")
        info = saved(master("real", key="real", format="png", width=48, height=32, has_alpha=True, **bytes_of(photo)))
        storages["masters"].save(info.blob.storage_name, ContentFile(photo))
    answer = ask(url_of("/i/real", pairs), HTTP_ACCEPT=BROWSER, checked=False)
    is_as_promised(answer)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert images.opened(answer.body).width >= 1
