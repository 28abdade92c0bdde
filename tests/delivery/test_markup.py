"""The template tags and the REST API of markup: the client package's markup with what the service knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.template import Context, Engine, TemplateSyntaxError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from apikeys import service as apikeys
from assets import masters
from assets.models import Blob, Master
from delivery import keyring, markup, presets, recent
from delivery.asked import parse_asked
from delivery.models import Preset, Variant
from delivery.records import RECORDS
from delivery.signing import verify
from imgopt_client import Service, picture, srcset, variant_url
from imgopt_client.geometry import Bounds
from pipeline.errors import BadParameter
from pipeline.receipt import Receipt
from tests.client.validity import candidates_of, check, elements
from tests.client.vectors import PLACEHOLDER
from tests.delivery.world import KEY, Answer, Renderer, Untouchable, master, saved

PUBLIC = "http://127.0.0.1:8000"
ENGINE = Engine(libraries={"imgopt": "delivery.templatetags.imgopt"})
SHOE = master(key="products/shoe", width=4032, height=3024, placeholder=PLACEHOLDER, dominant_colour="#8a4b3c")


@pytest.fixture(autouse=True)
def _production(settings: Settings) -> None:
    settings.DEBUG = False
    presets._current = presets.PresetTable([presets.Preset(name="card", params="w=300&h=200&fit=crop", source="admin")])


@pytest.fixture(autouse=True)
def _presets_are_forgotten() -> Any:
    yield
    presets.forget()


def rendered(template: str, **context: Any) -> str:
    return str(ENGINE.from_string("{% load imgopt %}" + template).render(Context({"master": SHOE, **context})))


def client_of(url: str = PUBLIC) -> Service:
    return Service(url=url, key=KEY, presets={"card": "w=300&h=200&fit=crop"})


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("", {}),
    "fluid": ('sizes="(hover) 9vw, 50vw" widths="320,640"', {"sizes": "(hover) 9vw, 50vw", "widths": "320,640"}),
    "hero": ("hero=True class='big' lqip=False", {"hero": True, "class_": "big", "lqip": False}),
    "words": ("loading='eager' decoding='sync'", {"loading": "eager", "decoding": "sync"}),
    "priority": ("fetchpriority='low'", {"fetchpriority": "low"}),
    "fixed": ("w=300 h=200 fit='crop' fp_x=0.25", {"params": {"w": 300, "h": 200, "fit": "crop", "fp-x": 0.25}}),
    "art": ("ar='2:1' art='(hover): ar=1:1'", {"params": {"ar": "2:1"}, "art": "(hover): ar=1:1"}),
    "formats": ("formats='webp'", {"formats": "webp"}),
    "preset": ("preset='card'", {"preset": "card"}),
}  # fmt: skip


@pytest.mark.parametrize(("said", "arguments"), CASES.values(), ids=list(CASES))
def test_the_tag_gives_what_the_client_gives(said: str, arguments: dict[str, Any]) -> None:
    html = rendered(f'{{% picture master alt="A shoe" {said} %}}')
    assert html == picture(client_of(), markup.image_of(SHOE), alt="A shoe", **arguments).html
    check(html)


def test_the_smaller_tags_too() -> None:
    image = markup.image_of(SHOE)
    assert rendered(
        '{% srcset master widths="320,640" fm="avif" ar="1:1" fit="crop" as found %}{{ found|safe }}'
    ) == srcset(client_of(), image, widths=[320, 640], fm="avif", params={"ar": "1:1", "fit": "crop"})
    assert rendered('{% variant_url master w=800 fit="crop" file_name="a.webp" as url %}{{ url|safe }}') == variant_url(
        client_of(), image, {"w": 800, "fit": "crop"}, file_name="a.webp"
    )
    assert "&amp;" in rendered("{% variant_url master w=800 %}"), "it stands in an attribute"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "params",
    [
        {"mark": "brand/logo"},
        {"mark": "brand/logo", "mark-alpha": "0"},
        {"preset": "card", "mark": "brand/logo"},
        {"preset": "branded"},
        {"preset": "branded", "mark-alpha": "0"},
        {"preset": "branded", "mark": "products/shoe"},
    ],
)
def test_a_client_that_knows_presets_and_marks_signs_the_same_letter_by_letter(params: dict[str, Any]) -> None:
    shoe, logo = saved(master(key="products/shoe")), saved(master("logo", key="brand/logo"))
    table = {"card": "w=300&h=200&fit=crop", "branded": "ar=1:1&fit=crop&mark=brand%2Flogo"}
    presets._current = presets.PresetTable(
        [presets.Preset(name=name, params=text, source="admin") for name, text in table.items()]
    )
    digests = {each.reference: each.blob.digest for each in (shoe, logo)}
    client, image = Service(url=PUBLIC, key=KEY, presets=table, marks=digests), markup.image_of(shoe)
    assert variant_url(client, image, params) == markup.variant_url(shoe, **params)
    assert picture(client, image, alt="", params=params).html == markup.picture(shoe, alt="", **params)
    assert "pv=" in variant_url(client, image, params) or params.get("mark-alpha") == "0"
    ignorant = variant_url(replace(client, marks={}), image, params)
    assert ("pv=" in ignorant) == (params.get("mark-alpha") == "0" and "preset" in params), (
        "rather none than a wrong one"
    )


def test_urls_are_absolute_unless_said_otherwise(settings: Settings) -> None:
    settings.IMGOPT_PUBLIC_URL = "https://img.example.org"
    assert 'src="https://img.example.org/i/products/shoe?' in rendered('{% picture master alt="" %}')
    assert 'src="/i/products/shoe?' in rendered('{% picture master alt="" absolute=False %}')
    assert rendered("{% variant_url master %}").startswith("https://img.example.org/i/")
    assert rendered("{% variant_url master absolute=False %}").startswith("/i/")


def test_every_url_in_it_is_delivered(ask: Callable[..., Answer], renderer: Renderer, db: None) -> None:
    shoe = saved(master(key="products/shoe", width=4032, height=3024))
    html = rendered('{% picture master alt="" preset="card" absolute=False %}', master=shoe)
    html += rendered(
        '{% picture master alt="" sizes="50vw" ar="1:1" fit="crop" expires_in="60" absolute=False %}', master=shoe
    )
    targets = [
        url for each in [*elements(html, "source"), *elements(html, "img")] for url, _ in candidates_of(each["srcset"])
    ]
    assert len(targets) == 3 * 3 + 3 * 7
    answers = [ask(target) for target in targets]
    assert {answer.status for answer in answers} == {200}
    assert "immutable" in str(answers[0].caching)


def test_touches_neither_the_database_nor_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.children.render_pool", Untouchable("the render pool"))
    markup.service()
    rendered('{% picture master alt="" ar="16:9" fit="crop" %}{% srcset master %}{% variant_url master w=80 %}')


@pytest.mark.django_db
def test_a_master_may_be_named() -> None:
    shoe = saved(master(key="products/shoe"))
    far = Master(blob=shoe.blob, original_name="a", origin="shop", origin_path="a.jpg", recheck_at="2000-01-01T00:00Z")
    far.save()
    for name in ("products/shoe", str(shoe.id), shoe.id, shoe):
        assert 'src="http' in rendered('{% picture master alt="" %}', master=name)
    recent.RECENT.forget()
    assert "/i/@shop/a.jpg?" in rendered('{% picture master alt="" %}', master="@shop/a.jpg"), (
        "and its origin is not asked"
    )


MISSING = [None, "", "nobody", "00000000-0000-7000-8000-000000000000", "@shop/nobody.jpg", "a b", "\0"]


@pytest.mark.django_db
@pytest.mark.parametrize("value", MISSING)
def test_a_missing_master_does_not_break_a_page(value: Any, settings: Settings) -> None:
    html = rendered('{% picture master alt="A <shoe>" class="card" %}', master=value)
    assert html == '<span class="imgopt-missing card" role="img" aria-label="A &lt;shoe&gt;"></span>'
    assert rendered('{% picture master alt="" %}', master=value) == '<span class="imgopt-missing"></span>'
    [img] = elements(rendered('{% picture master alt="x" fallback=url %}', master=value, url='/a.png?"&b'), "img")
    assert img == {"src": '/a.png?"&b', "alt": "x", "class": "imgopt-missing"}
    assert rendered("{% srcset master %}{% variant_url master %}", master=value) == ""
    settings.DEBUG = True
    for tag in ('picture master alt="x"', "srcset master", "variant_url master"):
        with pytest.raises(TemplateSyntaxError, match="Expected a master, its id or its key for"):
            rendered(f"{{% {tag} %}}", master=value)
    assert "imgopt-missing" in rendered('{% picture master alt="x" fallback="" %}', master=value), "so it was said"


WRONG: dict[str, tuple[str, str]] = {
    "no alt": ("picture master", 'Expected alt="…" for picture'),
    "unknown": ('picture master alt="" clas="a"', "Expected a parameter of a delivery URL, received 'clas'"),
    "nonsense": ('picture master alt="" blur="much"', "for blur, received 'much'"),
    "sizes": ('picture master alt="" sizes="50%"', "Expected sizes such as"),
    "ladder": ('picture master alt="" widths="-320"', "for widths, received '-320'"),
    "time": ('picture master alt="" expires_in=0', "seconds for the time to expiry, received '0'"),
    "time as words": ('variant_url master expires_in="soon"', "received 'soon'"),
    "another thing": ('picture number alt=""', "Expected a master, its id or its key, received int"),
    "a preset and nonsense": ('picture master alt="" preset="card" blur="much"', "for blur, received 'much'"),
    "a URL's parameter": ("variant_url master wdth=300", "did you mean 'width'"),
    "reserved": ("variant_url master s=1", "Expected no s among the parameters"),
    "file name": ("variant_url master file_name='a'", "Expected a file name"),
}


@pytest.mark.parametrize(("tag", "words"), WRONG.values(), ids=list(WRONG))
def test_an_author_is_told_what_is_wrong(tag: str, words: str) -> None:
    with pytest.raises(TemplateSyntaxError) as refused:
        rendered(f"{{% {tag} %}}", number=5)
    assert words in str(refused.value)


CHANGED: dict[str, tuple[str, str]] = {
    "a preset that is gone": ('preset="nobody"', "for preset, received 'nobody'"),
    "one in art": ('art="(hover): preset=nobody"', "for preset, received 'nobody'"),
    "a preset that has a height now": ('preset="card" sizes="50vw"', "either w and h for a fixed size, or"),
    "a preset that cannot be any more": ('preset="old"', "received 'was'"),
    "a preset that does not go with the rest": ('preset="top" fp_x=0.3', "for fp-x and fp-y, received"),
    "a preset whose watermark is gone": ('preset="branded"', "of a master for mark, received 'lost'"),
    "a watermark that is gone": ('mark="nobody"', "of a master for mark, received 'nobody'"),
    "a picture that is smaller now": ('rect="9000,0,10,10"', "Expected an area of the picture"),
    "a picture of another shape": ('w=8000 ar="1:1" fit="crop" enlarge=1 snap=0', "within the service's limits"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("said", "words"), CHANGED.values(), ids=list(CHANGED))
def test_what_was_changed_since_does_not_break_a_page(
    said: str, words: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    table = {"card": "w=300&h=200&fit=crop", "old": "was=1", "top": "crop=top&ar=1:1&fit=crop", "branded": "mark=lost"}
    presets._current = presets.PresetTable(
        [presets.Preset(name=name, params=params, source="admin") for name, params in table.items()]
    )
    html = rendered(f'{{% picture master alt="A shoe" class="card" {said} %}}')
    assert html == '<span class="imgopt-missing card" role="img" aria-label="A shoe"></span>'
    assert words in str(caplog.records[0].msg)
    [img] = elements(rendered(f'{{% picture master alt="x" fallback="/a.png" {said} %}}'), "img")
    assert img["src"] == "/a.png"
    settings.DEBUG = True
    with pytest.raises(TemplateSyntaxError) as refused:
        rendered(f'{{% picture master alt="x" fallback="/a.png" {said} %}}')
    assert words in str(refused.value)


@pytest.mark.django_db
def test_the_smaller_tags_are_empty_then(settings: Settings) -> None:
    for said in ('preset="nobody"', 'mark="nobody"'):
        tags = f"{{% srcset master {said} %}}{{% variant_url master {said} %}}"
        settings.DEBUG = False
        assert rendered(tags) == ""
        settings.DEBUG = True
        with pytest.raises(TemplateSyntaxError, match="received 'nobody'"):
            rendered(tags)


@pytest.mark.django_db
def test_one_click_in_the_admin_leaves_the_rest_of_a_page(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """A preset is deleted, and the key of a watermark's master changed, while templates go on naming both."""
    saved(shoe := master(key="products/shoe"))
    logo = saved(master("logo", key="logo"))
    row = Preset.objects.create(name="hero", params="ar=2:1&fit=crop")
    presets.refresh()
    page = '<p>{% picture master alt="Shoe" preset="hero" %}{% picture master alt="Marked" mark="logo" %}</p>'
    assert rendered(page, master=shoe).count("<picture>") == 2
    with django_capture_on_commit_callbacks(execute=True):
        row.delete()
        masters.change_master(logo, {"key": "other"})
    html = rendered(page, master=shoe)
    assert html.count("imgopt-missing") == 2
    assert html.startswith("<p>")


