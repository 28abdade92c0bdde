"""`tries` is how often an encoder was asked: counted here where libvips is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.masters import create_masters, inspect_upload, known_master
from assets.uploads import upload_from_bytes
from delivery.publish import signed_path
from pipeline import vips
from pipeline.pool import RenderPool
from pipeline.render import render
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from tests import images
from tests.delivery.world import Answer
from tests.pipeline.quality.photographs import photograph

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Renders in this process instead of a child, and notes each file that libvips is asked to write."""
    asked: list[str] = []
    call = vips.call

    def noted(operation: str, *args: Any, **options: Any) -> Any:
        if operation.endswith("save_buffer"):
            asked.append(operation)
        return call(operation, *args, **options)

    def here(_self: RenderPool, source: Any, request: RenderRequest, *, measure: bool = False, **_: Any) -> Rendition:
        return render(Path(source).read_bytes(), request, measure=measure)

    monkeypatch.setattr(RenderPool, "render", here)
    monkeypatch.setattr(vips, "call", noted)
    return asked


@pytest.fixture(autouse=True)
def _coffee(db: None) -> None:
    data = images.encoded(images.from_pixels(photograph("coffee.png")), "png")
    with upload_from_bytes(data, "coffee.png") as upload:
        create_masters([inspect_upload(upload)], keys=["coffee"])


@pytest.mark.parametrize("kind", ["avif", "webp", "jpg"])
@pytest.mark.parametrize(
    "params",
    [{"q": "auto"}, {"q": "auto:good"}, {"q": "auto:0.9"}, {"q": "auto:good", "max-bytes": "3000"}],
    ids=lambda params: "&".join(params.values()),
)
def test_the_receipt_says_how_often_the_encoder_was_asked(
    ask: Ask, encoded: list[str], kind: str, params: dict[str, str]
) -> None:
    encoded.clear()  # what an upload writes is its placeholder
    answer = ask(signed_path(known_master("coffee"), {"w": "120", "snap": "0", "fm": kind, **params}))
    [tries] = re.findall(r"tries=(\d+)", answer.headers["quality"])
    assert len(encoded) == int(tries) > 0
    encoded.clear()
    assert ask(signed_path(known_master("coffee"), {"w": "120", "snap": "0", "fm": kind, "q": "60"})).status == 200
    assert len(encoded) == 1
