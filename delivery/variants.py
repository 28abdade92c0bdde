"""A variant: one master, one spec, one format. What it is made of, and the key that stands for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.conf import settings

from assets.children import limits
from assets.models import Blob, Master
from delivery import negotiate
from pipeline.admission import Weight
from pipeline.ladder import resolve
from pipeline.params import canonical
from pipeline.request import RenderRequest
from pipeline.spec import Format, TransformSpec
from pipeline.version import fingerprint

ANIMATED_FORMATS = frozenset({"gif", "webp"})


class VariantKey(NamedTuple):
    """The name of a variant in every tier: the digest of its master's bytes, and one of all that shapes its own."""

    digest: str
    name: str

    @property
    def path(self) -> str:
        """Variants of one digest stand in one folder, so a purge is the deletion of a folder."""
        return f"{self.digest[:2]}/{self.digest}/{self.name}"


@dataclass(frozen=True, slots=True)
class VariantRequest:
    """What a URL asks for, resolved against the master and the client."""

    key: VariantKey
    render: RenderRequest
    master: Master
    negotiated: bool


def variant_request(master: Master, spec: TransformSpec, accepted: tuple[Format, ...]) -> VariantRequest:
    """This will resolve a spec: ladder, device pixel ratio, focal point, concrete format."""
    blob = master.blob
    resolved = resolve(spec, settings.CONFIG.delivery_ladder)
    if resolved.wants_focal_point and master.focal_x is not None and master.focal_y is not None:
        resolved = replace(resolved, focal_x=round(master.focal_x, 4), focal_y=round(master.focal_y, 4))
    kind = spec.format or negotiate.choose(
        accepted, has_alpha=keeps_alpha(blob, resolved), animated=blob.pages > 1 and blob.format in ANIMATED_FORMATS
    )
    source_formats = frozenset({kind} if spec.format else accepted) & {blob.format}
    resolved = replace(resolved, format=kind)
    render = RenderRequest(spec=resolved, format=kind, source_formats=source_formats, limits=limits())
    return VariantRequest(variant_key(blob, render), render, master, negotiated=spec.format is None)


def keeps_alpha(blob: Blob, spec: TransformSpec) -> bool:
    """Whether the result may have transparent pixels."""
    return blob.has_alpha if spec.background is None else spec.background[3] < 255


def variant_key(blob: Blob, request: RenderRequest) -> VariantKey:
    """Everything that shapes the bytes is in the key, and nothing else: neither signature, expiry nor revision."""
    material = (
        fingerprint(),
        blob.digest,
        canonical(request.spec),
        request.format,
        ",".join(sorted(request.source_formats)),
        f"{request.limits.max_output_side} {request.limits.max_output_megapixels}",  # they shape what names no size
    )
    return VariantKey(blob.digest, hashlib.sha256("\n".join(material).encode()).hexdigest())


def weight_of(blob: Blob, kind: Format) -> Weight:
    """What decoding this blob costs; only an animation that stays one is decoded beyond its first page."""
    pages = blob.pages if kind in ANIMATED_FORMATS else 1
    return Weight(format=blob.format, megapixels=blob.width * blob.height * pages / 1e6, interlaced=blob.interlaced)