@pytest.mark.django_db
def test_a_watermark_is_versioned() -> None:
    saved(master("logo", key="logo"))
    html = rendered('{% picture master alt="" mark="logo" art="(hover): mark-scale=50" %}')
    check(html)
    assert html.count("pv=") == html.count("&amp;s="), "or it could not be kept for good"


def test_the_services_own_bounds_hold(settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, delivery_ladder=(100, 500, 1000), limit_output_side=600)
    html = rendered('{% picture master alt="" %}')
    assert (
        html == picture(replace(client_of(), bounds=Bounds((100, 500, 1000), 600)), markup.image_of(SHOE), alt="").html
    )
    assert "1000w" not in html


def test_strict_mode_is_kept(settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, delivery_strict=True)
    publish_cache_clear()
    try:
        check(rendered('{% picture master alt="" preset="card" %}'))
        check(rendered('{% picture master alt="" widths="300,700" %}'))
        with pytest.raises(TemplateSyntaxError, match="strict mode"):
            rendered('{% picture master alt="" blur=5 %}')
    finally:
        publish_cache_clear()


def publish_cache_clear() -> None:
    from delivery import publish

    publish._read.cache_clear()


def test_is_callable_without_templates() -> None:
    html = markup.picture(SHOE, alt="A shoe", w=300, class_="card")
    assert html.__html__() == html, "Jinja2 takes it for markup"
    assert 'class="card"' in html
    with pytest.raises(BadParameter):
        markup.picture(SHOE, alt="", nonsense=1)


