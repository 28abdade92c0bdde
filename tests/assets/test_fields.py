"""`MasterField`: pictures on a site's own models, in forms, in the admin and on pages."""

from __future__ import annotations

import gc
import io
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile, TemporaryUploadedFile
from django.core.signals import request_finished
from django.db import connection, models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState
from django.db.migrations.writer import MigrationWriter
from django.template import Context, Engine
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.datastructures import MultiValueDict
from pytest_django import Settings

from assets import fields
from assets.fields import MasterField, MasterInUse
from assets.masters import create_masters, delete_master, inspect_upload
from assets.models import Blob, Master
from assets.uploads import upload_from_bytes
from delivery import keyring, markup
from tests.assets.caller import Caller, files_under, is_nothing_left, photo, stored_files
from tests.shop.models import Product

pytestmark = pytest.mark.django_db

ADD = "/admin/shop/product/add/"
ENGINE = Engine(libraries={"imgopt": "delivery.templatetags.imgopt"})


class ProductForm(forms.ModelForm[Product] if TYPE_CHECKING else forms.ModelForm):  # type: ignore[misc]
    class Meta:
        model = Product
        fields = ("name", "photo", "back")


@pytest.fixture(autouse=True)
def _signing_key(db: None) -> None:
    keyring.rotate()


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def stored() -> Master:
    [master] = create_masters([inspect_upload(upload_from_bytes(photo("png", 3), "hat.png"))], keys=["hats/red"])
    return master


