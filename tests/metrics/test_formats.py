"""What was compared once is known to every process, and to each without asking again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from pytest_django import DjangoAssertNumQueries

from metrics import formats
from metrics.formats import ICON_PIXELS, KnownSizes, Subject, subject_of
from metrics.models import FormatSizes
from pipeline.spec import Format
from pipeline.targets import TARGETS, Target

pytestmark = pytest.mark.django_db

SHOE = subject_of("a" * 64, TARGETS["good"], 500_000)
SIZES: dict[Format, int] = {"avif": 900, "webp": 700, "jpeg": 1200}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_subject_is_the_picture_the_quality_the_kind_of_size_and_the_encoders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subjects = {
        SHOE,
        subject_of("b" * 64, TARGETS["good"], 500_000),
        subject_of("a" * 64, TARGETS["best"], 500_000),
        subject_of("a" * 64, Target(ssim=0.97), 500_000),
        subject_of("a" * 64, TARGETS["good"], ICON_PIXELS - 1),
        subject_of("a" * 64, TARGETS["good"], 500_000, own_size=True),
    }
    assert len(subjects) == 6
    assert subject_of("a" * 64, TARGETS["good"], ICON_PIXELS) == SHOE, "the exact size does not matter"
    monkeypatch.setattr(formats, "fingerprint", lambda: "another")
    assert subject_of("a" * 64, TARGETS["good"], 500_000) not in subjects


def test_what_was_learnt_is_found_by_another_process(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    assert KnownSizes().find(SHOE) is None
    assert KnownSizes().learn(SHOE, SIZES, width=800) == SIZES
    known = KnownSizes()
    with django_assert_num_queries(1):
        assert [known.find(SHOE) for _ in range(3)] == [SIZES] * 3


def test_that_nothing_is_known_is_believed_for_two_seconds(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    clock = Clock()
    known = KnownSizes(clock)
    with django_assert_num_queries(1):
        assert [known.find(SHOE) for _ in range(3)] == [None] * 3
    KnownSizes().learn(SHOE, SIZES, width=800)
    assert known.find(SHOE) is None
    assert known.find(SHOE, fresh=True) == SIZES
    other = KnownSizes(clock)
    FormatSizes.objects.all().delete()
    assert other.find(SHOE) is None
    KnownSizes().learn(SHOE, SIZES, width=800)
    clock.now = 2.1
    assert other.find(SHOE) == SIZES


def test_whoever_was_first_counts() -> None:
    first, second = KnownSizes(), KnownSizes()
    first.learn(SHOE, SIZES, width=800)
    assert second.learn(SHOE, {"avif": 1}, width=320) == SIZES == second.find(SHOE)
    assert FormatSizes.objects.get().width == 800


def test_without_a_database_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> Any:
        raise DatabaseError("away")

    monkeypatch.setattr(FormatSizes.objects, "filter", away)
    assert KnownSizes().find(SHOE) is None


def test_a_table_that_is_full_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_KNOWN", 2)
    known = KnownSizes()
    subjects = [Subject(f"{number}" * 64, "auto:good", "icon", "1") for number in range(4)]
    for subject in subjects:
        known.learn(subject, SIZES, width=1)
        known.find(subject._replace(size="picture"))
    assert len(known._known) <= 2
    assert len(known._unknown) <= 2
    assert all(known.find(subject) == SIZES for subject in subjects)