def test_an_animation_and_a_page_of_it() -> None:
    wave = master("wave", key="wave", format="gif", pages=12, width=640, height=480)
    assert [each["type"] for each in elements(rendered('{% picture master alt="" %}', master=wave), "source")] == [
        "image/webp"
    ]
    tiff = master("scan", key="scan", format="tiff", pages=12)
    assert "fm=jpg" in rendered('{% picture master alt="" %}', master=tiff), "pages of a TIFF do not move"


@pytest.fixture
def shoe(renderer: Renderer, db: None) -> Master:
    return saved(master(key="products/shoe", width=1000, height=667))


def get(path: str, scopes: tuple[str, ...] = ("sign",), /, **query: Any) -> Any:
    headers = {}
    if scopes:
        headers = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=scopes, burst=1000).token}"}
    return Client(raise_request_exception=False).get(
        f"/api/v1/image/{path}?{urlencode(query, doseq=True)}", headers=headers
    )


def test_rest_gives_the_candidates_by_type(shoe: Master, ask: Callable[..., Answer]) -> None:
    answer = get("products/shoe/srcset", widths="320,640,5000", ar="1:1", fit="crop", expiresIn=60)
    assert answer.status_code == 200, answer.content
    said = answer.json()["srcset"]
    assert list(said) == ["image/avif", "image/webp", "image/jpeg"]
    for found in said.values():
        assert [each["width"] for each in found["candidates"]] == [320, 640, 667]
        assert found["srcset"] == ", ".join(f"{each['url']} {each['descriptor']}" for each in found["candidates"])
        for each in found["candidates"]:
            assert ask(each["url"].removeprefix(PUBLIC)).status == 200
    assert list(get("products/shoe/srcset", formats="png").json()["srcset"]) == ["image/png"]


