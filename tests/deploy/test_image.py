"""The Dockerfile, as far as it can be held without an engine that builds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy import image_size
from tests.deploy.compose import ROOT

LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]
IGNORED = (ROOT / ".dockerignore").read_text().split()


def steps(word: str) -> list[str]:
    return [rest for first, rest in STEPS if first == word]


def test_two_stages_from_pinned_images() -> None:
    bases = [base.split()[0] for base in steps("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    assert not steps("ADD"), "COPY says what it does; ADD unpacks and fetches"


def test_what_is_copied_is_there_and_not_ignored() -> None:
    sources = [word for step in steps("COPY") if "--from=" not in step for word in step.split()[:-1]]
    assert len(sources) > 10
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in IGNORED, source
    assert {word for word in IGNORED if word.startswith("!")} == {f"!{name}" for name in (*sources, "Dockerfile")}
    assert "*" in IGNORED


def test_every_package_of_the_service_is_copied() -> None:
    copied = {word for step in steps("COPY") for word in step.split()[:-1]}
    assert set(image_size.CODE) <= copied
    layers = re.findall(
        r'"([a-z_]+)"', re.findall(r"root_packages = \[(.*)\]", (ROOT / "pyproject.toml").read_text())[0]
    )
    assert set(image_size.CODE) == set(layers)


def test_what_runs_is_nobody_special_and_brings_no_compiler() -> None:
    [user] = steps("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    last = max(place for place, step in enumerate(STEPS) if step[0] == "FROM")
    after = STEPS[last:]
    assert [first for first, _ in after].index("USER") < [first for first, _ in after].index("CMD")
    running = " ".join(rest for first, rest in after if first == "RUN")
    assert not re.search(r"apt-get|\bpip\b|gcc|curl|wget", running)
    assert "--require-hashes" in " ".join(steps("RUN"))


def test_it_says_whether_it_is_well_without_curl() -> None:
    [check] = steps("HEALTHCHECK")
    assert '"python"' in check
    assert "/healthz" in check
    assert steps("LABEL")


def test_no_secret_is_in_it() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"SECRET|PASSWORD|TOKEN", text)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    packages = tmp_path / "lib" / "python3.13" / "site-packages"
    numpy = ("numpy/tests/big.py", "numpy/core.py", "numpy/core.pyi")
    django = ("django/test/x.py", *(f"django/conf/locale/{name}" for name in ("de/x.mo", "en/x.mo", "__init__.py")))
    for name in ("pip/x.py", "pip-1.dist-info/RECORD", *numpy, *django):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_bytes(b"x" * 100)
    return tmp_path


def test_only_what_nobody_opens_is_trimmed(venv: Path) -> None:
    assert image_size.size(venv) == 900
    assert image_size.trim(venv) == 500
    kept = {str(file.relative_to(venv / "lib/python3.13/site-packages")) for file in venv.rglob("*") if file.is_file()}
    assert kept == {"numpy/core.py", "django/test/x.py", "django/conf/locale/en/x.mo", "django/conf/locale/__init__.py"}
    assert image_size.trim(venv) == 0


def test_the_budget_is_of_the_whole_image(venv: Path) -> None:
    parts = image_size.parts_mb(venv)
    assert set(parts) == {"base", "requirements", "code"}
    assert parts["base"] == image_size.BASE_MB
    assert 1 < parts["code"] < 20
