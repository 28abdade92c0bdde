"""`manage.py import_masters`: everything that is a picture comes in once, the rest is told."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from assets import masters
from assets.blobs import blob_source
from assets.importing import run
from assets.importing.crew import each
from assets.models import Master
from assets.names import key_from_path, validate_key
from assets.origins.absent import ABSENT
from assets.s3.client import client as s3_client
from assets.s3.client import forget
from tests.assets.caller import is_nothing_left, photo, stored_files
from tests.assets.origins.site import Site, redirect, running
from tests.delivery.world import configure

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_is_known_to_be_absent() -> None:
    ABSENT.forget()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    files = {"a.jpg": photo(), "sub/b c.png": photo("png"), "sub/.hidden.jpg": photo(), "notes.txt": b"no picture"}
    for name, body in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(body)
    return root


class Answer(dict[str, dict[str, Any]]):
    """The rows of a report by their path, with the exit status and what was printed."""

    status: int
    told: str


@pytest.fixture
def importing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def importing(*arguments: object, workers: int = 1) -> Answer:
        report = tmp_path / "report.json"
        words = [*map(str, arguments), "--report", str(report), "--workers", str(workers)]
        answer, status = Answer(), 0
        try:
            call_command("import_masters", *words, skip_checks=True)
        except SystemExit as end:
            status = int(end.code or 0)
        answer.update({row["path"]: row for row in json.loads(report.read_text())})
        answer.status, answer.told = status, "".join(capsys.readouterr())
        return answer

    return importing


def results(answer: Answer) -> dict[str, str]:
    return {path: row["code"] or row["result"] for path, row in answer.items()}


def keys() -> list[str]:
    return sorted(master.key or "" for master in Master.objects.all())


# Keys


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a.jpg", "a"),
        ("a/b.c.jpg", "a/b-c"),
        ("Sommer 2026/Rote Schühe (1).JPG", "Sommer-2026/Rote-Schuhe-1"),
        ("v1.2/a", "v1-2/a"),
        (".jpg", "jpg"),
        ("a/ /b.jpg", "a/36a9e7f1c9/b"),
        ("写真.jpg", "5ae9eaa1aa"),
        ("~x_y-.jpg", "~x_y"),
    ],
)
def test_a_key_is_the_path_in_the_characters_of_keys(path: str, key: str) -> None:
    made = key_from_path(path)
    assert made == key or (len(key) >= 10 and len(made) == len(key))  # a digest of what has no such characters
    validate_key(made)
    assert key_from_path(path) == made


@given(st.text(st.characters(codec=None, exclude_characters="\0"), min_size=1, max_size=300))
def test_every_path_has_a_key(path: str) -> None:
    if not path.strip("/"):
        return
    try:
        validate_key(key_from_path(path, "shop/"))
    except ValidationError as error:
        raise AssertionError(path) from error


@pytest.mark.parametrize("path", ["metadata.jpg", "a/purge.png", "01890a5d-ac96-774b-bcce-b302099a8057.jpg", "x" * 300])
def test_what_keys_may_not_be_is_made_another_one(path: str) -> None:
    validate_key(key_from_path(path))
    assert key_from_path(path) != key_from_path(path + "x.jpg")


# Folders


def test_imports_a_folder_and_tells_what_it_refused(importing: Any, pictures: Path) -> None:
    answer = importing(pictures, "--key-prefix", "shop/", "--tag", "summer", "--tag", "sale")
    assert results(answer) == {"a.jpg": "imported", "sub/b c.png": "imported", "notes.txt": "not_an_image"}
    assert answer.status == 1
    assert "2 imported, 0 present, 1 refused" in answer.told
    assert "not_an_image" in answer.told
    assert keys() == ["shop/a", "shop/sub/b-c"]
    master = Master.objects.get(key="shop/sub/b-c")
    assert sorted(tag.name for tag in master.tags.all()) == ["sale", "summer"]
    assert (master.original_name, answer["sub/b c.png"]["reference"]) == ("b_c", "shop/sub/b-c")
    assert answer["a.jpg"]["byte_size"] == len(photo())
    assert len(stored_files()) == 2


def test_a_second_run_imports_nothing_again(importing: Any, pictures: Path) -> None:
    (pictures / "notes.txt").unlink()
    assert importing(pictures).status == 0
    again = importing(pictures, "--tag", "late")
    assert results(again) == {"a.jpg": "present", "sub/b c.png": "present"}
    assert again.status == 0
    assert (Master.objects.count(), Master.objects.filter(tags__name="late").count()) == (2, 2)


def test_without_keys_the_same_name_and_bytes_are_the_same(importing: Any, pictures: Path) -> None:
    importing(pictures, "--keys", "none")
    again = importing(pictures, "--keys", "none")
    assert [row["result"] for row in again.values()].count("present") == 2
    assert [master.key for master in Master.objects.all()] == [None, None]


def test_a_key_with_other_bytes_is_refused_and_left_as_it_is(importing: Any, pictures: Path) -> None:
    importing(pictures)
    (pictures / "a.jpg").write_bytes(photo("gif"))
    assert results(importing(pictures))["a.jpg"] == "key_taken"
    assert Master.objects.get(key="a").blob.format == "jpeg"


def test_of_two_files_with_one_key_the_first_has_it_whatever_the_workers_do(importing: Any, pictures: Path) -> None:
    (pictures / "a.png").write_bytes(photo("png"))
    answer = importing(pictures)
    assert results(answer)["a.jpg"] == "imported"
    assert results(answer)["a.png"] == "key_taken"
    assert "'a.jpg'" in answer["a.png"]["reason"]


def test_a_single_file(importing: Any, pictures: Path) -> None:
    assert results(importing(pictures / "a.jpg")) == {"a.jpg": "imported"}
    assert keys() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_several_workers_do_the_same(importing: Any, pictures: Path) -> None:
    """Dry, because writers of a database in memory, unlike those of a file, do not wait for each other."""
    for number in range(6):
        (pictures / f"{number}.jpg").write_bytes(photo("jpeg", number % 3 + 1))
    answer = importing(pictures, "--dry-run", workers=3)
    assert sorted(row["result"] for row in answer.values()) == ["imported"] * 8 + ["refused"]


def test_a_dry_run_says_the_same_and_stores_nothing(importing: Any, pictures: Path, tmp_path: Path) -> None:
    answer = importing(pictures, "--dry-run", "--tag", "summer")
    assert results(answer) == {"a.jpg": "imported", "sub/b c.png": "imported", "notes.txt": "not_an_image"}
    assert "dry run" in answer.told
    assert is_nothing_left()
    assert not (tmp_path / "imports").exists()


def test_an_odd_name_harms_neither_terminal_nor_table(importing: Any, pictures: Path, tmp_path: Path) -> None:
    for name in ("=1+1.jpg", "\x1b[31mred.jpg", "[bold]x.jpg"):
        (pictures / name).write_bytes(photo())
    (Path(str(pictures)) / b"\xff.jpg".decode(errors="surrogateescape")).write_bytes(photo())
    answer = importing(pictures)
    assert "\x1b" not in answer.told
    assert [row["result"] for row in answer.values()].count("imported") == 6
    report = tmp_path / "report.csv"
    with pytest.raises(SystemExit):
        call_command("import_masters", str(pictures), "--report", str(report), skip_checks=True, workers=1)
    rows = list(csv.DictReader(report.read_text().splitlines()))
    assert len(rows) == 7
    assert "'=1+1.jpg" in {row["path"] for row in rows}


def test_a_fault_of_ours_costs_one_picture(importing: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = masters.create_masters

    def failing(*args: Any, keys: list[str]) -> Any:
        if keys == ["a"]:
            raise RuntimeError("a fault")
        return real(*args, keys=keys)

    monkeypatch.setattr(masters, "create_masters", failing)
    answer = importing(pictures)
    assert results(answer)["a.jpg"] == "internal_error"
    assert results(answer)["sub/b c.png"] == "imported"


# Interrupted


def test_ctrl_c_stops_cleanly_and_resume_goes_on(
    importing: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    real, calls = run.Import.do, []

    def interrupted(self: run.Import, job: run.Job) -> Any:
        calls.append(job.item.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, job)

    (pictures / "notes.txt").unlink()
    monkeypatch.setattr(run.Import, "do", interrupted)
    answer = importing(pictures)
    assert answer.status == 130
    assert "--resume" in answer.told
    assert results(answer) == {"a.jpg": "imported"}
    assert list(temporary.iterdir()) == []
    assert results(importing(pictures, "--resume")) == {"sub/b c.png": "imported"}
    assert results(importing(pictures, "--resume")) == {}
    (pictures / "a.jpg").write_bytes(photo("gif"))
    assert results(importing(pictures, "--resume")) == {"a.jpg": "key_taken"}, "it is another one by now"
    assert results(importing(pictures, "--resume", "--key-prefix", "x/")) != {}, "another import"


def test_who_stops_listening_waits_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.importing.crew.connections.close_all", lambda: None)
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return number

    results = each(iter(range(10**9)), work, 3)
    assert next(results) >= 0
    results.close()
    count = len(done)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("import-")]
    assert len(done) == count


def test_what_breaks_the_listing_is_told_and_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.importing.crew.connections.close_all", lambda: None)

    def things() -> Iterator[int]:
        yield 1
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        list(each(things(), lambda number: number, 2))


# In place


@pytest.mark.parametrize("below", ["", "sub"])
def test_in_place_the_bytes_stay_where_they_lie(importing: Any, pictures: Path, below: str) -> None:
    configure(origins=(("scans", f"file://{pictures}"),))
    (pictures / "notes.txt").unlink()
    answer = importing(pictures / below, "--in-place", "--tag", "scan")
    assert answer.status == 0
    names = ["@scans/a.jpg", "@scans/~c3ViL2IgYy5wbmc"] if not below else ["@scans/~c3ViL2IgYy5wbmc"]
    assert sorted(master.reference for master in Master.objects.all()) == names
    assert Master.objects.filter(tags__name="scan").count() == len(names)
    assert stored_files() == []
    assert set(results(importing(pictures / below, "--in-place")).values()) == {"present"}


def test_in_place_a_dry_run_stores_nothing(importing: Any, pictures: Path) -> None:
    configure(origins=(("scans", f"file://{pictures}"),))
    answer = importing(pictures, "--in-place", "--dry-run")
    assert results(answer) == {"a.jpg": "imported", "sub/b c.png": "imported", "notes.txt": "not_an_image"}
    assert is_nothing_left()


# Buckets


@pytest.mark.parametrize("in_place", [False, True])
def test_imports_what_lies_below_a_prefix_of_a_bucket(importing: Any, in_place: bool) -> None:
    with mock_aws():
        forget()
        client = s3_client()
        client.create_bucket(Bucket="pictures")
        for name, body in {"m/2026/a.jpg": photo(), "m/2026/b.txt": b"no", "other.jpg": photo()}.items():
            client.put_object(Bucket="pictures", Key=name, Body=body)
        configure(origins=(("old", "s3://pictures/m"),))
        answer = importing("s3://pictures/m/2026", *["--in-place"] * in_place)
        forget()
    assert results(answer) == {"a.jpg": "imported", "b.txt": "not_an_image"}
    assert Master.objects.get().reference == ("@old/2026/a.jpg" if in_place else "a")
    assert len(stored_files()) == (0 if in_place else 1)


def test_in_place_a_bucket_is_asked_once_for_many_renders(importing: Any) -> None:
    """What lies in a bucket has a copy on the machine, as what lies in ours; what lies in a folder needs none."""
    with mock_aws():
        forget()
        client = s3_client()
        client.create_bucket(Bucket="pictures")
        client.put_object(Bucket="pictures", Key="m/a.jpg", Body=photo())
        configure(origins=(("old", "s3://pictures/m"),))
        importing("s3://pictures/m", "--in-place")
        blob = Master.objects.get().blob
        copy = Path(str(blob_source(blob)))
        assert copy.read_bytes() == photo()
        client.delete_object(Bucket="pictures", Key="m/a.jpg")
        assert blob_source(blob) == str(copy)
        forget()


# Addresses


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        configure(origins_private_networks=("127.0.0.0/8",))
        yield site


def test_imports_a_list_of_addresses(importing: Any, site: Site, tmp_path: Path) -> None:
    site.shows("/media/red%20shoe.jpg?token=hush", photo())
    site.answers["/inward.jpg"] = redirect("http://10.0.0.1/")
    addresses = tmp_path / "list.txt"
    paths = ("/media/red%20shoe.jpg?token=hush", "/none.jpg", "/inward.jpg")
    lines = ["# ours", "", *(site.url + path for path in paths)]
    addresses.write_text("\n".join([*lines, "file:///etc/passwd", "http://[", "http://127.1/x.jpg"]))
    answer = importing("--urls", addresses)
    assert results(answer) == {
        "media/red shoe.jpg": "imported",
        "none.jpg": "origin_not_found",
        "inward.jpg": "origin_refused",
        "etc/passwd": "origin_refused",
        "picture": "origin_refused",
        "x.jpg": "origin_refused",
    }
    assert answer.status == 1
    assert keys() == ["media/red-shoe"]
    assert "hush" not in answer.told + json.dumps(answer)
    assert Master.objects.get().original_name == "red_shoe"
    site.asked.clear()
    importing("--urls", addresses, "--resume")
    assert site.paths == ["/none.jpg", "/inward.jpg"]


def test_a_private_host_that_is_not_named_is_not_imported_from(importing: Any, site: Site, tmp_path: Path) -> None:
    configure(origins_private_networks=())
    site.shows("/a.jpg", photo())
    (tmp_path / "list.txt").write_text(f"{site.url}/a.jpg")
    assert results(importing("--urls", tmp_path / "list.txt")) == {"a.jpg": "origin_refused"}
    assert site.asked == []


# What nobody can mean


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "source"),
        (("{0}", "--urls", "x"), "source"),
        (("{0}/none",), "folder"),
        (("--urls", "{0}/none"), "text file"),
        (("--urls", "{0}/a.jpg"), "text file"),
        (("{0}", "--key-prefix", "a.b/"), "key-prefix"),
        (("{0}", "--key-prefix", "/"), "key-prefix"),
        (("{0}", "--tag", "Not a tag"), "tag"),
        (("{0}", "--workers", "0"), "workers"),
        (("{0}", "--workers", "33"), "workers"),
        (("{0}", "--report", "{0}/report.txt"), "report"),
        (("{0}", "--report", "{0}/none/report.csv"), "report"),
        (("{0}", "--in-place"), "IMGOPT_ORIGINS"),
        (("s3://pictures", "--in-place"), "IMGOPT_ORIGINS"),
        (("--urls", "{0}/a.jpg", "--in-place"), "in-place"),
    ],
)
def test_tells_what_it_cannot_do(pictures: Path, arguments: tuple[str, ...], sentence: str) -> None:
    configure(origins=(("scans", f"file://{pictures}/sub"), ("old", "s3://others/pictures")))
    with pytest.raises(CommandError, match=sentence):
        call_command("import_masters", *(argument.format(pictures) for argument in arguments), skip_checks=True)
    assert is_nothing_left()