def test_rest_gives_the_markup(shoe: Master) -> None:
    said: dict[str, Any] = {
        "alt": "A shoe",
        "sizes": "50vw",
        "art": "(max-width: 600px): ar=1:1",
        "hero": "1",
        "lqip": "0",
        "class": "big",
    }
    answer = get("products/shoe/picture", **said).json()
    check(answer["html"])
    expected = markup.described(shoe, **{**said, "hero": True, "lqip": False})
    assert answer == {"html": expected.html, "sources": list(expected.sources), "img": expected.img}
    path, _, query = answer["img"]["src"].removeprefix(PUBLIC).partition("?")
    asked = parse_asked(path, verify(path, query, keyring.current().secrets, 0))
    assert (asked.reference, asked.revision) == ("products/shoe", 1)
    assert get(f"{shoe.id}/picture", alt="").status_code == 200


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "unknown image": ("nobody/picture", {"alt": ""}, 404, "Image not found"),
    "no alt": ("products/shoe/picture", {}, 400, "Expected alt"),
    "twice": ("products/shoe/picture", {"alt": ["a", "b"]}, 400, "Expected alt once, received it 2 times."),
    "unknown": ("products/shoe/picture", {"alt": "", "x": 1}, 400, "received 'x'"),
    "sizes": ("products/shoe/picture", {"alt": "", "sizes": "50%"}, 400, "Expected sizes such as"),
    "no switch": ("products/shoe/picture", {"alt": "", "hero": "yes"}, 400, "for hero, received 'yes'"),
    "absolute": ("products/shoe/picture", {"alt": "", "absolute": "0"}, 400, "received 'absolute'"),
    "python's name": ("products/shoe/picture", {"alt": "", "expires_in": "5"}, 400, "received 'expires_in'"),
    "negative ladder": ("products/shoe/srcset", {"widths": "-5"}, 400, "for widths, received '-5'"),
    "empty": ("products/shoe/srcset", {"widths": ""}, 400, "for widths"),
    "unknown preset": ("products/shoe/srcset", {"preset": "nobody"}, 400, "for preset, received 'nobody'"),
    "watermark": ("products/shoe/srcset", {"mark": "nobody"}, 400, "master for mark, received 'nobody'"),
    "format": ("products/shoe/srcset", {"formats": "avif,heic"}, 400, "received 'heic'"),
    "time": ("products/shoe/srcset", {"expiresIn": "0"}, 400, "time to expiry"),
    "digits of another script": ("products/shoe/srcset", {"expiresIn": "٣"}, 400, "time to expiry"),
    "alt is none of its": ("products/shoe/srcset", {"alt": "x"}, 400, "received 'alt'"),
    "NUL": ("products/shoe/srcset", {"txt": "a\0b"}, 400, "for txt"),
    "image": ("products/shoe/picture", {"alt": "", "image": "x", "service": "y"}, 400, "received"),
    "the python function's": ("products/shoe/picture", {"alt": "", "expires_at": "5"}, 400, "received 'expires-at'"),
    "a format among the parameters": ("products/shoe/srcset", {"fm": "avif"}, 400, "received 'fm'"),
    "python's master": ("products/shoe/picture", {"alt": "", "master": "x"}, 400, "received 'master'"),
}


