"""Masters known for a moment: asked for once in a burst, and never older than a purge."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from assets.errors import MasterNotFound
from assets.models import Master
from delivery import recent
from delivery.recent import KEEP_SECONDS, SLOW_SECONDS, RecentMasters
from tests.delivery.world import master


class Database:
    def __init__(self) -> None:
        self.masters: dict[str, Master] = {"shoe": master("shoe"), "boot": master("boot")}
        self.asked: list[str] = []
        self.meanwhile: Any = lambda: None

    def get(self, reference: str) -> Master:
        self.asked.append(reference)
        found = self.masters.get(reference)
        self.meanwhile()
        if found is None:
            raise MasterNotFound
        return found


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(recent, "get_master", database.get)
    return database


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def masters(now: list[float]) -> RecentMasters:
    return RecentMasters(lambda: now[0])


def test_a_burst_asks_once(masters: RecentMasters, database: Database) -> None:
    assert {masters.get("shoe").pk for _ in range(10)} == {database.masters["shoe"].pk}
    masters.get("boot")
    assert database.asked == ["shoe", "boot"]


def test_what_is_known_ends_by_itself(masters: RecentMasters, database: Database, now: list[float]) -> None:
    masters.get("shoe")
    now[0] += KEEP_SECONDS - 0.01
    masters.get("shoe")
    assert database.asked == ["shoe"]
    now[0] += 0.01
    masters.get("shoe")
    assert database.asked == ["shoe", "shoe"]


def test_a_purge_makes_it_ask_again(masters: RecentMasters, database: Database) -> None:
    masters.get("shoe")
    masters.forget()
    masters.get("shoe")
    assert database.asked == ["shoe", "shoe"]


def test_a_look_up_begun_before_a_purge_is_not_remembered(masters: RecentMasters, database: Database) -> None:
    database.meanwhile = masters.forget
    old = masters.get("shoe")
    database.meanwhile = lambda: None
    database.masters["shoe"] = master("new")
    assert masters.get("shoe") is database.masters["shoe"] is not old


def test_what_is_not_there_is_asked_for_each_time(masters: RecentMasters, database: Database) -> None:
    """Whoever uploads under a key that was asked for a moment ago finds it at once."""
    with pytest.raises(MasterNotFound):
        masters.get("sandal")
    database.masters["sandal"] = master("sandal")
    assert masters.get("sandal") is database.masters["sandal"]


def test_a_newer_revision_than_the_known_one_is_asked_for(masters: RecentMasters, database: Database) -> None:
    masters.get("shoe", revision=1)
    raised = database.masters["shoe"] = master("new")
    raised.revision = 2
    assert masters.get("shoe", revision=1) is not raised
    assert masters.get("shoe", revision=2) is raised
    assert masters.get("shoe", revision=0) is raised


def test_its_number_of_masters_is_bounded(
    masters: RecentMasters, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "MAX_MASTERS", 3)
    for number in range(10):
        database.masters[f"{number}"] = master(f"{number}")
        masters.get(f"{number}")
        assert len(masters._found) <= 3


def test_while_the_database_is_away_a_master_stays_as_it_was_known(
    masters: RecentMasters, database: Database, now: list[float]
) -> None:
    known = masters.get("shoe")
    now[0] += 10 * KEEP_SECONDS
    database.meanwhile = away
    assert masters.get("shoe") is known
    with pytest.raises(OperationalError):
        masters.get("boot")
    database.meanwhile = lambda: None
    database.masters["shoe"] = changed = master("shoe")
    assert masters.get("shoe") is changed, "asked again as soon as it is back"


def test_an_older_revision_is_not_shown_because_the_database_is_away(
    masters: RecentMasters, database: Database
) -> None:
    masters.get("shoe")
    database.meanwhile = away
    with pytest.raises(OperationalError):
        masters.get("shoe", revision=2)


def test_what_was_purged_is_not_known_any_more_while_the_database_is_away(
    masters: RecentMasters, database: Database
) -> None:
    masters.get("shoe")
    masters.forget()
    database.meanwhile = away
    with pytest.raises(OperationalError):
        masters.get("shoe")


def test_while_one_asks_the_others_go_by_what_was_known(
    masters: RecentMasters, database: Database, now: list[float]
) -> None:
    known = masters.get("shoe")
    now[0] += KEEP_SECONDS
    seen: list[Master] = []
    database.meanwhile = lambda: seen.append(masters.get("shoe"))  # the database has not answered yet
    masters.get("shoe")
    assert seen == [known]
    assert database.asked == ["shoe", "shoe"]


def test_a_database_that_hangs_keeps_nobody_whose_master_is_known(
    masters: RecentMasters, database: Database, now: list[float]
) -> None:
    known = masters.get("boot")
    now[0] += KEEP_SECONDS
    seen: list[Master] = []

    def hang() -> None:
        database.meanwhile = lambda: None
        now[0] += SLOW_SECONDS + 0.1
        seen.append(masters.get("boot"))

    database.meanwhile = hang
    masters.get("shoe")
    assert seen == [known]
    assert database.asked == ["boot", "shoe"]
    masters.get("boot")
    assert database.asked == ["boot", "shoe", "boot"], "it answers again, so it is asked again"


def away() -> None:
    raise OperationalError("connection refused")
