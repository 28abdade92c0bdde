"""Every broken file of `../shared/images/bad`: refused with a sentence, or stored and rendered in every format."""

from __future__ import annotations

from typing import get_args

import pytest

from assets.blobs import blob_source
from assets.children import limits, render_pool
from assets.models import Master
from pipeline.admission import Weight
from pipeline.render import RenderRequest
from pipeline.spec import Format, TransformSpec
from tests.assets.caller import Caller, Part, is_nothing_left, photo, problem
from tests.images import SHARED, opened

pytestmark = [pytest.mark.django_db, pytest.mark.images]

NAMES = sorted(path.name for path in (SHARED / "bad").glob("*"))
REFUSALS = {
    "not_an_image": 400,
    "damaged_image": 400,
    "unsupported_format": 400,
    "image_too_large": 413,
    "render_failed": 400,
    "render_timeout": 504,
}


@pytest.mark.skipif(not NAMES, reason="needs the real photographs in ../shared/images")
@pytest.mark.parametrize("name", NAMES)
def test_a_broken_file_is_refused_or_renders_and_the_next_upload_works(caller: Caller, name: str) -> None:
    answer = caller.post_form(Part((SHARED / "bad" / name).read_bytes(), name))
    if answer.status_code == 201:
        [image] = answer.json()
        blob = Master.objects.get(id=image["id"]).blob
        for wanted in get_args(Format):
            request = RenderRequest(
                spec=TransformSpec(width=64), format=wanted, source_formats=frozenset(), limits=limits()
            )
            made = render_pool().render(
                blob_source(blob), request, weight=Weight(format=blob.format, width=blob.width, height=blob.height)
            )
            assert opened(made.body).width <= 64
        caller.delete(image["id"])
    else:
        status, code, _ = problem(answer)
        assert REFUSALS[code] == status
        assert is_nothing_left()
    assert caller.upload(photo())["format"] == "jpeg"
