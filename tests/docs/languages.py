"""What is done with a block of each language."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping

import html5lib
import pytest
import yaml

from tests.docs import configs
from tests.docs.blocks import ROOT, Block
from tests.docs.world import BlockFailed, PageWorld

Check = Callable[[PageWorld, str], object]


def _console(page: PageWorld, code: str) -> None:
    """Commands after `$ ` (continued while a line ends with a backslash), each followed by what it prints."""
    for command, expected in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n?)*)", code, re.MULTILINE):
        output = page.bash(command)
        pattern = ".*".join(re.escape(piece) for piece in page.addressed(expected).strip().split("…"))
        if expected.strip() and not re.search(pattern, output, re.DOTALL):
            raise BlockFailed(f"$ {command}\nprinted\n{output}\ninstead of\n{expected}")


def _python(page: PageWorld, code: str) -> str:
    return page.python("python", code)


def _template(page: PageWorld, code: str) -> str:
    return page.python("template", code)


def _html(_page: PageWorld, code: str) -> None:
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(code) if code.lstrip().lower().startswith("<!doctype") else parser.parseFragment(code)


def _javascript(page: PageWorld, code: str) -> str:
    node = shutil.which("node") or pytest.skip("node is not installed here")
    file = page.folder / ("block.cjs" if "require(" in code else "block.mjs")
    file.write_text(page.addressed(code))
    return page.run([node, str(file)])


def _json(_page: PageWorld, code: str) -> None:
    """`[ … ]` and `, …` stand for what is left out."""
    json.loads(re.sub(r",\s*…|(?<=[\[{])\s*…\s*(?=[\]}])", "", code))


def _yaml(_page: PageWorld, code: str) -> None:
    yaml.safe_load(code)


def _recipe(_page: PageWorld, code: str) -> None:
    recipes = [file for file in (ROOT / "docs" / "recipes").rglob("*") if file.is_file()]
    if not any(code.strip() == file.read_text("utf-8").strip() for file in recipes):
        raise BlockFailed("is not, word for word, one of the files in docs/recipes, which have tests")


def _nothing(_page: PageWorld, _code: str) -> None:
    """Neither command nor code."""


LANGUAGES: Mapping[str, Check] = {
    "bash": PageWorld.bash,
    "console": _console,
    "python": _python,
    "html+django": _template,
    "html": _html,
    "js": _javascript,
    "json": _json,
    "yaml": _yaml,
    "ini": configs.ini,
    "nginx": configs.nginx,
    "php": _recipe,
    "go": _recipe,
    "jsx": _recipe,
    "text": _nothing,
    "http": _nothing,
}


def run(block: Block, page: PageWorld) -> None:
    """This will run or check a block, and raise `BlockFailed` with its place."""
    try:
        if block.language not in LANGUAGES:
            raise BlockFailed(f"names no language out of {', '.join(LANGUAGES)}")
        LANGUAGES[block.language](page, block.code)
    except pytest.skip.Exception:
        raise
    except Exception as error:
        raise BlockFailed(f"{block} {error}\n--- the block ---\n{block.code}") from error
