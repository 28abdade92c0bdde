"""What a file measures and how it was made, as it goes with the file wherever it goes: header, JSON, database."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any, Final, Literal, TypeVar, get_args

from pipeline.quality.scores import Scores
from pipeline.rendition import Rendition
from pipeline.request import Chroma, Effort
from pipeline.targets import Target, write_quality
from pipeline.version import fingerprint

State = Literal["measured", "pending", "unmeasurable"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Scores are of the encoded bytes, decoded again, against the pixels before encoding."""

    state: State
    scores: Scores | None = None
    reason: str = ""
    """Why there are no scores, and never will be."""
    quality: int | None = None
    """As the encoder was told; None: lossless, or the master's own bytes."""
    chroma: Chroma | None = None
    effort: Effort = "quick"
    target: Target | None = None
    """None: the quality was said by whoever asked."""
    target_met: bool | None = None
    bound: str = ""
    """See `Rendition.bound`."""
    tries: int = 0
    """How often the encoder was asked."""
    provisional: bool = False
    """Whether this is a draft."""
    passthrough: bool = False
    encoder: str = ""
    """The version of all that shapes the bytes: `pipeline.version.fingerprint`."""
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing better will follow: neither a final nor figures."""
        return not self.provisional and self.state != "pending"

    def as_dict(self) -> dict[str, Any]:
        """This will give plain values for JSON; `read_receipt` takes them back."""
        target = None if self.target is None else {**asdict(self.target), "asked": write_quality(self.target)}
        return {
            "state": self.state,
            "scores": None if self.scores is None else self.scores.as_dict(),
            "reason": self.reason,
            "quality": self.quality,
            "chroma": self.chroma,
            "effort": self.effort,
            "target": target,
            "targetMet": self.target_met,
            "bound": self.bound,
            "tries": self.tries,
            "provisional": self.provisional,
            "passthrough": self.passthrough,
            "encoder": self.encoder,
            "milliseconds": {name: round(1000 * value, 2) for name, value in self.seconds.items()},
        }

    def header(self) -> str:
        """This will give the compact form: a dictionary of structured fields (RFC 9651).

        >>> Receipt(state="pending", quality=80).header()
        'pending, q=80'
        """
        said: list[str] = []
        if self.scores is not None:
            # The sum of so many ones may come out as 0.9999999, of which rounding down would make 0.999.
            exact = self.scores.identical
            said.append(f"ssim={_down(1.0 if exact else self.scores.ssim)}")
            said.append(f"worst={_down(1.0 if exact else self.scores.worst_tile)}")
            said.append(f"de00={self.scores.delta_e_mean:.2f}")
        else:
            said.append("pending" if self.state == "pending" else "unmeasurable")
        if self.provisional:
            said.append("provisional")
        if self.quality is not None:
            said.append(f"q={self.quality}")
        if self.target is not None:
            said.append(f"target=ssim:{self.target.ssim:g}")
        if self.target_met is not None:
            said.append(f"met=?{int(self.target_met)}")
        if self.target_met is False and self.bound:
            said.append(f"bound={self.bound}")
        if self.tries:
            said.append(f"tries={self.tries}")
        return ", ".join(said)


def receipt_of(rendition: Rendition) -> Receipt:
    return Receipt(
        state="measured" if rendition.scores else "unmeasurable" if rendition.unmeasured else "pending",
        scores=rendition.scores,
        reason=rendition.unmeasured,
        quality=rendition.quality,
        chroma=rendition.chroma,
        effort=rendition.effort,
        target=rendition.target,
        target_met=rendition.target_met,
        bound=rendition.bound,
        tries=rendition.trial_encodes,
        provisional=rendition.provisional,
        passthrough=rendition.passthrough,
        encoder=fingerprint(),
        seconds=rendition.seconds,
    )


def read_receipt(said: Mapping[str, Any]) -> Receipt:
    """This will read what `as_dict` gives; raises KeyError, TypeError or ValueError for anything else.

    It comes from where others may write, and ends in a header.
    """
    scores, target = said["scores"], said["target"]
    receipt = Receipt(
        state=_one_of(get_args(State), said["state"]),
        scores=None if scores is None else _read_scores(scores),
        reason=_text(said["reason"]),
        quality=_or_none(_quality, said["quality"]),
        chroma=_or_none(partial(_one_of, get_args(Chroma)), said["chroma"]),
        effort=_one_of(get_args(Effort), said["effort"]),
        target=None if target is None else _read_target(target),
        target_met=_or_none(_flag, said["targetMet"]),
        bound=_token(said["bound"]),
        tries=_count(said["tries"]),
        provisional=_flag(said["provisional"]),
        passthrough=_flag(said["passthrough"]),
        encoder=_text(said["encoder"]),
        seconds={_text(name): _number(value) / 1000 for name, value in said["milliseconds"].items()},
    )
    if (receipt.state == "measured") != (receipt.scores is not None):
        raise ValueError("scores in a state without")
    return receipt


def _read_scores(said: Mapping[str, Any]) -> Scores:
    ssim, worst_tile, rmse, mean, p95, p99, chroma = (_number(said[name]) for name in _FIGURES)
    return Scores(
        ssim=ssim,
        worst_tile=worst_tile,
        rmse=rmse,
        delta_e_mean=mean,
        delta_e_p95=p95,
        delta_e_p99=p99,
        chroma_delta_e=chroma,
        psnr=_or_none(_number, said["psnr"]),
        identical=_flag(said["identical"]),
        metric=_text(said["metric"]),
        metric_version=_count(said["metric_version"]),
        also={_text(name): _read_also(each) for name, each in said.get("also", {}).items()},
    )


def _read_also(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"score": _number(said["score"]), "version": _text(said["version"])}


def _read_target(said: Mapping[str, Any]) -> Target:
    bounds = {name: _or_none(_number, said[name]) for name in _BOUNDS}
    return Target(ssim=_number(said["ssim"]), **bounds)


_BOUNDS: Final = tuple(each.name for each in fields(Target) if each.name != "ssim")
_FIGURES: Final = ("ssim", "worst_tile", "rmse", "delta_e_mean", "delta_e_p95", "delta_e_p99", "chroma_delta_e")
_TOKEN: Final = re.compile(r"[a-z-]{0,20}")


def _or_none(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _token(value: object) -> str:
    if not _TOKEN.fullmatch(_text(value)):
        raise ValueError("no word")
    return _text(value)


def _one_of(words: tuple[Any, ...], value: object) -> Any:
    if value not in words:
        raise ValueError("an unknown word")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("no count")
    return value


def _quality(value: object) -> int:
    if not 1 <= _count(value) <= 100:
        raise ValueError("no quality")
    return _count(value)


def _down(similarity: float) -> str:
    """This will write three decimals, the most that a structured field may have, never rounded up to a target.

    >>> _down(0.98999), _down(-0.0004), _down(1.0)
    ('0.989', '-0.001', '1.000')
    """
    return f"{math.floor(similarity * 1000) / 1000:.3f}"
