"""What a delivery URL asks for: the master's reference and the spec, out of verified text only."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from delivery.signing import Verified
from pipeline.errors import BadParameter
from pipeline.params import parse
from pipeline.spec import TransformSpec

PREFIX = "/i/"
MAX_REVISION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Asked:
    reference: str
    spec: TransformSpec
    revision: int | None


def reference_of(path: str) -> str:
    """This will give the id or key in a path; a last segment with a dot is the decorative file name.

    >>> reference_of("/i/products/shoe/red-shoe.webp")
    'products/shoe'
    """
    segments = path.removeprefix(PREFIX).split("/")
    if len(segments) > 1 and "." in segments[-1]:
        segments.pop()
    return "/".join(segments)


def parse_asked(path: str, verified: Verified) -> Asked:
    """This will raise `BadParameter` for what nobody could mean.

    Delivery's own names count only as they are written: the parser refuses an encoded `%65xpires`, which was not
    heeded as an expiry.
    """
    revision = next((pair[2:] for pair in verified.pairs if pair.startswith("v=")), None)
    return Asked(
        reference=reference_of(path),
        spec=parse(_decoded(pair) for pair in verified.pairs if not pair.startswith(("v=", "expires="))),
        revision=None if revision is None else _revision(revision),
    )


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    try:
        return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise BadParameter("Expected parameters in percent-encoded UTF-8.") from error


def _revision(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_REVISION_DIGITS):
        raise BadParameter(f"Expected the master's revision, an integer, for v, received {text[:40]!r}.")
    return int(text)