@pytest.mark.parametrize(("path", "query", "status", "words"), REFUSED.values(), ids=list(REFUSED))
def test_rest_refuses_in_one_sentence(shoe: Master, path: str, query: dict[str, Any], status: int, words: str) -> None:
    answer = get(path, **query)
    assert answer.status_code == status, answer.content
    document = json.loads(answer.content)
    assert words in document["message"]
    assert document["message"] == document["error"]


@pytest.mark.parametrize("path", ["products/shoe/srcset", "products/shoe/picture"])
def test_rest_needs_a_key_that_may_sign(shoe: Master, path: str) -> None:
    assert get(path, (), alt="").status_code == 401
    assert get(path, ("read", "manage", "upload"), alt="").status_code == 403
    answer = Client().post(
        f"/api/v1/image/{path}", headers={"Authorization": f"Bearer {apikeys.issue(name='t', scopes=['sign']).token}"}
    )
    assert answer.status_code == 405


@pytest.mark.django_db
def test_a_preset_of_the_admin_is_known_to_the_tag(settings: Settings) -> None:
    Preset.objects.create(name="wide", params="ar=2:1&fit=crop")
    presets.refresh()
    [img] = elements(rendered('{% picture master alt="" preset="wide" %}'), "img")
    assert (img["width"], img["height"]) == ("2560", "1280")
    assert Blob.objects.count() == 0


