"""What a delivery URL asks for, out of verified text only: the master's reference, the spec, delivery's own wishes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from django.conf import settings

from delivery import presets
from delivery.download import check_name
from delivery.drafts import Refine, read_refine
from delivery.errors import Mismatch
from delivery.hints import DPR_STEPS, NOTHING, Choice, choice_of
from delivery.presets import Preset, PresetTable, parameter_of
from delivery.signing import Verified
from imgopt_client.urls import PREFIX
from pipeline.errors import BadParameter
from pipeline.ladder import snap
from pipeline.params import parse, shown
from pipeline.spec import TransformSpec

__all__ = ["PREFIX", "Asked", "Wishes", "parse_asked", "read_wishes", "reference_of"]

MAX_REVISION_DIGITS = 9
VERSION_LENGTH = 8
OWN = frozenset({"s", "v", "expires", "pv", "dl", "refine", "preset"})
STRICT = ("w", "dpr", "fm")
"""What a URL may say besides `preset` in strict mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked of a master, the preset resolved: a preset and the same parameters in full are one spec."""

    spec: TransformSpec
    choice: Choice = NOTHING
    preset: Preset | None = None
    download: str = ""
    """Name of the file it is to be saved as; empty: shown."""
    refine: Refine = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    reference: str
    wishes: Wishes
    revision: int | None = None
    version: str | None = None
    """Of preset and watermark, as `delivery.version` has it."""


def reference_of(path: str) -> str:
    """This will give the id or key in a path; a last segment with a dot is the decorative file name.

    What begins with `@` is a path at an origin, whose dots are its own.

    >>> reference_of("/i/products/shoe/red-shoe.webp"), reference_of("/i/@shop/red-shoe.jpg")
    ('products/shoe', '@shop/red-shoe.jpg')
    """
    segments = path.removeprefix(PREFIX).split("/")
    if len(segments) > 1 and "." in segments[-1] and not segments[0].startswith("@"):
        segments.pop()
    return "/".join(segments)


def parse_asked(path: str, verified: Verified) -> Asked:
    """This will raise `BadParameter` for what nobody could mean."""
    own = dict(pair.split("=", 1) for pair in verified.pairs if pair.startswith(("v=", "pv=")))
    pairs = [_decoded(pair) for pair in verified.pairs if not pair.startswith(("v=", "pv=", "expires="))]
    version = _version(own["pv"]) if "pv" in own else None
    return Asked(
        reference=reference_of(path),
        wishes=read_wishes(pairs, version=version),
        revision=_revision(own["v"]) if "v" in own else None,
        version=version,
    )


def read_wishes(
    pairs: Iterable[tuple[str, str]], table: PresetTable | None = None, *, version: str | None = None
) -> Wishes:
    """This will read decoded pairs, or raise `BadParameter`; signing asks here too what delivery would refuse.

    `table` has the presets, by default those of this moment, in which a URL's `version` is looked for.
    """
    own: dict[str, str] = {}
    said: list[tuple[str, str]] = []
    for name, value in pairs:
        if name in ("preset", "dl", "refine"):
            own[name] = value
        else:
            said.append((name, value))
    preset = None
    if "preset" in own:
        preset = table.get(own["preset"]) if table else presets.find(own["preset"], version)
    spec, choice = _read_with(preset, said) if preset else _read(said)
    if settings.CONFIG.delivery_strict:
        _check_strict(said)
    return Wishes(
        spec=spec,
        choice=choice,
        preset=preset,
        download=check_name(own["dl"]) if "dl" in own else "",
        refine=read_refine(own["refine"]) if "refine" in own else "auto",
    )


def _read(pairs: Iterable[tuple[str, str]]) -> tuple[TransformSpec, Choice]:
    choice, fixed = choice_of(pairs)
    return parse(fixed), choice


def _read_with(preset: Preset, said: Sequence[tuple[str, str]]) -> tuple[TransformSpec, Choice]:
    """This will raise `Mismatch` where the rest of the URL could be, were it not for the preset."""
    try:
        return _read(preset.under(said))
    except BadParameter as error:
        _read(said)
        raise Mismatch(error.message) from error


def _check_strict(said: Sequence[tuple[str, str]]) -> None:
    """Only what was foreseen on the server, in the widths that are rendered anyway, at the ratios of `dpr=auto`."""
    for name, value in said:
        match parameter_of(name):
            case "w":
                _check_rungs(name, value)
            case "dpr":
                if value != "auto" and float(value) not in DPR_STEPS:
                    steps = ", ".join(f"{step:g}" for step in DPR_STEPS)
                    raise BadParameter(f"Expected one of {steps} for dpr in strict mode, received {shown(value)}.")
            case known if known not in STRICT:
                raise BadParameter(f"Expected only preset, {', '.join(STRICT)} in strict mode, received {shown(name)}.")


def _check_rungs(name: str, value: str) -> None:
    ladder = settings.CONFIG.delivery_ladder
    for word in value.removeprefix("auto").removeprefix(":").split(","):
        if word and int(word) not in ladder:
            near = snap(int(word), ladder)
            raise BadParameter(
                f"Expected a width of the ladder such as {near} for {name} in strict mode, received '{word}'."
            )


def _decoded(pair: str) -> tuple[str, str]:
    """Delivery's own names, and `auto` for what is left to the client, count only as they are written.

    Who looks at the raw query must see them (`expires` when verifying, the others at the edge); what was encoded
    stays so, and the parser refuses it.
    """
    raw_name, _, raw_value = pair.partition("=")
    try:
        name, value = unquote_to_bytes(raw_name).decode(), unquote_to_bytes(raw_value).decode()
    except UnicodeDecodeError as error:
        raise BadParameter("Expected parameters in percent-encoded UTF-8.") from error
    if name in OWN:
        name = raw_name
    if value.startswith("auto") and parameter_of(name) in ("w", "dpr") and not raw_value.startswith("auto"):
        value = raw_value
    return name, value


def _revision(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_REVISION_DIGITS):
        raise BadParameter(f"Expected the master's revision, an integer, for v, received {text[:40]!r}.")
    return int(text)


def _version(text: str) -> str:
    if len(text) != VERSION_LENGTH or not all(character in "0123456789abcdef" for character in text):
        raise BadParameter(
            f"Expected the version that signing gives, {VERSION_LENGTH} hexadecimal digits, for pv, "
            f"received {text[:40]!r}."
        )
    return text
