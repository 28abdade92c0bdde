"""Profiles of `docker-compose.yml` as plain processes: with the environment they give, each starts and works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy import compose
from tests.e2e.server import Server
from tests.fleet import fleet
from tests.images import encoded, scene

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(240)]

REPLACED = ("DATABASE_URL", "IMGOPT_STORAGE", "AWS_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ADDED = ("IMGOPT_MASTERS_BUCKET", "IMGOPT_VARIANTS_BUCKET")
"""Hosts and keys are those of the tests; nothing else of the environment is touched."""


@pytest.mark.parametrize("profile", ["dev", "prod", "prod-postgres-s3"])
def test_a_profile_starts_and_works(profile: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    given = compose.read(compose.secrets_of(tmp_path / "secrets"))["services"][profile]["environment"]
    with fleet(tmp_path, servers=0) as machines:
        replaced = {name: machines.environment[name] for name in REPLACED if name in given}
        added = {name: machines.environment[name] for name in ADDED if given.get("IMGOPT_STORAGE") == "s3"}
        server = Server(tmp_path / "data", {**given, **replaced, **added})
        server.start()
        try:
            ready = server.request("/readyz", headers={"Host": "127.0.0.1"})
            assert ready.status == 200, ready.body
            uploaded = server.upload(server.api_key, ("photo.jpg", encoded(scene(), "jpeg")))
            assert uploaded.status == 201, uploaded.body
            wanted = {"image": uploaded.json[0]["id"], "params": {"w": "100"}}
            signed = server.api("/api/v1/sign", server.api_key, method="POST", document=wanted)
            url = signed.json["url"].removeprefix(given["IMGOPT_BASE_URL"])
            assert server.request(url).status == 200
            missing = server.request("/nowhere")
            assert missing.status == 404
            assert (b"URLconf" in missing.body) is (profile == "dev"), "debug pages are for dev alone"
        finally:
            server.stop()
