"""Purging: here at once, elsewhere with the next pulse; masters that change purge themselves."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from assets import masters
from assets.models import Blob, Master
from delivery import purge
from delivery.hits import HITS
from delivery.models import Purge
from delivery.publish import signed_path
from delivery.purge import KEEP, PurgeReader, purge_master
from delivery.service import service
from tests.delivery.world import Answer, Renderer, configure, digest_of, entry, key, master, saved, signed

Ask = Callable[..., Answer]


def saved_blob(name: str) -> Blob:
    blob = master(name).blob
    blob.save()
    return blob


pytestmark = pytest.mark.django_db


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    made = saved(master("shoe", key="shoe"))
    storages["masters"].save(made.blob.storage_name, ContentFile(b"bytes"))
    return made


@pytest.fixture
def boot(renderer: Renderer) -> Master:
    return saved(master("boot", key="boot"))


def url_of(shoe: Master, **params: str) -> str:
    return signed_path(shoe, {"w": "320", "fm": "webp", **params})


def warm(ask: Ask, url: str) -> str:
    assert ask(url).status == 200
    answer = ask(url)
    assert answer.headers["x-cache"] == "memory"
    return answer.headers["etag"]


def is_stored(digest: str) -> bool:
    return Path(storages["variants"].path(f"{digest[:2]}/{digest}")).exists()


def test_a_purge_empties_every_tier_of_one_master(ask: Ask, shoe: Master, boot: Master) -> None:
    url, other = url_of(shoe), url_of(boot)
    warm(ask, url)
    warm(ask, other)
    purge_master(shoe)
    assert not is_stored(shoe.blob.digest)
    assert is_stored(boot.blob.digest)
    assert ask(url).headers["x-cache"] == "render"
    assert ask(other).headers["x-cache"] == "memory"


def test_after_a_purge_no_304_comes_from_the_edge(ask: Ask, shoe: Master) -> None:
    etag = warm(ask, url_of(shoe))
    assert ask(url_of(shoe), HTTP_IF_NONE_MATCH=etag).headers["x-cache"] == "memory"
    purge_master(shoe)
    answer = ask(url_of(shoe), HTTP_IF_NONE_MATCH=etag)
    assert (answer.status, answer.headers["x-cache"]) == (304, "render")


def test_a_request_begun_before_a_purge_does_not_bring_the_hit_back(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    url = url_of(shoe)
    renderer.before = lambda: purge_master(shoe)
    assert ask(url).status == 200
    renderer.before = lambda: None
    assert not HITS._hits
    assert ask(url).status == 200
    assert len(HITS._hits) == 1


def test_another_process_follows_with_its_next_look(ask: Ask, shoe: Master, boot: Master) -> None:
    """The row that another process has written stands for it."""
    reader = PurgeReader()
    warm(ask, url_of(shoe))
    warm(ask, url_of(boot))
    Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    assert ask(url_of(shoe)).headers["x-cache"] == "memory"
    reader.apply()
    assert service().memory._by_digest.keys() == {boot.blob.digest}
    assert ask(url_of(boot)).headers["x-cache"] == "memory"
    assert ask(url_of(shoe)).headers["x-cache"] == "storage", "its own process has emptied the storage"


def test_a_purge_is_applied_once(ask: Ask, shoe: Master) -> None:
    reader = PurgeReader()
    Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    reader.apply()
    warm(ask, url_of(shoe))
    reader.apply()
    assert ask(url_of(shoe)).headers["x-cache"] == "memory"


def test_what_this_process_has_purged_itself_is_not_applied_again(ask: Ask, shoe: Master) -> None:
    reader = PurgeReader()
    purge_master(shoe)
    warm(ask, url_of(shoe))
    reader.apply()
    assert ask(url_of(shoe)).headers["x-cache"] == "memory"


def test_what_was_purged_before_this_process_began_is_no_news(ask: Ask, shoe: Master) -> None:
    Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    reader = PurgeReader()
    warm(ask, url_of(shoe))
    reader.apply()
    assert ask(url_of(shoe)).headers["x-cache"] == "memory"


def test_a_purge_that_shows_late_is_not_overlooked(ask: Ask, shoe: Master) -> None:
    """In PostgreSQL a transaction may take a number early and end after one with a higher number."""
    reader = PurgeReader()
    first = Purge.objects.create(master_ids=[str(uuid.uuid4())], digests=[])
    Purge.objects.create(id=first.id + 2, master_ids=[str(uuid.uuid4())], digests=[])
    reader.apply()
    warm(ask, url_of(shoe))
    Purge.objects.create(id=first.id + 1, master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    reader.apply()
    assert ask(url_of(shoe)).headers["x-cache"] == "storage"


def test_a_look_is_one_query(shoe: Master, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader = PurgeReader()
    Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    reader.apply()
    with django_assert_num_queries(1):
        reader.apply()


def test_what_another_process_deletes_while_it_renders_here_is_not_kept(ask: Ask, shoe: Master) -> None:
    """This process knows the master for up to two seconds more, and the storage belongs to both."""
    reader = PurgeReader()
    warm(ask, url_of(shoe))
    Master.objects.all().delete()
    shoe.blob.delete()
    late = ask(signed("/i/shoe", "fm=webp", "w=640"))
    assert (late.status, late.headers["x-cache"]) == (200, "render")
    assert is_stored(shoe.blob.digest)
    Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    reader.apply()
    assert not is_stored(shoe.blob.digest)
    assert service().memory.byte_size == 0
    assert ask(url_of(shoe)).status == 404


def test_a_bucket_that_hangs_keeps_no_process_from_hearing_of_the_next_purge(
    shoe: Master, boot: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of keys that are revoked, which the same thread reads."""
    configure(storage="s3")
    reader, hangs, purged = PurgeReader(), threading.Event(), queue.SimpleQueue[str]()

    def hanging(*digests: str) -> None:
        assert hangs.wait(30)
        for digest in digests:
            purged.put(digest)

    monkeypatch.setattr(service(), "purge", hanging)
    Master.objects.all().delete()
    digests = [shoe.blob.digest, boot.blob.digest]
    Blob.objects.all().delete()
    for name, digest in zip(("shoe", "boot"), digests, strict=True):
        service().memory.put(key(name), entry(name))
        Purge.objects.create(master_ids=[], digests=[digest])
    reader.apply()
    assert service().memory.byte_size == 0
    assert purged.empty()
    hangs.set()
    assert [purged.get(timeout=30) for _ in digests] == digests


