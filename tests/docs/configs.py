"""Configuration in the documentation: settings of ours, systemd units, nginx."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields

from imgopt.config import Config
from imgopt.loading import load
from tests.docs.world import BlockFailed, PageWorld

NAMES = {field.metadata["name"] for field in fields(Config)} | {"IMGOPT_ENV_FILE", "IMGOPT_CONFIG"}
UNIT_LINE = re.compile(r"\[\w+\]|#.*|[A-Z]\w+=.*")


def ini(page: PageWorld, code: str) -> None:
    if re.search(r"^\[", code, re.MULTILINE):
        _unit(page, code)
    else:
        _settings(code)


def _settings(code: str) -> None:
    """Every name is a setting, and every value that is written out is one it may have."""
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    unknown = sorted(set(values) - NAMES)
    if unknown:
        raise BlockFailed(f"names settings that do not exist: {', '.join(unknown)}")
    load({name: value for name, value in values.items() if "…" not in value and name != "IMGOPT_CONFIG"})


def _unit(page: PageWorld, code: str) -> None:
    """The programs a unit starts are not on this machine; everything else must be as systemd wants it."""
    odd = [line for line in code.splitlines() if line.strip() and not UNIT_LINE.fullmatch(line)]
    if odd or "[Service]" not in code:
        raise BlockFailed(f"Expected a [Service] and lines Name=value, received {odd}")
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    unit = page.folder / "documented@.service"
    unit.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", code, flags=re.MULTILINE))
    output = page.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(page.folder / "documented@1.service")]
    )
    if output.strip():
        raise BlockFailed(f"systemd-analyze says: {output}")


def nginx(_page: PageWorld, code: str) -> None:
    """Braces and semicolons only: `nginx -t` would want the certificates and user of a real machine."""
    bare = re.sub(r"#.*", "", re.sub(r'"[^"]*"|\'[^\']*\'', "q", code))
    depth = 0
    for statement in re.findall(r"[^{};]*[{};]|[^{};]+$", bare):
        text, end = statement[:-1].strip(), statement[-1]
        if end not in "{};" and statement.strip():
            raise BlockFailed(f"a directive without its semicolon: {statement.strip()!r}")
        if end == "}" and text:
            raise BlockFailed(f"a directive without its semicolon: {text!r}")
        if end in "{;" and not re.match(r"[a-z_]+\b", text):
            raise BlockFailed(f"no directive: {text!r}")
        depth += {"{": 1, "}": -1}.get(end, 0)
        if depth < 0:
            raise BlockFailed("a brace closes that was not opened")
    if depth:
        raise BlockFailed("a brace is not closed")
