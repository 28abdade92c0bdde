"""Presets: specs with a name, resolved before the parser, in use everywhere within five seconds of a change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import Error
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from assets.models import Master
from delivery import models, presets
from delivery.checks import check_presets
from delivery.hits import HITS
from delivery.presets import Preset, PresetTable, check_params
from delivery.publish import signed_path
from pipeline.errors import BadParameter
from tests.delivery.world import Answer, Renderer, configure, forced, master, saved, signed

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db
IMMUTABLE = "public, max-age=31536000, immutable"
A_MINUTE = "public, max-age=60, must-revalidate"


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="shoe"))


def preset(name: str = "hero", params: str = "w=800&q=70&fm=webp") -> models.Preset:
    made = models.Preset.objects.create(name=name, params=params)
    presets.refresh()
    return made


def change(row: models.Preset, params: str) -> None:
    """This will change a preset as another process would: nobody here hears of it before the next look."""
    models.Preset.objects.filter(pk=row.pk).update(params=params)


def test_a_preset_and_its_params_in_full_are_one_variant(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    preset()
    answers = [ask(signed("/i/shoe", *pairs)) for pairs in (["preset=hero"], ["fm=webp", "q=70", "w=800"])]
    assert [answer.headers["x-cache"] for answer in answers] == ["render", "memory"]
    assert len(renderer.calls) == 1


@pytest.mark.parametrize("pair", ["w=200", "width=200"])
def test_the_urls_own_pairs_outweigh_those_of_the_preset_by_any_name(ask: Ask, shoe: Master, pair: str) -> None:
    preset(params="width=800&quality=70&fm=webp")
    outweighed = ask(signed("/i/shoe", "preset=hero", pair))
    assert outweighed.body == ask(signed("/i/shoe", "w=200", "q=70", "fm=webp")).body
    assert outweighed.body != ask(signed("/i/shoe", "preset=hero")).body


def test_settings_outweigh_the_admin(ask: Ask, shoe: Master) -> None:
    preset(params="w=640&fm=png")
    configure(delivery_presets=(("hero", "w=320&fm=webp"), ("thumb", "w=96")))
    table = presets.refresh()
    assert [(one.name, one.source) for one in table] == [("hero", "settings"), ("thumb", "settings")]
    assert ask(signed("/i/shoe", "preset=hero")).headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hreo", "received 'hreo'; did you mean 'hero'?"),
        ("Hero", "received 'Hero'; did you mean 'hero'?"),
        ("x", "received 'x'."),
        ("", "received nothing."),
        ("%00", "received '�'."),
        ("_thumb", "received '_thumb'."),
        ("h" * 3000, "(3000 characters)."),
    ],
)
def test_an_unknown_preset_is_a_400_that_knows_a_near_one(ask: Ask, shoe: Master, name: str, sentence: str) -> None:
    preset()
    answer = ask(forced("/i/shoe", f"preset={name}"))
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_parameter")
    assert json.loads(answer.body)["message"].endswith(sentence)
    with pytest.raises(BadParameter):
        signed_path(shoe, {"preset": name})


def test_a_change_is_heard_with_the_next_look_and_ends_its_hits_only(ask: Ask, shoe: Master) -> None:
    row, other = preset(), preset("thumb", "w=96&fm=webp")
    urls = [signed("/i/shoe", pair) for pair in (f"preset={row.name}", f"preset={other.name}", "w=800")]
    before = [ask(url).body for url in urls]
    assert [ask(url).headers["x-cache"] for url in urls] == ["memory"] * 3
    change(row, "w=400&fm=webp")
    assert ask(urls[0]).body == before[0], "nobody has looked yet"
    assert len(HITS._hits) == 3
    presets.refresh()
    assert len(HITS._hits) == 2
    assert ask(urls[0]).body == ask(signed("/i/shoe", "w=400", "fm=webp")).body != before[0]
    assert ask(urls[1]).body == before[1]


def test_a_preset_that_another_process_just_made_is_looked_for(
    ask: Ask, shoe: Master, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset("thumb", "w=96")
    models.Preset.objects.bulk_create([models.Preset(name="hero", params="w=400&fm=webp")])
    monkeypatch.setattr(presets, "_looked_at", 0.0)
    assert ask(signed("/i/shoe", "preset=hero")).status == 200
    with django_assert_num_queries(0):
        assert ask(forced("/i/shoe", "preset=nobody")).status == 400


def test_a_url_of_a_change_that_another_process_made_has_it_look_again(
    ask: Ask, shoe: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = preset()
    ask(signed("/i/shoe", "preset=hero"))
    changed = Preset(name="hero", params="w=400&fm=webp", source="admin")
    change(row, changed.params)
    monkeypatch.setattr(presets, "_looked_at", 0.0)
    answer = ask(signed("/i/shoe", "preset=hero", f"pv={changed.version}", f"v={shoe.revision}"))
    assert answer.body == ask(signed("/i/shoe", "w=400", "fm=webp")).body
    assert answer.caching == IMMUTABLE


def test_a_removed_preset_ends_its_hits_and_is_unknown(ask: Ask, shoe: Master) -> None:
    row = preset()
    url = signed("/i/shoe", "preset=hero")
    etag = ask(url).headers["etag"]
    models.Preset.objects.filter(pk=row.pk).delete()
    presets.refresh()
    assert ask(url).status == 400
    assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 400


def test_a_change_in_this_process_counts_as_soon_as_it_is_committed(
    ask: Ask, shoe: Master, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = preset()
    url = signed("/i/shoe", "preset=hero")
    ask(url)
    with django_capture_on_commit_callbacks(execute=True):
        row.params = "w=96&fm=gif"
        row.save()
    assert ask(url).headers["content-type"] == "image/gif"
    with django_capture_on_commit_callbacks(execute=True):
        row.delete()
    assert ask(url).status == 400


def test_a_request_begun_before_a_change_does_not_bring_the_old_answer_back(
    ask: Ask, shoe: Master, renderer: Renderer
) -> None:
    row = preset()

    def changed_meanwhile() -> None:
        change(row, "w=96&fm=gif")
        presets.refresh()

    renderer.before = changed_meanwhile
    url = signed("/i/shoe", "preset=hero")
    assert ask(url).headers["content-type"] == "image/webp"
    renderer.before = lambda: None
    assert not HITS._hits
    assert ask(url).headers["content-type"] == "image/gif"


def test_a_look_is_one_query_and_nothing_new_ends_no_hit(
    ask: Ask, shoe: Master, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    preset()
    table = presets.current()
    ask(signed("/i/shoe", "preset=hero"))
    with django_assert_num_queries(1):
        assert presets.refresh() is table, "what was signed before need not be read again"
    assert len(HITS._hits) == 1


def test_hits_and_urls_without_a_preset_ask_nobody(
    ask: Ask, shoe: Master, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    preset()
    url = signed_path(shoe, {"preset": "hero"})
    ask(url)
    with django_assert_num_queries(0):
        assert ask(url).headers["x-cache"] == "memory"
        assert signed_path(shoe, {"preset": "hero"}) == url


def test_only_a_signed_version_of_the_preset_makes_it_immutable(ask: Ask, shoe: Master) -> None:
    row = preset()
    made = signed_path(shoe, {"preset": "hero"})
    assert f"&pv={presets.current().get('hero').version}&" in made
    for url, caching in (
        (made, IMMUTABLE),
        (signed("/i/shoe", "preset=hero", "v=1"), A_MINUTE),
        (signed("/i/shoe", "preset=hero", "pv=00000000", "v=1"), A_MINUTE),
        (signed("/i/shoe", "pv=00000000", "v=1", "w=800"), A_MINUTE),
        (signed("/i/shoe", "v=1", "w=800"), IMMUTABLE),
    ):
        assert [ask(url).caching for _ in range(2)] == [caching] * 2, url
    change(row, "w=400&fm=webp")
    presets.refresh()
    assert ask(made).caching == A_MINUTE, "an old page's URL gives the new picture, for a minute"
    assert ask(signed_path(shoe, {"preset": "hero"})).caching == IMMUTABLE


@pytest.mark.parametrize("text", ["", "x", "0000000", "000000000", "ABCDEF01", "%30000000", "0000000g"])
def test_a_nonsensical_version_is_refused(ask: Ask, shoe: Master, text: str) -> None:
    answer = ask(forced("/i/shoe", f"pv={text}", "w=320"))
    assert (answer.status, "for pv, received" in json.loads(answer.body)["message"]) == (400, True)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("", "such as w=1600"),
        ("w", "such as w=1600"),
        ("w=800&", "such as w=1600"),
        ("w=1e3", "for w, received '1e3'"),
        ("widht=3", "did you mean 'width'"),
        ("w=1&width=2", "only one of w and width"),
        ("bg=%ff", "UTF-8"),
        ("w=auto", "IMGOPT_DELIVERY_CLIENT_HINTS"),
        *((f"w=800&{name}=1", f"no {name} in a preset") for name in ("s", "v", "expires", "pv", "dl", "preset")),
    ],
)
def test_params_are_checked_by_the_parser(params: str, sentence: str) -> None:
    with pytest.raises(BadParameter, match=sentence.replace("?", r"\?")):
        check_params(params)


def test_params_are_read_as_a_url_is() -> None:
    spec = check_params("ar=16%3A9&w=800&txt=a%26b+c")
    assert (spec.aspect_ratio, spec.width, spec.text) == ((16, 9), 800, "a&b+c")


def test_a_preset_of_the_settings_that_cannot_be_is_an_error_at_the_start() -> None:
    configure(delivery_presets=(("good", "w=800"), ("bad", "w=1e3")))
    [error] = check_presets()
    assert isinstance(error, Error)
    assert error.id == "delivery.E002"
    assert "'bad'" in error.msg
    assert "for w, received '1e3'" in error.msg


def test_a_preset_that_cannot_be_any_more_breaks_its_own_urls_only(ask: Ask, shoe: Master) -> None:
    """It was written before an upgrade, or while client hints were on."""
    preset("old", "was=once&known=1")
    assert ask(signed("/i/shoe", "preset=old")).status == 400
    assert ask(signed("/i/shoe", "w=320")).status == 200


def test_two_tables_tell_what_changed() -> None:
    one = PresetTable([Preset(name=name, params="w=1", source="admin") for name in "abc"])
    two = PresetTable([Preset(name=name, params=f"w={width}", source="admin") for name, width in (("b", 1), ("c", 2))])
    assert two.changed_since(one) == {"a", "c"}


STRICT: dict[str, tuple[list[str], str]] = {
    "a preset": (["preset=hero"], ""),
    "a preset in another width": (["preset=hero", "w=320"], ""),
    "an alias": (["format=webp", "width=320"], ""),
    "a rung with all that is delivery's own": (
        ["dl=a.jpg", "dpr=2", "expires=9999999999", "fm=webp", "v=1", "w=320"],
        "",
    ),
    "a ratio of dpr=auto": (["dpr=1.5", "preset=hero"], ""),
    "the same, written longer": (["dpr=1.50", "w=320"], ""),
    "a ratio between those": (
        ["dpr=1.7", "w=320"],
        "Expected one of 1, 1.5, 2, 3 for dpr in strict mode, received '1.7'.",
    ),
    "a ratio above those": (["dpr=4", "preset=hero"], "received '4'"),
    "a ratio of nonsense": (["dpr=x", "preset=hero"], "for dpr, received 'x'"),
    "nothing": ([], ""),
    "a width between rungs": (["w=321"], "such as 400 for w in strict mode, received '321'"),
    "a quality": (["q=70", "w=320"], "Expected only preset, w, dpr, fm in strict mode, received 'q'."),
    "a quality besides a preset": (["preset=hero", "q=70"], "received 'q'"),
    "a height": (["h=320"], "received 'h'"),
    "an exact size": (["snap=0", "w=320"], "received 'snap'"),
    "nonsense": (["w=1e3"], "for w, received '1e3'"),
    "a long width": ([f"w={'1' * 60}"], "for w, received"),
    "an unknown parameter": (["x=1"], "known parameter"),
}


@pytest.mark.parametrize(("pairs", "sentence"), STRICT.values(), ids=list(STRICT))
def test_strict_mode_takes_presets_and_rungs_only(ask: Ask, shoe: Master, pairs: list[str], sentence: str) -> None:
    preset(params="w=321&h=100&snap=0&blur=3&fit=crop")
    configure(delivery_strict=True)
    answer = ask(signed("/i/shoe", *pairs))
    assert answer.status == (400 if sentence else 200)
    if sentence:
        assert sentence in json.loads(answer.body)["message"]
    params = dict(pair.split("=") for pair in pairs if not pair.startswith(("v=", "expires=")))
    if sentence:
        with pytest.raises(BadParameter):
            signed_path(shoe, params)
    else:
        assert ask(signed_path(shoe, params)).status == 200


def test_the_admin_shows_its_thumbnails_in_strict_mode_too(ask: Ask, shoe: Master) -> None:
    configure(delivery_strict=True)
    for name in ("_thumbnail", "_preview"):
        assert ask(signed_path(shoe, {"preset": name})).caching == IMMUTABLE
    assert list(presets.current()) == []


def test_the_names_in_use_are_listed(client: Any, shoe: Master) -> None:
    from apikeys import service as apikeys

    preset("hero", "w=800&mark=shoe")
    preset("lost", "w=800&mark=nobody")
    configure(delivery_presets=(("thumb", "w=96"),))
    presets.refresh()
    headers = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['read']).token}"}
    rows = {row["name"]: row for row in client.get("/api/v1/presets", headers=headers).json()}
    assert {name: (row["params"], row["source"]) for name, row in rows.items()} == {
        "hero": ("w=800&mark=shoe", "admin"),
        "lost": ("w=800&mark=nobody", "admin"),
        "thumb": ("w=96", "settings"),
    }
    assert rows["lost"]["version"] is None
    for name in ("hero", "thumb"):
        assert f"&pv={rows[name]['version']}&" in signed_path(shoe, {"preset": name})
    assert client.get("/api/v1/presets").status_code == 401
    wrong = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['sign']).token}"}
    assert client.get("/api/v1/presets", headers=wrong).status_code == 403
