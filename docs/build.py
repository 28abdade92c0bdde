"""Builds the documentation site: `python -m docs.build`, or `make docs`.

The pages are written for two readers, a code host and the site. Links that leave docs/ (to the changelog, to
.env.example) are right on a code host; for the site those files are copied beside the pages and the links follow.
What the site generator does not refuse by itself is refused here: a link to nothing, a page outside the navigation, a
script, style, font or picture from another host.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILD = ROOT / "build"

BESIDE = {
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    ".env.example": "env-example.txt",
    "README.md": "index.md",
}
"""Files outside docs/ that pages may link to, and what they are called on the site; index.md is a page of its own."""
NOT_FOR_THE_SITE = frozenset({"__pycache__", "drawn.json", "zensical.toml"})

LINK = re.compile(r"(!?\[[^\]\n]*\]\()([^)\s]+)(\))")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")
LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("img", "srcset"),
}
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}


class DocsFault(Exception):
    """One sentence for each fault, a line each."""


def main() -> None:
    try:
        build(BUILD)
    except DocsFault as fault:
        sys.exit(f"docs: {fault}")
    print(f"The site is in {relpath(BUILD / 'site')}")  # noqa: T201


def build(to: Path) -> None:
    """This will make `site` in the folder, or raise `DocsFault`."""
    stage(to)
    generate(to)
    check(to / "site")


def stage(to: Path) -> None:
    """This will lay the pages, their links fitted, and the configuration into the build folder."""
    shutil.rmtree(to / "docs", ignore_errors=True)
    shutil.copytree(DOCS, to / "docs", ignore=_makers)
    for source, name in BESIDE.items():
        if not (to / "docs" / name).exists():
            shutil.copy(ROOT / source, to / "docs" / name)
    shutil.copy(DOCS / "zensical.toml", to / "zensical.toml")
    faults = []
    for page in sorted((to / "docs").rglob("*.md")):
        original = original_of(page.relative_to(to / "docs"))
        text, wrong = fitted(page.read_text("utf-8"), original)
        page.write_text(text, "utf-8")
        faults += wrong
    faults += [f"{name} is not in the navigation of docs/zensical.toml" for name in sorted(_unlisted(to))]
    _refuse(faults)


def original_of(staged: Path) -> Path:
    """This will give where a page of the site stands in the repository."""
    beside = {name: source for source, name in BESIDE.items() if name != "index.md"}
    return ROOT / beside.get(staged.as_posix(), f"docs/{staged.as_posix()}")


def fitted(text: str, original: Path) -> tuple[str, list[str]]:
    """This will give a page with its links as they are on the site, and a sentence for each link to nothing."""
    faults: list[str] = []
    here = staged_name(original)

    def fit(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        parts = urlsplit(target)
        if parts.scheme or not parts.path:
            return match[0]
        aim = (original.parent / unquote(parts.path)).resolve()
        if not aim.exists():
            faults.append(f"{original.relative_to(ROOT)} links to {target}, which does not exist")
            return match[0]
        name = staged_name(aim / "README.md" if aim.is_dir() else aim)
        if name is None:
            faults.append(f"{original.relative_to(ROOT)} links to {target}, which is not on the site")
            return match[0]
        anchor = f"#{parts.fragment}" if parts.fragment else ""
        return f"{before}{relpath(name, Path(here or '').parent)}{anchor}{after}"

    return "".join(LINK.sub(fit, part) if is_prose else part for is_prose, part in _parts(text)), faults


def staged_name(path: Path) -> str | None:
    """This will give a file's name on the site, or None where it is not there."""
    name = path.relative_to(ROOT).as_posix()
    if name in BESIDE:
        return BESIDE[name]
    return name.removeprefix("docs/") if name.startswith("docs/") else None


def generate(to: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "zensical"
    done = subprocess.run(
        [str(program), "build", "--strict", "--clean", "--config-file", str(to / "zensical.toml")],
        cwd=to,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DocsFault(f"zensical refused the pages:\n{done.stdout}{done.stderr}")


def check(site: Path) -> None:
    """This will refuse a built site with a link to nothing or anything loaded from elsewhere."""
    pages = {page: _read(page) for page in sorted(site.rglob("*.html"))}
    faults = [
        f"{sheet.relative_to(site)} loads {found} from another host"
        for sheet in sorted([*site.rglob("*.css"), *pages])
        for found in LOADED_BY_STYLE.findall(sheet.read_text("utf-8"))
    ]
    for page, read in pages.items():
        name = page.relative_to(site)
        faults += [f"{name} loads {address} from another host" for address in read.loaded if urlsplit(address).netloc]
        for address in (*read.links, *read.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or page.name == "404.html":
                continue
            aim = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            aim = aim / "index.html" if aim.is_dir() else aim
            if not aim.exists():
                faults.append(f"{name} links to {address}, which does not exist")
            elif parts.fragment and aim in pages and unquote(parts.fragment) not in pages[aim].anchors:
                faults.append(f"{name} links to {address}, and there is no such heading")
    _refuse(faults)


class Reader(HTMLParser):
    """Collects what a page links to, what it loads, and what can be linked to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {"__skip", ""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and LOADED_LINKS & set(given.get("rel", "").split()):
            self.loaded.append(given["href"])
        self.loaded += [given[name] for of, name in LOADED if of == tag and name in given]


def _makers(folder: str, names: list[str]) -> set[str]:
    """What makes the documentation is no part of it; recipes are."""
    is_recipe = "recipes" in Path(folder).parts
    return {name for name in names if name in NOT_FOR_THE_SITE or (name.endswith(".py") and not is_recipe)}


def _read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """This will give the text in pieces: prose, and fenced code, which has no links."""
    end = 0
    for fence in FENCE.finditer(text):
        yield True, text[end : fence.start()]
        yield False, fence[0]
        end = fence.end()
    yield True, text[end:]


def _unlisted(build: Path) -> set[str]:
    config = tomllib.loads((build / "zensical.toml").read_text("utf-8"))
    pages = {page.relative_to(build / "docs").as_posix() for page in (build / "docs").rglob("*.md")}
    return pages - set(_listed(config["project"]["nav"]))


def _listed(nav: list[dict[str, Any]]) -> Iterator[str]:
    for entry in nav:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from _listed(target)


def _refuse(faults: list[str]) -> None:
    if faults:
        raise DocsFault("\n  ".join(["these must be put right:", *faults]))


if __name__ == "__main__":
    main()