DEBUG = '{% picture master alt="A shoe" widths="320" debug=True %}'


def img_of(html: str) -> dict[str, str]:
    [img] = elements(html, "img")
    return img


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["", 'ar="16:9" fit="crop"', 'preset="card"', 'mask="circle"', 'q="auto:eco"'])
def test_debugging_shows_the_receipt_of_what_the_picture_falls_back_to(
    ask: Callable[..., Answer], renderer: Renderer, said: str
) -> None:
    renderer.facts = {"quality": 71}
    shoe = saved(SHOE)
    template = f'{{% picture master alt="A shoe" {said} debug=True %}}'
    html = rendered(template, master=shoe)
    check(html)
    assert img_of(html)["data-imgopt-quality"].startswith("no receipt")
    answer = ask(img_of(html)["src"].removeprefix(PUBLIC))
    assert answer.status == 200
    RECORDS.flush()
    img = img_of(rendered(template, master=shoe))
    assert img["data-imgopt-quality"] == answer.headers["quality"]
    assert img["title"] == f"{renderer.calls[0].name[:12]}: {answer.headers['quality']}"
    assert img["data-imgopt-variant"] == renderer.calls[0].name == Variant.objects.get().key


@pytest.mark.django_db
def test_debugging_takes_one_query_and_no_debugging_none(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        debugged = rendered(DEBUG)
    with django_assert_num_queries(0):
        plain = rendered(DEBUG.replace("debug=True", "debug=False"))
        assert plain == rendered(DEBUG.replace(" debug=True", ""))
    assert "data-imgopt" in debugged
    assert "data-imgopt" not in plain
    assert "title" not in plain


@pytest.mark.django_db
def test_what_debugging_shows_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receipt, "header", lambda _self: 'q="80"><script>')
    monkeypatch.setattr("metrics.receipts.find", lambda _key: Receipt(state="pending"))
    html = rendered(DEBUG)
    assert "<script>" not in html
    assert img_of(html)["data-imgopt-quality"] == 'q="80"><script>'
    check(html)


def test_debugging_is_not_for_rest(shoe: Master) -> None:
    assert get("products/shoe/picture", alt="A shoe", debug="1").status_code == 400
