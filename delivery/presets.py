"""Presets: specs with a name, from the settings and from the admin, as this process last read them.

Settings outweigh the admin, as one who changes a file on the server outranks one who may click. The table is read
again every two seconds by `delivery.pulse`, so a change is in use everywhere within five. What was just made
or changed in another process is looked for at once: its URL is often asked for in that moment.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from delivery import models
from delivery.errors import Mismatch
from delivery.hints import choice_of
from delivery.hits import HITS
from pipeline.errors import BadParameter
from pipeline.parameters import BY_NAME
from pipeline.params import parse, shown
from pipeline.spec import TransformSpec

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
NOT_IN_A_PRESET = ("s", "v", "expires", "pv", "dl", "refine", "preset")
Pairs = tuple[tuple[str, str], ...]
Source = Literal["settings", "admin", "built in"]

BUILT_IN = (("_thumbnail", "w=96&h=96&fit=crop"), ("_preview", "w=800"))
"""What the admin itself shows, in strict mode too. Nobody can give a preset such a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    name: str
    params: str
    source: Source
    description: str = ""

    @property
    def version(self) -> str:
        """Another one after every change of its params."""
        return hashlib.sha256(self.params.encode()).hexdigest()[:8]

    def under(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """This will give the preset's pairs and `pairs`, which outweigh those of the same meaning.

        >>> Preset(name="hero", params="w=800&q=70", source="admin").under([("width", "200")])
        [('q', '70'), ('width', '200')]
        """
        said = list(pairs)
        outweighed = {parameter_of(name) for name, _ in said}
        return [*(pair for pair in pairs_of(self.params) if parameter_of(pair[0]) not in outweighed), *said]


class PresetTable:
    """The presets of one moment, by name."""

    def __init__(self, presets: Iterable[Preset]) -> None:
        self._by_name = {preset.name: preset for preset in presets}

    def __iter__(self) -> Iterator[Preset]:
        """In the order of their names, without the built-in ones."""
        return iter(
            sorted((one for one in self._by_name.values() if one.source != "built in"), key=lambda one: one.name)
        )

    def find(self, name: str) -> Preset | None:
        return self._by_name.get(name)

    def get(self, name: str) -> Preset:
        preset = self._by_name.get(name)
        if preset is None:
            sentence = f"Expected the name of a preset for preset, received {shown(name)}"
            known = [preset.name for preset in self]
            close = difflib.get_close_matches(name.lower(), known, n=1) if len(name) <= 50 else []
            raise Mismatch(f"{sentence}; did you mean '{close[0]}'?" if close else f"{sentence}.")
        return preset

    def changed_since(self, former: PresetTable) -> set[str]:
        """This will name the presets that were added, changed or removed."""
        names = self._by_name.keys() | former._by_name.keys()
        return {name for name in names if self._by_name.get(name) != former._by_name.get(name)}


_current: PresetTable | None = None
_looked_at = 0.0
LOOK_AGAIN_SECONDS = 0.5
"""Names and versions that are not known cost a look at the database no more often than that."""


def current() -> PresetTable:
    """This will give the presets as last read, without touching the database after the first time."""
    return _current or refresh()


def find(name: str, version: str | None) -> Preset:
    """This will give a preset, after another look where it is new or a URL knows another version of it.

    Raises `BadParameter`. (A watermark is part of a URL's version, so with one the look may be in vain.)
    """
    global _looked_at
    table = current()
    known = table.find(name)
    if known is None:
        look = NAME.fullmatch(name) is not None
    else:
        look = known.source == "admin" and version is not None and version != known.version
    if look and time.monotonic() - _looked_at > LOOK_AGAIN_SECONDS:
        _looked_at = time.monotonic()
        table = refresh()
    return table.get(name)


def refresh() -> PresetTable:
    """This will read the presets again, and forget the hits of those that have changed.

    The table changes first: a request that began before with the former one is not remembered afterwards.
    """
    global _current
    rows = models.Preset.objects.values_list("name", "params", "description")
    fresh = PresetTable(
        [
            *(Preset(name=name, params=params, source="built in") for name, params in BUILT_IN),
            *(Preset(name=name, params=params, description=said, source="admin") for name, params, said in rows),
            *from_settings(),
        ]
    )
    changed = fresh.changed_since(_current) if _current else set()
    if changed or _current is None:
        _current = fresh
    for name in changed:
        HITS.purge(name)
    return _current


def forget() -> None:
    """This will have the next use read the presets again."""
    global _current
    _current = None


def from_settings() -> list[Preset]:
    return [Preset(name=name, params=params, source="settings") for name, params in settings.CONFIG.delivery_presets]


def pairs_of(text: str) -> Pairs:
    """This will read `w=1600&ar=16:9` as a URL's query is read; `+` is a plus."""
    pairs = [pair.partition("=") for pair in text.split("&")]
    if not all(equals for _, equals, _ in pairs):
        raise BadParameter(f"Expected params such as w=1600&fit=crop for a preset, received {shown(text)}.")
    try:
        return tuple((unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()) for name, _, value in pairs)
    except UnicodeDecodeError as error:
        raise BadParameter("Expected params in percent-encoded UTF-8 for a preset.") from error


def check_params(text: str) -> TransformSpec:
    """This will read a preset's params, or raise `BadParameter` as a URL with them would."""
    pairs = pairs_of(text)
    own = next((name for name, _ in pairs if name in NOT_IN_A_PRESET), None)
    if own:
        raise BadParameter(f"Expected no {own} in a preset: it belongs to the URL.")
    return parse(choice_of(pairs)[1])


def parameter_of(name: str) -> str:
    """This will give the one name of a parameter and its aliases."""
    row = BY_NAME.get(name)
    return row.name if row else name


@receiver([post_save, post_delete], sender=models.Preset)
def _on_change(**_: Any) -> None:
    transaction.on_commit(refresh)