@pytest.mark.parametrize("here", [True, False])
def test_what_is_rendered_while_a_purge_arrives_is_not_kept(
    ask: Ask, shoe: Master, renderer: Renderer, here: bool
) -> None:
    reader = PurgeReader()

    def purged_elsewhere() -> None:
        Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
        reader.apply()

    renderer.before = (lambda: purge_master(shoe)) if here else purged_elsewhere
    assert ask(url_of(shoe)).status == 200
    assert not is_stored(shoe.blob.digest)
    assert service().memory.byte_size == 0
    assert not HITS._hits


def test_a_hit_that_is_learnt_while_the_tiers_are_purged_is_forgotten(
    ask: Ask, shoe: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm(ask, url_of(shoe))
    real = service().purge

    def read_meanwhile(digest: str) -> None:
        assert ask(url_of(shoe)).status == 200
        assert HITS._hits
        real(digest)

    monkeypatch.setattr(service(), "purge", read_meanwhile)
    purge_master(shoe)
    assert not HITS._hits


def test_a_url_of_a_newer_revision_is_not_answered_with_what_was_known_before(ask: Ask, shoe: Master) -> None:
    """Another process has changed the master, and this one has not heard of it yet."""
    assert ask(url_of(shoe)).status == 200
    Master.objects.filter(id=shoe.id).update(blob=saved_blob("new bytes"), revision=2)
    old, new = ask(url_of(shoe)), ask(signed("/i/shoe", "fm=webp", "v=2", "w=320"))
    assert new.caching == "public, max-age=31536000, immutable"
    assert new.headers["etag"] != old.headers["etag"]


def test_news_that_everybody_has_heard_is_thrown_away(shoe: Master) -> None:
    old = Purge.objects.create(master_ids=[str(shoe.id)], digests=[])
    Purge.objects.filter(id=old.id).update(created_at=timezone.now() - KEEP - timedelta(seconds=1))
    recent = Purge.objects.create(master_ids=[str(shoe.id)], digests=[])
    purge_master(shoe)
    assert set(Purge.objects.values_list("id", flat=True)) > {recent.id}
    assert not Purge.objects.filter(id=old.id).exists()


def test_others_hear_of_a_purge_when_the_shared_tiers_are_empty(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they could fill their memory again from what is about to go."""
    rows: list[int] = []
    monkeypatch.setattr(service(), "purge", lambda digest: rows.append(Purge.objects.count()))
    purge_master(shoe)
    assert rows == [0]
    assert Purge.objects.count() == 1


def test_a_tier_that_is_away_does_not_break_a_purge(ask: Ask, shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise OSError("away")

    warm(ask, url_of(shoe))
    monkeypatch.setattr(type(storages["variants"]), "listdir", away)
    purge_master(shoe)
    assert service().memory.byte_size == 0
    assert Purge.objects.count() == 1


Capture = DjangoCaptureOnCommitCallbacks


def test_moving_the_focal_point_purges(
    ask: Ask, shoe: Master, django_capture_on_commit_callbacks: Capture, renderer: Renderer
) -> None:
    old = url_of(shoe, h="320", fit="crop")
    warm(ask, old)
    assert ask(old).caching == "public, max-age=31536000, immutable"
    with django_capture_on_commit_callbacks(execute=True):
        changed = masters.change_master(shoe, {"focal_x": 0.1, "focal_y": 0.9})
    assert not is_stored(shoe.blob.digest)
    answer = ask(old)
    assert (answer.headers["x-cache"], answer.caching) == ("render", "public, max-age=60, must-revalidate")
    assert url_of(changed, h="320", fit="crop") != old
    assert renderer.calls[-1] != renderer.calls[0]


def test_a_new_name_only_purges_what_the_edge_knows(
    ask: Ask, shoe: Master, django_capture_on_commit_callbacks: Capture
) -> None:
    url = url_of(shoe)
    warm(ask, url)
    with django_capture_on_commit_callbacks(execute=True):
        changed = masters.change_master(shoe, {"key": "sandal"})
    assert is_stored(shoe.blob.digest)
    assert ask(url).status == 404
    assert ask(url_of(changed)).headers["x-cache"] == "memory"


def test_a_deleted_master_is_gone_from_every_tier(
    ask: Ask, shoe: Master, django_capture_on_commit_callbacks: Capture
) -> None:
    url = url_of(shoe)
    etag = warm(ask, url)
    with django_capture_on_commit_callbacks(execute=True):
        masters.delete_master(shoe)
    assert ask(url).status == 404
    assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 404
    assert not is_stored(shoe.blob.digest)
    assert service().memory.byte_size == 0


def test_a_replaced_master_shows_its_new_bytes(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    """What `assets` announces when it replaces: the same master, the digest of its former bytes."""
    url = url_of(shoe)
    warm(ask, url)
    before = shoe.blob.digest
    Master.objects.filter(id=shoe.id).update(blob=saved_blob("new bytes"), revision=2)
    purge.publish([shoe.id], [before])
    answer = ask(url)
    assert (answer.headers["x-cache"], answer.caching) == ("render", "public, max-age=60, must-revalidate")
    assert [call.digest for call in renderer.calls] == [before, digest_of("new bytes")]
    assert not is_stored(before)
