from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.assets.caller import Caller


@pytest.fixture(autouse=True)
def temporary(settings: Settings, tmp_path: Path) -> Path:
    """The folder of uploads on their way, this test's own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.WHITENOISE_AUTOREFRESH = True  # or every client looks for all static files first
    return folder


@pytest.fixture
def caller(db: None) -> Caller:
    """Somebody with a key that may do everything."""
    return Caller.with_scopes("upload", "read", "manage")
