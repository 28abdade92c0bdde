"""The buckets as this service needs them: there, and with rules by which S3 itself removes what was left behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from botocore.exceptions import ClientError
from django.conf import settings

from assets.s3.attempts import code_of, status_of, tried
from assets.s3.client import client

INCOMING: Final = "incoming/"
KEEP_INCOMING_DAYS: Final = 1
KEEP_PARTS_DAYS: Final = 1
OWNED: Final = ("BucketAlreadyOwnedByYou",)
CANNOT: Final = (405, 501)
"""VersityGW, which `docker-compose.yml` has, keeps no lifecycle rules."""
OURS: Final = "imgopt-"
"""Rules of ours are called so; what others have set stays."""


def make_bucket(name: str) -> bool:
    """This will make a bucket unless it is there, and say whether it has made it."""
    if _is_there(name):
        return False
    region = settings.IMGOPT_S3_OPTIONS["region_name"]
    # Amazon's first region is the one that must not be named, and the only one that Ceph takes unnamed as well.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        tried(lambda: client().create_bucket(Bucket=name, **where), always=True)
    except ClientError as error:
        if code_of(error) not in OWNED:
            raise
        return False
    return True


def lifecycle_of(*, incoming: bool, keep_days: int = 0) -> list[dict[str, Any]]:
    """This will give the rules of a bucket: parts that were never put together go after a day, direct uploads that
    were never completed too, and everything after `keep_days` where that is more than 0."""
    rules: list[dict[str, Any]] = [
        {
            "ID": f"{OURS}parts",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": KEEP_PARTS_DAYS},
        }
    ]
    if incoming:
        rules.append(_expiry("incoming", INCOMING, KEEP_INCOMING_DAYS))
    if keep_days:
        rules.append(_expiry("variants", "", keep_days))
    return rules


def set_lifecycle(name: str, rules: Iterable[dict[str, Any]]) -> bool:
    """This will put our rules in the place of our rules; those of others stay. `False`: this S3 has none at all."""
    try:
        kept = [rule for rule in _lifecycle(name) if not str(rule.get("ID", "")).startswith(OURS)]
        asked = {"Rules": [*kept, *rules]}
        tried(
            lambda: client().put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=asked), always=True
        )
    except ClientError as error:
        if status_of(error) in CANNOT:
            return False
        raise
    return True


def allow_sites(name: str, sites: Iterable[str]) -> None:
    """This will let the pages of these sites upload into a bucket by a form or a `PUT`."""
    rule = {
        "AllowedOrigins": list(sites),
        "AllowedMethods": ["POST", "PUT"],
        "AllowedHeaders": ["*"],
        "MaxAgeSeconds": 3600,
    }
    tried(lambda: client().put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]}), always=True)


def _expiry(name: str, prefix: str, days: int) -> dict[str, Any]:
    return {
        "ID": f"{OURS}{name}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
    }


def _lifecycle(name: str) -> list[dict[str, Any]]:
    try:
        answer = tried(lambda: client().get_bucket_lifecycle_configuration(Bucket=name), always=True)
    except ClientError as error:
        if status_of(error) == 404:
            return []
        raise
    return list(answer["Rules"])


def _is_there(name: str) -> bool:
    try:
        tried(lambda: client().head_bucket(Bucket=name), always=True)
    except ClientError as error:
        if status_of(error) == 404:
            return False
        raise
    return True
