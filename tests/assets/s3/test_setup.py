"""Buckets made ready on a real S3, and pruned there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from assets import pruning as leftovers
from assets.models import Blob
from assets.s3.setup import set_lifecycle
from delivery import pruning
from delivery.service import service
from delivery.tiers.guard import Guarded
from delivery.tiers.storage import BucketTier
from tests.assets.caller import Caller
from tests.assets.s3.test_conditions import failure
from tests.delivery.world import digest_of, entry, key
from tests.fleet import objects, remove_buckets, s3_client
from tests.proxy import Proxy


@pytest.fixture
def buckets(proxy: Proxy, settings: Settings) -> Iterator[tuple[str, str]]:
    """Two that are not there yet."""
    start = f"tests-{secrets.token_hex(6)}"
    names = (f"{start}-m", f"{start}-v")
    settings.CONFIG = replace(settings.CONFIG, storage="s3", masters_bucket=names[0], variants_bucket=names[1])
    settings.STORAGES = {
        **settings.STORAGES,
        **{
            alias: {"BACKEND": "assets.s3.storage.SharedS3Storage", "OPTIONS": {"bucket_name": name}}
            for alias, name in zip(("masters", "variants"), names, strict=True)
        },
    }
    yield names
    remove_buckets(*names)


def rules_of(bucket: str) -> dict[str, Any]:
    found = s3_client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {rule["ID"]: rule for rule in found}


@pytest.mark.services
def test_makes_buckets_with_their_lifecycle_and_says_so_again(
    buckets: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    masters, variants = buckets
    call_command("s3_setup", skip_checks=True)
    assert f"{masters}: made" in capsys.readouterr().out
    call_command("s3_setup", "--keep-variants-days", "30", skip_checks=True)
    assert f"{masters}: there" in capsys.readouterr().out
    assert rules_of(masters)["imgopt-incoming"]["Filter"] == {"Prefix": "incoming/"}
    assert rules_of(masters)["imgopt-incoming"]["Expiration"]["Days"] == 1
    assert rules_of(masters)["imgopt-parts"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    assert set(rules_of(masters)) == {"imgopt-incoming", "imgopt-parts"}, "no rule that masters could fall under"
    assert rules_of(variants)["imgopt-variants"]["Expiration"]["Days"] == 30
    call_command("s3_setup", skip_checks=True)
    assert "imgopt-variants" not in rules_of(variants)


@pytest.mark.services
def test_rules_of_others_stay(buckets: tuple[str, str]) -> None:
    call_command("s3_setup", skip_checks=True)
    mine = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "notes/"}, "Expiration": {"Days": 9}}
    set_lifecycle(buckets[0], [mine])
    call_command("s3_setup", skip_checks=True)
    assert set(rules_of(buckets[0])) == {"mine", "imgopt-incoming", "imgopt-parts"}


class WithoutRules:
    """As VersityGW, which `docker-compose.yml` has."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def head_bucket(self, **_: str) -> None:
        raise failure(404, "404")

    def create_bucket(self, **asked: Any) -> None:
        self.made.append(asked["Bucket"])

    def get_bucket_lifecycle_configuration(self, **_: str) -> None:
        raise failure(501, "NotImplemented")


def test_an_s3_without_lifecycle_rules_is_made_ready_as_well(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CONFIG = replace(settings.CONFIG, storage="s3", masters_bucket="m", variants_bucket="v")
    server = WithoutRules()
    monkeypatch.setattr("assets.s3.setup.client", lambda: server)
    call_command("s3_setup", skip_checks=True)
    assert server.made == ["m", "v"]
    assert capsys.readouterr().out.count("`prune` alone removes leftovers") == 2
    with pytest.raises(CommandError, match="v: made, but this S3 has no lifecycle rules"):
        call_command("s3_setup", "--keep-variants-days", "30", skip_checks=True)


@pytest.mark.services
def test_pages_of_a_site_may_be_let_in(buckets: tuple[str, str]) -> None:
    call_command("s3_setup", "--allow-site", "https://www.example.com", skip_checks=True)
    [rule] = s3_client().get_bucket_cors(Bucket=buckets[0])["CORSRules"]
    assert (rule["AllowedOrigins"], set(rule["AllowedMethods"])) == (["https://www.example.com"], {"POST", "PUT"})


def test_without_s3_there_is_nothing_to_make_ready() -> None:
    with pytest.raises(CommandError, match="IMGOPT_STORAGE=s3"):
        call_command("s3_setup", skip_checks=True)


@pytest.mark.services
def test_an_s3_that_is_away_is_told_in_a_sentence(buckets: tuple[str, str], proxy: Proxy) -> None:
    call_command("s3_setup", skip_checks=True)
    proxy.cut()
    with pytest.raises(CommandError, match="S3 does not do it"):
        call_command("s3_setup", skip_checks=True)


@pytest.mark.services
def test_prunes_what_is_left_over_and_nothing_that_is_used(
    buckets: tuple[str, str], db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    masters, variants = buckets
    call_command("s3_setup", skip_checks=True)
    Caller.with_scopes("upload").upload()
    blob = Blob.objects.get()
    guarded = service().lasting[-1]
    assert isinstance(guarded, Guarded)
    tier: Any = guarded.tier
    assert isinstance(tier, BucketTier)
    used, unused = key(name="1")._replace(digest=blob.digest), [key("gone", str(number)) for number in range(3)]
    for each in (used, *unused):
        tier.put(each, entry())
    lost = Blob(digest=digest_of("lost"))
    s3 = s3_client()
    for name in (lost.storage_name, "incoming/01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11", "readme.txt"):
        s3.put_object(Bucket=masters, Key=name, Body=b"x")
    for name in (lost.storage_name, "another/program's"):
        s3.create_multipart_upload(Bucket=masters, Key=name)
    assert pruning.prune().counts == {}, "all of it is younger than an hour"
    for module in (leftovers, pruning):
        monkeypatch.setattr(module, "GRACE", timedelta(seconds=-1000))
    assert pruning.prune().counts == {"master": 1, "upload": 1, "parts": 1, "variant": 3}
    assert objects(masters) == {blob.storage_name, "readme.txt"}
    assert objects(variants) == {used.path}
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket=masters)["Uploads"]] == ["another/program's"]
    assert pruning.prune().counts == {}


@pytest.mark.services
def test_a_listing_of_many_pages_is_read_to_its_end(buckets: tuple[str, str]) -> None:
    from django.core.files.storage import storages

    call_command("s3_setup", skip_checks=True)
    storage: Any = storages["masters"]
    for number in range(5):
        storage.save(f"{number}/a", ContentFile(b"x"))
    pages = storage._pages(Prefix="", MaxKeys=2)
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == [f"{number}/a" for number in range(5)]
