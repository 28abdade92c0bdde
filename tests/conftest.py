"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

SHARED_IMAGES = Path(__file__).resolve().parents[2] / "shared" / "images"


@pytest.fixture(scope="session")
def shared_images() -> Path:
    """Real photographs, odd and broken files; they are not part of this repository."""
    if not SHARED_IMAGES.is_dir():
        pytest.skip("needs the real photographs in ../shared/images")
    return SHARED_IMAGES


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Every test has masters, variants, limits and caches of its own."""
    from apikeys import admission
    from delivery import comparing, hits, keyring, pace, presets, publish, recent, records, refinements
    from delivery.service import service
    from metrics import formats

    settings.IMGOPT_DATA_DIR = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        **{
            alias: {"BACKEND": "assets.disk.AtomicFileSystemStorage", "OPTIONS": {"location": tmp_path / alias}}
            for alias in ("masters", "variants")
        },
    }
    service.cache_clear()
    hits.HITS.clear()
    recent.RECENT.forget()
    keyring.forget()
    presets.forget()
    publish._read.cache_clear()
    records.RECORDS.clear()
    refinements.REFINEMENTS.clear()
    pace.PACE.clear()
    formats.SIZES.clear()
    comparing._flight.cache_clear()
    admission.RIGHT_DIGESTS.clear()
    cache.clear()
    yield
    service.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _children_end_with_the_tests() -> Iterator[None]:
    yield
    from assets import children

    children.stop()


# In CI a test may only be skipped for one of these reasons.
ALLOWED_SKIPS = (
    "needs the real photographs in ../shared/images",
    "php is not installed here",
    "go is not installed here",
    "node is not installed here",
    "needs kubectl",  # Debian's is too old for kustomize's components
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if not any(allowed in reason for allowed in ALLOWED_SKIPS):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI for a reason that is not on the list in tests/conftest.py: {reason}"
    return report
