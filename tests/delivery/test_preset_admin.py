"""The presets' admin page."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from delivery import models, presets
from tests.delivery.world import Renderer, configure, master, saved

pytestmark = pytest.mark.django_db
LIST = "/admin/delivery/preset/"
ADD = "/admin/delivery/preset/add/"


@pytest.fixture
def admin(renderer: Renderer) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_makes_a_preset(admin: Client, django_capture_on_commit_callbacks: Any) -> None:
    presets.current()
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(ADD, {"name": "hero", "params": " w=1600&ar=16:9&fit=crop ", "description": "Top"})
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert presets.current().get("hero").params == "w=1600&ar=16:9&fit=crop"


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("hero", "w=1e3", "Expected a whole number from 1 to 8192 for w, received &#x27;1e3&#x27;."),
        ("hero", "widht=3", "did you mean &#x27;width&#x27;?"),
        ("hero", "dl=a.jpg", "Expected no dl in a preset"),
        ("hero", "mark=nobody", "Expected the id or key of a master for mark"),
        ("hero", "", "This field is required."),
        ("Hero", "w=800", "Expected a name of a-z"),
        ("_hero", "w=800", "Expected a name of a-z"),
        ("a b", "w=800", "Expected a name of a-z"),
    ],
)
def test_tells_the_parsers_sentence_at_the_field(admin: Client, name: str, params: str, sentence: str) -> None:
    assert sentence in text_of(admin.post(ADD, {"name": name, "params": params}))
    assert not models.Preset.objects.exists()


def test_a_name_is_taken_once_and_never_changed(admin: Client) -> None:
    row = models.Preset.objects.create(name="hero", params="w=800")
    assert "already exists" in text_of(admin.post(ADD, {"name": "hero", "params": "w=1"}))
    admin.post(f"{LIST}{row.pk}/change/", {"name": "other", "params": "w=400"})
    row.refresh_from_db()
    assert (row.name, row.params) == ("hero", "w=400")


def test_shows_a_preset_on_the_newest_master(admin: Client) -> None:
    row = models.Preset.objects.create(name="hero", params="w=800")
    page = f"{LIST}{row.pk}/change/"
    assert "Upload a master to see it." in text_of(admin.get(page))
    saved(master("old", key="old"))
    saved(master("new", key="new"))
    assert '<img src="/i/new?preset=hero&amp;pv=' in text_of(admin.get(page))
    row.params = "mark=nobody"
    row.save()
    presets.refresh()
    assert "Expected the id or key of a master for mark" in text_of(admin.get(page))


def test_lists_params_and_shows_those_of_the_settings_read_only(admin: Client) -> None:
    models.Preset.objects.create(name="hero", params="w=801")
    models.Preset.objects.create(name="thumb", params="w=102")
    assert "IMGOPT_DELIVERY_PRESETS" not in text_of(admin.get(LIST))
    configure(delivery_presets=(("hero", "w=1600&fit=crop"),))
    presets.refresh()
    page = text_of(admin.get(LIST))
    for text in ("w=801", "w=102", "IMGOPT_DELIVERY_PRESETS", "w=1600&amp;fit=crop", "the settings say another one"):
        assert text in page
    hero = models.Preset.objects.get(name="hero")
    assert "The settings say another preset" in text_of(admin.get(f"{LIST}{hero.pk}/change/"))


def test_deleting_ends_it(admin: Client, django_capture_on_commit_callbacks: Any) -> None:
    row = models.Preset.objects.create(name="hero", params="w=800")
    assert presets.refresh().find("hero")
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    assert presets.current().find("hero") is None
