"""`docker-compose.yml`: each profile is what its name says, closed by default, and its settings are ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deploy.env import MADE
from imgopt.config import NAMES, Config
from imgopt.loading import load
from tests.deploy import compose

PROFILES = {
    "dev": {"dev"},
    "dev-postgres": {"dev-postgres", "postgres"},
    "prod": {"prod"},
    "prod-s3": {"prod-s3", "s3", "buckets"},
    "prod-postgres": {"prod-postgres", "postgres"},
    "prod-postgres-s3": {"prod-postgres-s3", "postgres", "s3", "buckets"},
    "prod-celery": {"nginx", "web", "worker", "setup", "redis", "postgres", "s3", "buckets"},
}
ONCE = {"setup", "buckets"}
"""They do something and end."""


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return compose.read(compose.secrets_of(tmp_path))


def settings_of(document: dict[str, Any], service: str) -> Config:
    return load(document["services"][service]["environment"])


def is_ours(service: dict[str, Any]) -> bool:
    return bool(service["image"] == "imgopt:local")


def test_each_profile_has_what_its_name_says(document: dict[str, Any]) -> None:
    assert {name: compose.in_profile(document, name) for name in PROFILES} == PROFILES
    assert {name for service in document["services"].values() for name in service["profiles"]} == set(PROFILES)


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "prod-celery"])
def test_the_embedded_profiles_load_and_mean_their_names(document: dict[str, Any], name: str) -> None:
    config = settings_of(document, name)
    assert config.debug is name.startswith("dev")
    assert config.database_url.startswith("postgres://imgopt:") is ("postgres" in name)
    assert (config.storage == "s3") is ("s3" in name)
    assert bool(config.secret_key) is name.startswith("prod")
    assert (config.redis_url, config.jobs_engine, config.jobs_workers) == ("", "table", 1)


@pytest.mark.parametrize("name", ["web", "worker", "setup"])
def test_the_scaled_out_profile_shares_everything(document: dict[str, Any], name: str) -> None:
    config = settings_of(document, name)
    assert (config.storage, config.jobs_engine, config.jobs_workers, config.debug) == ("s3", "celery", 0, False)
    assert config.database_url.startswith("postgres://imgopt:")
    assert config.redis_url.startswith("redis://:")
    assert config.secret_key == settings_of(document, "web").secret_key
    assert config.trusted_proxies == (document["networks"]["inside"]["ipam"]["config"][0]["subnet"],)


def test_every_setting_is_one_of_ours(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        if is_ours(service):
            assert set(service["environment"]) <= set(NAMES), name


def test_no_secret_has_a_default(tmp_path: Path) -> None:
    variables = {name: sign for name, sign, _ in compose.VARIABLE.findall(compose.TEXT)}
    assert {name for name, sign in variables.items() if sign == ":?"} == set(MADE)
    values = compose.secrets_of(tmp_path)
    for name in MADE:
        with pytest.raises(compose.Unset, match=name):
            compose.filled(compose.TEXT, {**values, name: ""})
    secret = {name for name, entry in NAMES.items() if entry.metadata["secret"]} - {"REDIS_URL", "DATABASE_URL"}
    for name in (*secret, "AWS_ACCESS_KEY_ID", "POSTGRES_PASSWORD", "ROOT_SECRET_KEY", "REDISCLI_AUTH"):
        for value in re.findall(rf"\b{name}: ([^}}\n]+)", compose.TEXT):
            assert re.match(r'"?\$\{STACK_\w+:\?', value), name
    for address in re.findall(r"\w+://[^@\s]*:([^@\s/]+)@", compose.TEXT):
        assert address.startswith("${STACK_"), address


def test_every_service_is_hardened_and_limited(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name
        assert "privileged" not in service, name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert service["logging"]["options"]["max-size"], name


def test_every_service_tells_whether_it_is_well_and_is_waited_for(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        assert ("test" in service["healthcheck"]) is (name not in ONCE), name
        for other, wanted in service.get("depends_on", {}).items():
            assert set(service["profiles"]) <= set(document["services"][other]["profiles"]), (name, other)
            condition = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert wanted == {"condition": condition}, (name, other)


def test_images_are_pinned_and_what_is_mounted_is_read_only(document: dict[str, Any]) -> None:
    volumes = set(document["volumes"])
    for name, service in document["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert tag == "local" if is_ours(service) else re.search(r"\d", tag), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert volume.endswith(":ro"), volume
            elif not source.startswith("/"):
                assert source in volumes, volume


def test_only_the_front_is_reached_from_outside_and_by_default_from_this_machine(document: dict[str, Any]) -> None:
    open_to = {name: service["ports"] for name, service in document["services"].items() if "ports" in service}
    assert set(open_to) == set(PROFILES) - {"prod-celery"} | {"nginx"}
    for ports in open_to.values():
        assert all(port.startswith("127.0.0.1:8000:") for port in ports)
