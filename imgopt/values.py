"""What the text of a setting may be: each function gives the value, or raises `ValueError` with what was expected.

>>> integer(1, 10)("7")
7
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

from pipeline.errors import BadParameter
from pipeline.limits import Limits
from pipeline.quality.metrics import METRICS, read_metric
from pipeline.targets import ACCEPTED, Target, read_quality

BASE_DIR = Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
BROKER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
ORIGIN = re.compile(r"(?:(?:https?://[^\s/?#@,]+|s3://[a-z0-9][a-z0-9.-]+)(?:/[^\s?#]*)?|file:///[^\s?#]*)")


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
            raise ValueError(f"an integer from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return parse


def choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return parse


def choices(*words_allowed: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        if not set(words(text)) <= set(words_allowed):
            raise ValueError(f"words out of {', '.join(words_allowed)}, separated by commas")
        return words(text)

    return parse


def boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def quality(text: str) -> int | Target | None:
    try:
        return None if text == "default" else read_quality(text)
    except BadParameter as error:
        raise ValueError(f"{ACCEPTED}, or default") from error


def plain(text: str) -> str:
    return text


def short_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("a name of at most 50 characters a-z, 0-9, - and _")
    return text


def secret(text: str) -> str:
    if len(text) < 32:
        raise ValueError("at least 32 characters")
    return text


def secrets(text: str) -> tuple[str, ...]:
    if not (found := words(text)) or any(len(each) < 32 for each in found):
        raise ValueError("secrets of at least 32 characters each, separated by commas")
    return found


def path(text: str) -> Path:
    return Path(text) if Path(text).is_absolute() else BASE_DIR / text


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def metrics(text: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(read_metric(word) for word in words(text)))
    except BadParameter as error:
        raise ValueError(f"metrics that are installed, out of {', '.join(METRICS)}, separated by commas") from error


def networks(text: str) -> tuple[str, ...]:
    for word in words(text):
        try:
            ip_network(word, strict=False)
        except ValueError as error:
            raise ValueError("addresses or networks such as 10.0.0.0/8, separated by commas") from error
    return words(text)


def http_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError("an address such as https://images.example.com")
    return text.rstrip("/")


def url(*schemes: str) -> Callable[[str], str]:
    """This will take an address of one of these kinds; it may hold a password, so callers mark it `secret`."""

    def parse(text: str) -> str:
        scheme, colon, rest = text.partition("://")
        if not colon or scheme not in schemes or not rest:
            raise ValueError(f"an address beginning with {' or '.join(scheme + '://' for scheme in schemes)}")
        return text

    return parse


def brokers(text: str) -> tuple[str, ...]:
    if not all(BROKER.fullmatch(word) for word in words(text)):
        raise ValueError("brokers such as kafka1:9092,kafka2:9092")
    return words(text)


def topic(text: str) -> str:
    """This will take a name as Kafka's own rule has it."""
    if not re.fullmatch(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}", text):
        raise ValueError("the name of a topic, of letters, digits, ., _ and -")
    return text


def ladder(text: str) -> tuple[int, ...]:
    rungs = tuple(int(word) for word in words(text) if word.isascii() and word.isdigit() and len(word) < 6)
    if not rungs or len(rungs) != len(words(text)) or rungs[0] < 1 or list(rungs) != sorted(set(rungs)):
        raise ValueError("ascending widths in pixels such as 320,640,1280")
    return rungs


def megapixels(text: str) -> dict[str, float]:
    known = dict(Limits().max_megapixels)
    for word in words(text):
        name, _, value = word.partition("=")
        if name not in known:
            raise ValueError(f"pairs such as jpeg=100,avif=40 with the formats {', '.join(sorted(known))}")
        known[name] = number(0.1, 10_000)(value)
    return known


def places(text: str) -> tuple[tuple[str, int], ...]:
    """This will parse `renders=2,upkeep=1` into queues and numbers; a queue that is not named has its default."""
    found = {"notifications": 4, "upkeep": 1}
    for word in words(text):
        name, _, value = word.partition("=")
        if name not in ("renders", "notifications", "upkeep"):
            raise ValueError("pairs such as renders=2,notifications=4,upkeep=1")
        found[name] = integer(1, 1000)(value)
    return tuple(found.items())


def presets(text: str) -> tuple[tuple[str, str], ...]:
    """This will parse `hero:w=1600&fit=crop;thumb:w=200` into names and params; delivery checks the params."""
    pairs = [tuple(part.strip() for part in entry.partition(":")[::2]) for entry in text.split(";") if entry.strip()]
    if len({name for name, _ in pairs}) != len(pairs) or not all(
        NAME.fullmatch(name) and params for name, params in pairs
    ):
        raise ValueError(
            "presets such as hero:w=1600&ar=16:9&fit=crop;thumb:w=200, each name once, of a-z, 0-9, - and _"
        )
    return tuple((name, params) for name, params in pairs)


def origins(text: str) -> tuple[tuple[str, str], ...]:
    """This will parse `shop=https://shop.example.com/media,scans=file:///srv/scans` into names and addresses."""
    pairs = [tuple(word.partition("=")[::2]) for word in words(text)]
    if len({name for name, _ in pairs}) != len(pairs) or not all(
        NAME.fullmatch(name) and ORIGIN.fullmatch(address) for name, address in pairs
    ):
        raise ValueError(
            "pairs such as shop=https://shop.example.com/media,old=s3://bucket/prefix,scans=file:///srv/scans, "
            "each name once, of a-z, 0-9, - and _"
        )
    return tuple((name, address.rstrip("/")) for name, address in pairs)


def signing_keys(text: str) -> tuple[tuple[str, str], ...]:
    """This will parse `kid:hex64,kid2:hex64`; what is refused is never repeated in the sentence."""
    pairs = [tuple(word.partition(":")[::2]) for word in words(text)]
    for kid, key in pairs:
        if not (kid.isascii() and kid.isalnum() and kid == kid.lower() and 1 <= len(kid) <= 16):
            raise ValueError("pairs kid:key with a kid of 1 to 16 characters a-z and 0-9")
        if len(key) != 64 or not all(c in "0123456789abcdef" for c in key):
            raise ValueError("pairs kid:key with a key of 64 hexadecimal digits")
    if not pairs or len({kid for kid, _ in pairs}) != len(pairs):
        raise ValueError("pairs kid:key, each kid once, separated by commas")
    return tuple((kid, key) for kid, key in pairs)
