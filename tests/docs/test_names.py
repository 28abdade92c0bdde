"""What the documentation names exists: settings, commands, error codes, files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from imgopt.errors import STATUS
from pipeline.admission import INTERLACED_MB_PER_MEGAPIXEL, MB_PER_MEGAPIXEL
from pipeline.footprint import ENCODER_MB
from tests.docs.blocks import PAGES, ROOT
from tests.docs.configs import NAMES
from tests.docs.tables import codes_in, tables_of

SETTING = re.compile(r"\b(?:IMGOPT_[A-Z0-9_]+|AWS_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)(?!…)\b")
OF_OTHER_SITES = {"IMGOPT_CLIENT"}
"""Settings of a Django project that uses the client package."""
COMMAND = re.compile(r"manage\.py ([a-z0-9_]+)")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    named = set(SETTING.findall(page.read_text("utf-8")))
    unknown = {name for name in named - NAMES - OF_OTHER_SITES if not name.endswith("_")}
    families = {name for name in named if name.endswith("_")}  # `IMGOPT_LIMIT_…`
    assert not unknown
    assert all(any(known.startswith(family) for known in NAMES) for family in families)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    assert set(COMMAND.findall(page.read_text("utf-8"))) <= set(get_commands())


def test_the_operators_table_of_errors_has_codes_that_exist_and_all_that_are_ours_to_mend() -> None:
    [rows] = [rows for headings, rows in tables_of(ROOT / "docs" / "production.md") if headings[0] == "`code`"]
    told = {code for row in rows for code in codes_in(row.cells[0])}
    assert told <= set(STATUS)
    assert told >= {code for code, status in STATUS.items() if status >= 500 or status == 429}


def test_the_proxys_limit_of_an_upload_is_the_services_own() -> None:
    from deploy import nginx
    from imgopt.config import Config

    assert Config().upload_max_bytes <= int(nginx.DEFAULTS["UPLOAD"]) <= 1.1 * Config().upload_max_bytes


def test_the_memory_that_formats_need_is_what_admission_counts_with() -> None:
    [rows] = [rows for headings, rows in tables_of(ROOT / "docs" / "production.md") if headings[0] == "Master"]
    told = {code: float(row.cells[1]) for row in rows for code in codes_in(row.cells[0])}
    assert told == MB_PER_MEGAPIXEL
    assert {float(row.cells[1]) for row in rows if not codes_in(row.cells[0])} == {INTERLACED_MB_PER_MEGAPIXEL}
    assert all(row.cells[2] == f"{24 * float(row.cells[1]):g} MB" for row in rows)


def test_the_memory_that_results_need_is_too() -> None:
    [rows] = [rows for headings, rows in tables_of(ROOT / "docs" / "production.md") if headings[0] == "Result"]
    told = {
        f"quantised {row.cells[0][1:4]}" if "max-bytes" in row.cells[0] else row.cells[0].strip("`"): row.cells[1:]
        for row in rows
    }
    assert {name: (float(cells[0]), float(cells[1])) for name, cells in told.items()} == ENCODER_MB
    assert all(cells[2] == f"{1920 * 1080 * float(cells[0]) / 1e6:.0f} MB" for cells in told.values())
