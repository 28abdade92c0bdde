"""The grammar of `sizes`, as table."""

from __future__ import annotations

import pytest

from imgopt_client.errors import BadArgument
from imgopt_client.sizes import check_media, check_sizes

GOOD = [
    "100vw", "50VW", "0", "1e2px", ".5em", "+10rem", "300px", "calc(100vw - 2em)", "min(100vw, 30em)",
    "clamp(10em, 50vw, 600px)", "calc((100vw - (2 * 1em)) / 3)",
    "(max-width: 600px) 100vw, 50vw", "(max-width:600px) 100vw,50vw", "not (hover) 10px, 20px",
    "(min-width: 40em) and (max-width: 60em) calc(50vw - 10px), 300px", "(hover) or (width > 10px) 1px, 2px",
    "((width > 1px) and (width < 9px)) 5px, 6px", "(400px <= width <= 700px) 90vw, 10em",
    "auto", "auto, 100vw", "AUTO, (max-width: 600px) 100vw, 50vw", "50dvw", "2cap",
]  # fmt: skip
BAD = [
    "", " ", "50%", "50", "-5px", "100 vw", "auto 100vw", "100vw, auto", "(max-width: 600px)", "100vw, 50vw",
    "(max-width: 600px) 100vw,", ", 50vw", "(max-width: 600px 100vw, 50vw", "(max-width: 600px)) 100vw, 50vw",
    "(max-width: 600px) 100vw, (min-width: 601px) 50vw", "screen 100vw, 50vw", "screen and (hover) 100vw, 50vw",
    "calc(100% - 2em)", "calc(100vw", "expression(alert(1))", "100vw;", 'x" onload="', "max-width: 600px 100vw, 50vw",
    "0, 0", "100vw\n", "() 100vw, 50vw", "(a) and (b) or (c) 1px, 2px", "100vw, " * 200 + "1px", "((((((((((1vw",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_takes(text: str) -> None:
    assert check_sizes(text, is_lazy=True) == text


@pytest.mark.parametrize("text", BAD)
def test_refuses_in_one_sentence(text: str) -> None:
    with pytest.raises(BadArgument, match=r"^Expected sizes such as .*received"):
        check_sizes(text, is_lazy=True)


def test_auto_is_for_lazy_pictures_only() -> None:
    with pytest.raises(BadArgument, match="loading=lazy"):
        check_sizes("auto, 100vw", is_lazy=False)


@pytest.mark.parametrize("text", ["print", "(width <= 600px)", "screen and (min-width: 1.5em), (hover)", "(a/b)"])
def test_takes_a_media_query(text: str) -> None:
    assert check_media(text) == text


@pytest.mark.parametrize("text", ["", " ", "(", "a)", "a(", 'x"y', "{x}", "a;b", "x" * 1001, "a&b"])
def test_refuses_what_is_no_media_query(text: str) -> None:
    with pytest.raises(BadArgument, match="Expected a media query"):
        check_media(text)
