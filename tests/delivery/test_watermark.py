"""Watermarks: a master on a master, whose changes reach every picture that shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from assets import masters
from assets.models import Blob, Master
from delivery import presets, purge
from delivery.hits import HITS
from delivery.models import Purge
from delivery.publish import signed_path
from delivery.purge import PurgeReader
from delivery.recent import RECENT
from pipeline.errors import BadParameter
from tests import images
from tests.delivery.world import Answer, Renderer, bytes_of, configure, digest_of, master, saved, signed

Ask = Callable[..., Answer]
Capture = DjangoCaptureOnCommitCallbacks
pytestmark = pytest.mark.django_db
IMMUTABLE = "public, max-age=31536000, immutable"
A_MINUTE = "public, max-age=60, must-revalidate"


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="shoe"))


@pytest.fixture
def logo(renderer: Renderer) -> Master:
    return saved(master("logo", key="brand/logo", format="png"))


def other_bytes(of: Master) -> None:
    """This will replace a master's bytes as another process would."""
    blob = Blob(digest=digest_of("new"), byte_size=1, format="png", width=10, height=10)
    blob.save()
    Master.objects.filter(id=of.id).update(blob=blob, revision=2)


def test_the_marks_bytes_are_in_the_key_whatever_it_is_called(
    ask: Ask, shoe: Master, logo: Master, renderer: Renderer
) -> None:
    urls = [signed("/i/shoe", f"mark={name}", "w=320") for name in ("brand/logo", "brand%2Flogo", str(logo.id))]
    assert [ask(url).headers["x-cache"] for url in urls] == ["render", "memory", "memory"]
    assert ask(signed("/i/shoe", "w=320")).headers["x-cache"] == "render"
    assert renderer.calls[0].digest == shoe.blob.digest, "it stands among the variants of the master it lies on"


@pytest.mark.parametrize("name", ["nobody", "brand", "a.b", "00000000-0000-7000-8000-000000000000", "x" * 50])
def test_a_mark_that_is_no_master_is_a_400_and_leaves_nothing(
    ask: Ask, shoe: Master, renderer: Renderer, name: str
) -> None:
    answer = ask(signed("/i/shoe", f"mark={name}", "w=320"))
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_parameter")
    assert json.loads(answer.body)["message"].startswith("Expected the id or key of a master for mark, received ")
    assert not renderer.calls
    assert not HITS._hits
    with pytest.raises(BadParameter, match="for mark"):
        signed_path(shoe, {"mark": name})


def test_a_mark_that_nobody_can_see_is_not_looked_for(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"mark": "nobody", "mark-alpha": "0", "w": "320"})
    assert ask(url).caching == IMMUTABLE


def test_only_a_url_that_names_the_marks_version_is_immutable(ask: Ask, shoe: Master, logo: Master) -> None:
    made = signed_path(shoe, {"mark": "brand/logo", "w": "320"})
    assert "&pv=" in made
    assert ask(made).caching == IMMUTABLE
    assert ask(signed("/i/shoe", "mark=brand/logo", "v=1", "w=320")).caching == A_MINUTE
    other_bytes(logo)
    purge.publish([logo.id], [logo.blob.digest])
    answer = ask(made)
    assert (answer.headers["x-cache"], answer.caching) == ("render", A_MINUTE)
    new = signed_path(shoe, {"mark": "brand/logo", "w": "320"})
    assert new != made
    assert ask(new).caching == IMMUTABLE


def test_a_presets_mark_counts_for_its_version(ask: Ask, shoe: Master, logo: Master) -> None:
    configure(delivery_presets=(("branded", "w=320&mark=brand/logo"),))
    presets.refresh()
    made = signed_path(shoe, {"preset": "branded"})
    assert ask(made).caching == IMMUTABLE
    other_bytes(logo)
    purge.publish([logo.id], [])
    assert ask(made).caching == A_MINUTE
    assert signed_path(shoe, {"preset": "branded"}) != made


def test_another_process_forgets_what_shows_a_replaced_mark(ask: Ask, shoe: Master, logo: Master) -> None:
    reader = PurgeReader()
    marked, plain = signed("/i/shoe", "mark=brand/logo", "w=320"), signed("/i/shoe", "w=320")
    before = [ask(url).body for url in (marked, plain)]
    other_bytes(logo)
    Purge.objects.create(master_ids=[str(logo.id)], digests=[logo.blob.digest])
    assert ask(marked).body == before[0], "nobody has looked yet"
    reader.apply()
    assert ask(marked).body != before[0]
    again = ask(plain)
    assert (again.body, again.headers["x-cache"]) == (before[1], "memory")


def test_a_deleted_or_renamed_mark_ends_the_pictures_that_show_it(
    ask: Ask, shoe: Master, logo: Master, django_capture_on_commit_callbacks: Capture
) -> None:
    storages["masters"].save(logo.blob.storage_name, ContentFile(b"bytes"))
    url = signed("/i/shoe", "mark=brand/logo", "w=320")
    etag = ask(url).headers["etag"]
    with django_capture_on_commit_callbacks(execute=True):
        masters.change_master(logo, {"key": "brand/old"})
    assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 400
    url = signed("/i/shoe", "mark=brand/old", "w=320")
    assert ask(url).status == 200
    with django_capture_on_commit_callbacks(execute=True):
        masters.delete_master(logo)
    assert ask(url).status == 400


def test_a_request_begun_before_the_mark_changed_teaches_nothing(
    ask: Ask, shoe: Master, logo: Master, renderer: Renderer
) -> None:
    renderer.before = lambda: purge.publish([logo.id], [])
    assert ask(signed("/i/shoe", "mark=brand/logo", "w=320")).status == 200
    assert not HITS._hits


def test_a_master_may_be_its_own_mark(ask: Ask, shoe: Master) -> None:
    assert ask(signed("/i/shoe", "mark=shoe", "w=320")).status == 200
    purge.purge_master(shoe)
    assert not HITS._hits
    assert not HITS._by_subject


def test_signing_looks_a_mark_up_once_in_two_seconds(
    shoe: Master, logo: Master, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    RECENT.forget()
    with django_assert_num_queries(1):
        for width in ("320", "640", "960"):
            signed_path(shoe, {"mark": "brand/logo", "w": width})


def test_a_real_mark_lies_on_a_real_picture(ask: Ask, db: None) -> None:
    """Blue and yellow at the bottom, and in the south-eastern corner the mark's one colour."""
    for name, picture, kind in (
        ("photo", images.quadrants(640, 480), "png"),
        ("dot", images.quadrants(8, 8)[0:3].crop(0, 0, 4, 4), "png"),
    ):
        data = images.encoded(picture, kind)
        info = saved(master(name, key=name, format=kind, width=picture.width, height=picture.height, **bytes_of(data)))
        storages["masters"].save(info.blob.storage_name, ContentFile(data))
    said: dict[str, Any] = {"fm": "png", "w": "320", "mark": "dot", "mark-scale": "25", "mark-pad": "0"}
    answer = ask(signed_path(masters.known_master("photo"), said))
    assert (answer.status, answer.headers["x-cache"]) == (200, "render")
    pixels = images.pixels_of(answer.body)
    assert pixels.shape == (240, 320, 3)
    found = [pixels[y, x].tolist() for x, y in ((10, 10), (310, 230), (10, 230))]
    assert images.are_near(found, [images.RED, images.RED, images.BLUE])