def upload(kind: str = "jpeg", name: str = "red shoe.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, photo(kind))


def form(data: dict[str, Any], files: dict[str, Any] | None = None, **options: Any) -> ProductForm:
    return ProductForm(
        {"name": "Shoe", **data}, MultiValueDict({name: [file] for name, file in (files or {}).items()}), **options
    )


def test_an_upload_is_stored_when_the_form_is_saved() -> None:
    asked = form({}, {"photo-file": upload()})
    assert asked.is_valid(), asked.errors
    assert (Master.objects.count(), stored_files()) == (0, []), "checking stores nothing"
    product = asked.save()
    assert Product.objects.get().photo == product.photo == Master.objects.get()
    assert (product.photo.original_name, product.photo.blob.width) == ("red_shoe", 48)
    assert [path.read_bytes() for path in stored_files()] == [photo()]
    product.save()
    assert Master.objects.count() == 1, "saving again stores nothing again"


def test_nothing_is_stored_when_another_field_is_wrong(temporary: Path) -> None:
    asked = form({"name": ""}, {"photo-file": upload(), "back-file": upload("png")})
    assert not asked.is_valid()
    assert list(asked.errors) == ["name"]
    del asked
    gc.collect()
    assert is_nothing_left()


def test_a_form_that_is_not_saved_leaves_nothing() -> None:
    assert form({}, {"photo-file": upload()}).is_valid()
    gc.collect()
    assert is_nothing_left()


@pytest.mark.parametrize("way", ["id", "key"])
def test_takes_a_stored_picture(stored: Master, way: str) -> None:
    asked = form({"photo": str(stored.id) if way == "id" else "hats/red"})
    assert asked.is_valid(), asked.errors
    assert asked.save().photo == stored
    assert Master.objects.count() == 1


def test_an_upload_outweighs_the_picture_that_was_there(stored: Master) -> None:
    product = Product.objects.create(name="Shoe", photo=stored)
    asked = form({"photo": str(stored.id)}, {"photo-file": upload()}, instance=product)
    assert asked.changed_data == ["photo"]
    asked.save()
    assert Product.objects.get().photo.original_name == "red_shoe"
    assert Master.objects.count() == 2, "the former one stays: another row may show it"


def test_an_unchanged_form_has_not_changed(stored: Master) -> None:
    product = Product.objects.create(name="Shoe", photo=stored, back=stored)
    asked = form({"photo": str(stored.id), "back": str(stored.id)}, instance=product)
    assert not asked.has_changed()


def test_an_optional_picture_is_taken_away(stored: Master) -> None:
    product = Product.objects.create(name="Shoe", photo=stored, back=stored)
    asked = form({"photo": str(stored.id), "back": str(stored.id), "back-clear": "on"}, instance=product)
    assert asked.is_valid(), asked.errors
    assert asked.save().back is None
    assert Product.objects.get().back is None


WRONG: dict[str, tuple[dict[str, str], bytes | None, str]] = {
    "nothing": ({}, None, "This field is required."),
    "cleared though required": ({"photo-clear": "on"}, None, "This field is required."),
    "unknown": ({"photo": "hats/blue"}, None, "id or key of a stored picture, received 'hats/blue'"),
    "NUL": ({"photo": "a\0b"}, None, "id or key of a stored picture"),
    "no picture": ({}, b"hello", "received b'hello'"),
    "broken": ({}, photo()[:500], "JPEG"),
    "PDF": ({}, b"%PDF-1.7\n", "PDF pictures are not accepted"),
    "both": ({"photo-clear": "on"}, photo(), "either a new picture or none"),
}


@pytest.mark.parametrize(("data", "body", "words"), WRONG.values(), ids=list(WRONG))
def test_says_what_is_wrong_in_one_sentence(data: dict[str, str], body: bytes | None, words: str) -> None:
    asked = form(data, {} if body is None else {"photo-file": SimpleUploadedFile("a.jpg", body)})
    assert not asked.is_valid()
    [sentence] = asked.errors["photo"]
    assert words in sentence
    gc.collect()
    assert is_nothing_left()


def test_every_kind_of_upload_is_taken(temporary: Path) -> None:
    body = photo()
    foreign = TemporaryUploadedFile("big.jpg", "image/jpeg", len(body), None)
    foreign.write(body)
    foreign.seek(0)
    memory = InMemoryUploadedFile(io.BytesIO(body), None, "m.jpg", "image/jpeg", len(body), None)
    own = upload_from_bytes(body, "own.jpg")
    for number, file in enumerate((foreign, memory, own), start=1):
        asked = form({}, {"photo-file": file})
        assert asked.is_valid(), asked.errors
        assert asked.save().photo.blob.byte_size == len(body)
        assert (Master.objects.count(), Blob.objects.count()) == (number, 1)
    foreign.close()
    own.close()


def test_an_upload_past_the_limit_is_refused_whatever_handler_took_it(settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=1000)
    asked = form({}, {"photo-file": upload()})
    assert "Expected at most 1,000 bytes" in asked.errors["photo"][0]


def test_what_a_transaction_takes_back_leaves_no_file() -> None:
    class Failed(Exception):
        pass

    def save_and_fail() -> None:
        with transaction.atomic():
            form({}, {"photo-file": upload()}).save()
            raise Failed

    with pytest.raises(Failed):
        save_and_fail()
    request_finished.send(sender=None)
    assert is_nothing_left()


def test_the_end_of_a_request_leaves_what_was_stored() -> None:
    product = form({}, {"photo-file": upload()}).save()
    request_finished.send(sender=None)
    assert len(stored_files()) == 1
    assert Product.objects.get().photo == product.photo


def test_the_widget_shows_the_picture_and_escapes_its_name(stored: Master) -> None:
    Master.objects.update(original_name='"><script>alert(1)</script>')
    html = ProductForm(instance=Product(name="Shoe", photo=stored))["photo"].as_widget()
    [thumbnail] = re.findall(r'<img src="([^"]+)"', html)
    assert Client().get(unescape(thumbnail), headers={"Accept": "image/webp"}).status_code == 200
    assert '<option value="hats/red">' in html
    assert "<script>" not in html
    assert f'value="{stored.id}"' in html
    assert "photo-clear" not in html, "a required picture cannot be taken away"
    assert "back-clear" in ProductForm()["back"].as_widget()
    assert ProductForm().is_multipart()


def test_the_form_of_a_wrong_picture_is_shown_again() -> None:
    asked = form({"photo": "hats/blue"})
    assert 'value="hats/blue"' in asked.as_p()


def test_works_in_the_admin(admin: Client, stored: Master) -> None:
    page = admin.get(ADD).content.decode()
    assert 'name="photo-file"' in page
    assert 'enctype="multipart/form-data"' in page
    answer = admin.post(ADD, {"name": "Shoe", "photo": "", "photo-file": upload(), "back": "hats/red"})
    assert answer.status_code == 302, answer.content.decode()
    product = Product.objects.get()
    assert (product.photo.original_name, product.back) == ("red_shoe", stored)
    page = admin.get(f"/admin/shop/product/{product.pk}/change/").content.decode()
    assert page.count('<img src="/i/') == 2


def test_the_admin_keeps_nothing_of_a_form_that_was_wrong(admin: Client) -> None:
    answer = admin.post(ADD, {"name": "", "photo-file": upload()})
    assert answer.status_code == 200
    assert is_nothing_left()


def test_a_master_that_is_needed_is_not_deleted(stored: Master, admin: Client) -> None:
    product = Product.objects.create(name="Shoe", photo=stored)
    with pytest.raises(MasterInUse, match="the picture of Shoe"):
        delete_master(stored)
    path = f"/admin/assets/master/{stored.id}/delete/"
    caller = Caller.with_scopes("manage")
    answer = caller.delete(str(stored.id))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    for page in (admin.get(path), admin.post(path, {"post": "yes"}, follow=True)):
        assert page.status_code in (200, 403)
        assert Master.objects.count() == 1
    assert "protected" in admin.get(path).content.decode()
    assert Master.objects.count() == 1
    product.delete()
    delete_master(stored)
    assert not Master.objects.exists()


def test_an_optional_picture_is_emptied_when_its_master_is_deleted(stored: Master) -> None:
    [other] = create_masters([inspect_upload(upload_from_bytes(photo(), "a.jpg"))])
    Product.objects.create(name="Shoe", photo=other, back=stored)
    delete_master(stored)
    assert Product.objects.get().back is None


def test_the_migration_says_only_what_differs() -> None:
    field = MasterField(null=True, blank=True)
    field.set_attributes_from_name("photo")
    assert field.deconstruct() == ("photo", "assets.fields.MasterField", [], {"null": True, "blank": True})
    assert MasterField().deconstruct()[3] == {}
    named = MasterField(related_name="products", on_delete=models.CASCADE)
    assert named.deconstruct()[3] == {"related_name": "products", "on_delete": models.CASCADE}
    assert fields.refuse is MasterField().remote_field.on_delete


def test_a_migration_makes_the_column_and_no_second_one_follows() -> None:
    before = MigrationLoader(connection).project_state()
    before.real_apps = set()  # this app has no migrations, and is taken for one that needs none
    after = before.clone()
    after.add_model(ModelState.from_model(Product))
    changes = MigrationAutodetector(before, after, MigrationQuestioner({"ask_initial": True})).changes(
        graph=MigrationLoader(connection).graph
    )
    [migration] = changes["shop"]
    text = MigrationWriter(migration).as_string()
    assert "assets.fields.MasterField()" in text
    assert any(app == "assets" for app, _ in migration.dependencies)
    written: dict[str, Any] = {}
    exec(text, written)
    replayed = before.clone()
    for operation in written["Migration"].operations:
        operation.state_forwards("shop", replayed)
    made, wanted = (state.fields for state in (replayed.models["shop", "product"], ModelState.from_model(Product)))
    assert {name: field.deconstruct()[1:] for name, field in made.items()} == {
        name: field.deconstruct()[1:] for name, field in wanted.items()
    }


@pytest.mark.parametrize("way", ["select_related", "prefetch_related"])
def test_a_page_of_pictures_costs_at_most_two_queries(stored: Master, way: str) -> None:
    for number in range(20):
        blob = Blob.objects.create(digest=f"{number:064x}", byte_size=1, format="jpeg", width=1200, height=800)
        Product.objects.create(name=str(number), photo=Master.objects.create(blob=blob, original_name=str(number)))
    products = {
        "select_related": Product.objects.select_related("photo__blob"),
        "prefetch_related": Product.objects.prefetch_related("photo"),
    }[way]
    page = ENGINE.from_string("{% load imgopt %}{% for p in products %}{% picture p.photo alt=p.name %}{% endfor %}")
    markup.service()  # a process reads its keys and presets once
    with CaptureQueriesContext(connection) as queries:
        html = page.render(Context({"products": products}))
    assert html.count("<picture>") == 20
    assert len(queries) <= 2, [query["sql"] for query in queries]


def test_a_single_product_costs_one_query_for_its_picture(stored: Master) -> None:
    Product.objects.create(name="Shoe", photo=stored)
    product = Product.objects.get()
    with CaptureQueriesContext(connection) as queries:
        assert product.photo.blob.width == 48
    assert len(queries) == 1


def test_no_temporary_file_stays(temporary: Path) -> None:
    form({}, {"photo-file": upload()}).save()
    assert files_under(temporary) == []


def test_an_upload_beyond_the_limit_changes_no_other_field(db: None, settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=20_000)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root2"))
    with upload_from_bytes(photo(), "a.jpg") as upload:
        [back] = create_masters([inspect_upload(upload)])
    product = Product.objects.create(name="x", photo=back, back=back)
    big = SimpleUploadedFile("big.jpg", b"\xff\xd8" + b"x" * 200_000)
    document = {"name": "x", "photo": str(back.pk), "photo-file": big, "back": str(back.pk)}
    answer = client.post(f"/admin/shop/product/{product.pk}/change/", document)
    product.refresh_from_db()
    assert (answer.status_code, product.back) == (400, back)
