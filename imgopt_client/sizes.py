"""The grammar of the `sizes` attribute (HTML, 4.8.4.2.2) and, as far as a slip would show, of media queries.

A browser that cannot parse `sizes` says nothing and loads a picture as wide as the window.
"""

from __future__ import annotations

import re
from functools import lru_cache

from imgopt_client.errors import BadArgument

MAX_LENGTH = 1000
UNITS = (
    "px|em|rem|ex|rex|ch|rch|cap|rcap|ic|ric|lh|rlh|cm|mm|q|in|pt|pc|[sld]?v(?:w|h|i|b|min|max)"
)  # fmt: skip
LENGTH = re.compile(rf"\+?(?:0+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:e[+-]?[0-9]+)?(?:{UNITS}))", re.IGNORECASE)
MATHS = re.compile(r"(?:calc|min|max|clamp)\((?:[a-z0-9\s.,+*/()-])+\)", re.IGNORECASE)
CONDITION = re.compile(r"not \(\)|\(\)(?: and \(\))*|\(\)(?: or \(\))*", re.IGNORECASE)
MEDIA = re.compile(r"[A-Za-z0-9\s().,:/<>=+-]+")


@lru_cache(maxsize=1024)
def check_sizes(text: str, *, is_lazy: bool) -> str:
    """This will give the text back, or raise `BadArgument` for what a browser could not parse.

    >>> check_sizes("(max-width: 600px) 100vw, 50vw", is_lazy=True)
    '(max-width: 600px) 100vw, 50vw'
    """
    entries = _split(text)
    if entries and entries[0].lower() == "auto":
        if not is_lazy:
            raise BadArgument("Expected loading=lazy for sizes with auto, received another.")
        if len(entries) == 1:
            return text
        entries = entries[1:]
    last = len(entries) - 1
    if not entries or not all(_is_entry(entry, is_last=at == last) for at, entry in enumerate(entries)):
        raise BadArgument(f"Expected sizes such as (max-width: 600px) 100vw, 50vw, received {text[:80]!r}.")
    return text


@lru_cache(maxsize=1024)
def check_media(text: str) -> str:
    """This will refuse what cannot be a media query; which features there are, browsers decide."""
    if not MEDIA.fullmatch(text) or len(text) > MAX_LENGTH or _depth_of(text) != 0 or not text.strip():
        raise BadArgument(f"Expected a media query such as (max-width: 600px), received {text[:80]!r}.")
    return text


def _split(text: str) -> list[str]:
    """This will split at the commas outside of parentheses; nothing where these do not match."""
    if not text.isprintable() or len(text) > MAX_LENGTH or _depth_of(text) != 0:
        return []
    entries, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            entries.append("")
        else:
            entries[-1] += character
    return [entry.strip() for entry in entries]


def _depth_of(text: str) -> int:
    """How many parentheses stay open; -1 where one closes that was not opened."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return -1
    return depth


def _is_entry(entry: str, *, is_last: bool) -> bool:
    """Whether it is a length behind a media condition; the last one has none."""
    condition, value = _parted(entry)
    if not (LENGTH.fullmatch(value) or MATHS.fullmatch(value)):
        return False
    return not condition if is_last else _is_condition(condition)


def _parted(entry: str) -> tuple[str, str]:
    """This will part an entry at its last blank outside of parentheses."""
    depth = 0
    for at in range(len(entry) - 1, -1, -1):
        depth += (entry[at] == ")") - (entry[at] == "(")
        if entry[at] == " " and not depth:
            return entry[:at].strip(), entry[at + 1 :]
    return "", entry


def _is_condition(text: str) -> bool:
    """Whether it is made of features in parentheses; which there are, browsers decide."""
    flat, depth, start = "", 0, 0
    for at, character in enumerate(text):
        depth -= character == ")"
        if not depth:
            if character == ")" and not text[start + 1 : at].strip():
                return False
            flat += character
        if character == "(":
            start = start if depth else at
            depth += 1
    return CONDITION.fullmatch(" ".join(flat.split())) is not None
