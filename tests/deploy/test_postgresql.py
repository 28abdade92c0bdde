"""PostgreSQL: an index for every hot query, and a few connections for many threads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.deploy import hot
from tests.e2e.server import ROOT
from tests.jobs.crew import clean_environment, database
from tests.jobs.services import need

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

SMALL = {"delivery_signingkey", "delivery_preset", "assets_tag", "auth_user"}
"""Tables of a page or two, which are read whole in any case."""


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, list[str]]]]:
    need(5432)
    folder = tmp_path_factory.mktemp("var")
    with database("postgresql", folder) as url:
        environment = {**clean_environment(), "DATABASE_URL": url, "IMGOPT_DATA_DIR": str(folder)}
        environment["DJANGO_SETTINGS_MODULE"] = "imgopt.settings"
        done = subprocess.run(
            [sys.executable, "-m", "tests.deploy.hot"], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name: [(text, nodes) for text, nodes in each] for name, each in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", hot.pieces())
def test_a_hot_query_reads_an_index(plans: dict[str, list[tuple[str, list[str]]]], name: str) -> None:
    assert plans[name], "it asks nothing"
    for statement, nodes in plans[name]:
        whole = [node for node in nodes if node.startswith("Seq Scan") and node.split()[-1] not in SMALL]
        assert not whole, f"{statement[:400]}\n{nodes}"
