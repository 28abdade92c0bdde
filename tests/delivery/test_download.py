"""`dl`: a file name that every browser takes, with the extension of what is delivered."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import Message
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.models import Master
from delivery.download import MAX_LENGTH, check_name, disposition
from delivery.publish import signed_path
from pipeline.errors import BadParameter
from tests.delivery.world import BROWSER, Answer, Renderer, forced, master, saved

Ask = Callable[..., Answer]


@pytest.fixture
def shoe(db: None, renderer: Renderer) -> Master:
    return saved(master(key="shoe"))


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("red shoe.webp", "red shoe.webp", "red%20shoe.webp"),
        ("red shoe.jpg", "red shoe.webp", "red%20shoe.webp"),
        ("red.WEBP", "red.WEBP", "red.WEBP"),
        ("red", "red.webp", "red.webp"),
        ("v1.2", "v1.2.webp", "v1.2.webp"),
        ("invoice.exe", "invoice.exe.webp", "invoice.exe.webp"),
        ("Grüße.png", "Grue.webp", "Gr%C3%BC%C3%9Fe.webp"),
        ("靴.jpg", "picture.webp", "%E9%9D%B4.webp"),
        ('a"b;c%41.gif', "a_b_c_41.webp", "a%22b%3Bc%2541.webp"),
    ],
)
def test_writes_a_plain_and_a_true_name(name: str, plain: str, encoded: str) -> None:
    assert disposition(name, "webp") == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


@given(name=st.text(max_size=MAX_LENGTH))
def test_whatever_is_taken_makes_one_safe_header_that_means_it(name: str) -> None:
    try:
        check_name(name)
    except BadParameter:
        return
    header = disposition(name, "jpeg")
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert str(message.get_filename()).rpartition(".")[2].lower() in ("jpg", "jpeg", "jpe")
    assert "/" not in header.replace("UTF-8''", "")


REFUSED = {
    "nothing": "",
    "a slash": "a/b.jpg",
    "a backslash": "a\\b.jpg",
    "a way up": "../a.jpg",
    "a hidden file": ".jpg",
    "dots": "..",
    "a space first": " a.jpg",
    "a line feed": "a\nX-Evil: 1.jpg",
    "a carriage return": "a\r.jpg",
    "a null": "a\0.jpg",
    "a delete": "a\x7f.jpg",
    "a mark that turns the text": "a\u202egpj.exe",
    "too long": "a" * (MAX_LENGTH + 1),
}


@pytest.mark.parametrize("name", REFUSED.values(), ids=list(REFUSED))
def test_refuses_what_no_file_should_be_called(ask: Ask, shoe: Master, renderer: Renderer, name: str) -> None:
    answer = ask(forced("/i/shoe", f"dl={quote(name, safe='')}", "w=320"))
    assert (answer.status, " for dl, received " in json.loads(answer.body)["message"]) == (400, True)
    assert not renderer.calls
    with pytest.raises(BadParameter):
        signed_path(shoe, {"dl": name})


def test_is_part_of_every_answer_with_a_body_and_of_no_key(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    shown, saved_as = (signed_path(shoe, {"w": "320", **more}) for more in ({}, {"dl": "roter Schuh.jpg"}))
    assert "dl=roter%20Schuh.jpg&" in saved_as
    answers = [ask(saved_as, HTTP_ACCEPT=BROWSER) for _ in range(2)]
    assert [answer.headers["x-cache"] for answer in answers] == ["render", "memory"]
    for answer in answers:
        assert answer.headers["content-disposition"].startswith('attachment; filename="roter Schuh.avif"; ')
    assert "content-disposition" not in ask(saved_as, HTTP_ACCEPT=BROWSER, HTTP_IF_NONE_MATCH="*").headers
    assert ask(shown, HTTP_ACCEPT=BROWSER).headers["content-disposition"] == "inline"
    assert len(renderer.calls) == 1
