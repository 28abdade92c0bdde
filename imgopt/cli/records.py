"""Lines of a journal. A folder may come from a stranger, and its journal with it: nothing in a line is believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

from pipeline.sniff import ACCEPTED
from pipeline.source import ColourSpace, SourceInfo

LONGEST_NAME: Final = 4096
"""Characters; no system has longer paths."""
LARGEST: Final = 2**63 - 1
SHOWN: Final = ("ssim", "delta_e_mean")
"""Scores that every measured result has, for the table adds them up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A picture as it was when it was read."""

    path: str
    """Relative to the journal's folder, so that both can move together."""
    bytes: int
    mtime_ns: int
    sha256: str
    info: SourceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A result that was written."""

    name: str
    source: Source
    asked: str
    """All that shapes the bytes besides the source."""
    made: Mapping[str, Any]
    """Its figures, as `report.figures_of` gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A name that is about to be written."""

    name: str
    of: str
    """The picture, relative to the journal's folder."""


def write_line(entry: Record | Claim) -> bytes:
    return json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> Record | Claim | None:
    """This will give what a line says; None: it is torn, or says nothing that was written by `write_line`."""
    try:
        said = json.loads(line)
        if "of" in said:
            return Claim(name=_text(said["name"]), of=_text(said["of"]))
        return Record(
            name=_text(said["name"]),
            source=_source(said["source"]),
            asked=_text(said["asked"]),
            made=_made(said["made"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _source(said: Mapping[str, Any]) -> Source:
    return Source(
        path=_text(said["path"]),
        bytes=_count(said["bytes"]),
        mtime_ns=_integer(said["mtime_ns"]),
        sha256=_text(said["sha256"]),
        info=SourceInfo(**{name: read(said["info"][name]) for name, read in _INFO.items()}),
    )


def _made(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: read(said[name]) for name, read in _FIGURES.items()},
        "scores": _or_none(_scores)(said["scores"]),
        "seconds": {_text(name): _number(value) for name, value in said["seconds"].items()},
    }


def _scores(said: Any) -> dict[str, Any]:
    plain = {_text(name): _or_none(_plain)(value) for name, value in said.items()}
    return plain | {name: _number(said[name]) for name in SHOWN}


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise TypeError
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise TypeError
    return value


def _count(value: object) -> int:
    count = _integer(value)
    if count < 1:
        raise ValueError
    return count


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not abs(value) <= LARGEST:  # which is true of no NaN
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _plain(value: object) -> str | float:
    return _text(value) if isinstance(value, str) else _number(value)


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise ValueError
        return _text(value)

    return read


def _or_none(read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else read(value)


_INFO: Final[Mapping[str, Callable[[object], Any]]] = {
    "format": _one_of(ACCEPTED),
    "width": _count,
    "height": _count,
    "orientation": _count,
    "pages": _count,
    "has_alpha": _flag,
    "bit_depth": _count,
    "colour_space": _one_of(get_args(ColourSpace)),
    "profile": _text,
    "is_srgb": _flag,
    "interlaced": _flag,
}
_FIGURES: Final[Mapping[str, Callable[[object], Any]]] = {
    "format": _text,
    "width": _count,
    "height": _count,
    "pages": _count,
    "bytes": _count,
    "quality": _or_none(_count),
    "chroma": _or_none(_text),
    "passthrough": _flag,
    "target": _or_none(_number),
    "target_met": _or_none(_flag),
    "bound": _text,
    "trial_encodes": _integer,
    "unmeasured": _text,
}
