"""Every fenced block of the documentation is run or checked, or says why not: see README.md beside this file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import MALFORMED, PAGES, ROOT, Block, blocks_of
from tests.docs.languages import LANGUAGES, run
from tests.docs.world import SETTINGS, SHOE, BlockFailed, World
from tests.e2e.server import Server
from tests.images import encoded, scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

NOT_CODE = {"text", "http"}


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    photo = tmp_path_factory.mktemp("photo") / "photo.jpg"
    photo.write_bytes(encoded(scene(2400, 1600), "jpeg"))
    server = Server(tmp_path_factory.mktemp("var"), environment=SETTINGS)
    prepare(server.data_dir)
    server.start()
    world = World(server=server, photo=photo, folder=tmp_path_factory.mktemp("w"))
    yield world
    world.close()
    server.stop()


def prepare(data_dir: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "imgopt.settings",
        "IMGOPT_ENV_FILE": os.devnull,
        "IMGOPT_DATA_DIR": str(data_dir),
    }
    subprocess.run([sys.executable, "-m", "tests.docs.prepare"], cwd=ROOT, env=environment, check=True)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_names_a_language_that_has_a_check(page: Path) -> None:
    unknown = [str(block) for block in blocks_of(page) if block.language not in LANGUAGES]
    assert not unknown, f"these must name one of {', '.join(LANGUAGES)}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_is_said_to_the_tests_is_understood(page: Path) -> None:
    text = page.read_text("utf-8")
    odd = [text.count("\n", 0, found.start()) + 1 for found in MALFORMED.finditer(text)]
    assert not odd, f"these lines of {_name(page)} are not as tests/docs/README.md has them"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_blocks_of_a_page_run_in_order(page: Path, world: World, tmp_path: Path) -> None:
    blocks = [block for block in blocks_of(page) if block.language not in NOT_CODE and not block.skip_reason]
    if not blocks:
        return
    own_shoe = any(f"key={SHOE}" in block.code for block in blocks)
    folder = world.page(tmp_path, with_shoe=not own_shoe)
    for block in blocks:
        run(block, folder)


@pytest.mark.parametrize(
    "language, code",
    [
        ("bash", "curl -sf $HOST/nowhere"),
        ("bash", "false\ntrue"),
        ("bash", "python manage.py sign_url products/nothing"),
        ("console", "$ echo one\ntwo"),
        ("python", "assert master.width == 1"),
        ("html+django", "{% load nothing_like_it %}"),
        ("html", "<p><div></p>"),
        ("json", '{"a": }'),
        ("ini", "IMGOPT_NO_SUCH_SETTING=1"),
        ("ini", "IMGOPT_PORT=many"),
        ("ini", "[Service]\nExecStart /bin/true"),
        ("nginx", "server { listen 80 }"),
        ("nginx", "server { listen 80;"),
        ("yaml", "a: [1"),
        ("go", "package nothing"),
    ],
)
def test_a_wrong_block_is_told_with_its_place(language: str, code: str, world: World, tmp_path: Path) -> None:
    page = world.page(tmp_path, with_shoe=False)
    block = Block(page=ROOT / "docs" / "invented.md", line=7, language=language, code=code)
    with pytest.raises(BlockFailed, match=r"docs/invented.md:7"):
        run(block, page)
