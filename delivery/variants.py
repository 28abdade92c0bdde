"""A variant: one master, one spec, one format. What it is made of, and the key that stands for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.conf import settings

from assets.children import limits
from assets.errors import MasterNotFound
from assets.models import Blob, Master
from assets.origins.errors import OriginNotFound
from delivery import negotiate
from delivery.errors import Mismatch
from delivery.hints import frugal
from delivery.recent import RECENT
from metrics.formats import SIZES, Subject, subject_of
from pipeline.admission import Weight
from pipeline.errors import ImgoptError
from pipeline.geometry import plan
from pipeline.ladder import resolve
from pipeline.params import canonical, shown
from pipeline.request import RenderRequest
from pipeline.spec import Format, TransformSpec
from pipeline.targets import TARGETS, Target
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """What a variant request was made of besides its master: by it another process makes the same one."""

    spec: TransformSpec
    accepted: tuple[Format, ...]
    save_data: bool


@dataclass(frozen=True, slots=True)
class VariantRequest:
    """What a URL asks for, resolved against the master and the client."""

    key: VariantKey
    render: RenderRequest
    master: Master
    negotiated: bool
    unresolved: Unresolved
    mark: Master | None = None
    """The master that lies on it as a watermark. Its bytes are looked for when there is something to render."""
    subject: Subject | None = None
    """What formats are compared by, where the smallest at equal quality is to be given."""
    rivals: tuple[Format, ...] = ()
    """Formats that have still to be compared; empty: it is known which is the smallest, or nothing to compare."""

    def in_format(self, kind: Format) -> VariantRequest:
        """This will ask for the same in another format."""
        render = replace(self.render, spec=replace(self.render.spec, format=kind), format=kind)
        return replace(self, key=variant_key(self.master.blob, render), render=render)


def variant_request(
    master: Master, spec: TransformSpec, accepted: tuple[Format, ...], *, save_data: bool = False
) -> VariantRequest:
    """This will resolve a spec: ladder, device pixel ratio, focal point, watermark, concrete format.

    `save_data` lowers a quality that the URL does not say.
    """
    blob = master.blob
    mark = find_mark(spec)
    resolved = resolve(spec, settings.CONFIG.delivery_ladder)
    if resolved.wants_focal_point and master.focal_x is not None and master.focal_y is not None:
        resolved = replace(resolved, focal_x=round(master.focal_x, 4), focal_y=round(master.focal_y, 4))
    if mark is not None:
        resolved = replace(resolved, mark=mark.blob.digest)
    animated = blob.pages > 1 and blob.format in ANIMATED_FORMATS and spec.page is None
    see_through = keeps_alpha(blob, resolved)
    kind = spec.format or negotiate.choose(accepted, has_alpha=see_through, animated=animated)
    if save_data:
        resolved = frugal(resolved)
    resolved = replace(resolved, quality=_quality(resolved, kind, animated=animated))
    source_formats = frozenset({kind} if spec.format else accepted) & {blob.format}
    resolved = replace(resolved, format=kind)
    render = render_request(resolved, kind, source_formats)
    wanted = VariantRequest(
        variant_key(blob, render),
        render,
        master,
        negotiated=spec.format is None,
        unresolved=Unresolved(spec=spec, accepted=accepted, save_data=save_data),
        mark=mark,
    )
    if spec.format is not None or resolved.target is None:
        return wanted
    return _smallest(wanted, accepted, negotiate.rivals(has_alpha=see_through), resolved.target)


def _smallest(
    wanted: VariantRequest, accepted: tuple[Format, ...], rivals: tuple[Format, ...], target: Target
) -> VariantRequest:
    """What measures the same is given in the format that takes the fewest bytes of this master, once that is known."""
    if len({*accepted} & {*rivals}) < 2:
        return wanted
    blob, pixels = wanted.master.blob, pixels_of(wanted)
    own_size = bool(wanted.render.source_formats) and pixels == blob.width * blob.height
    subject = subject_of(wanted.key.digest, target, pixels, own_size=own_size)
    sizes = SIZES.find(subject)
    if sizes is None:
        return replace(wanted, subject=subject, rivals=rivals)
    kind = negotiate.smallest(accepted, sizes)
    return replace(wanted if kind is None else wanted.in_format(kind), subject=subject)


def pixels_of(wanted: VariantRequest) -> int:
    """This will estimate the size of the result; what a trim leaves is not known before the pixels are."""
    blob, render = wanted.master.blob, wanted.render
    try:
        work = plan(
            replace(render.spec, trim=0), width=blob.width, height=blob.height, orientation=1, limits=render.limits
        )
    except ImgoptError:  # rendering will say what is wrong
        return blob.width * blob.height
    return work.output_width * work.output_height


def _quality(spec: TransformSpec, kind: Format, *, animated: bool) -> int | Target | None:
    """What is searched for is measured, so an animation has the format's own quality, and GIF has none."""
    asked = spec.quality or settings.CONFIG.delivery_quality
    if spec.target is not None and not isinstance(asked, Target):
        asked = TARGETS["good"]  # what it should measure is said, and not with what else
    moves = animated and kind in ANIMATED_FORMATS
    return None if isinstance(asked, Target) and (moves or kind == "gif") else asked


def render_request(spec: TransformSpec, kind: Format, source_formats: frozenset[str]) -> RenderRequest:
    """This will ask for a resolved spec within the limits and with the further metrics that the settings say."""
    return RenderRequest(
        spec=spec,
        format=kind,
        source_formats=source_formats,
        limits=limits(),
        metrics=settings.CONFIG.quality_metrics,
    )


def find_mark(spec: TransformSpec) -> Master | None:
    """This will look the watermark up, or raise `Mismatch`; one that nobody could see is none."""
    if not (spec.mark and spec.mark_alpha):
        return None
    try:
        return RECENT.get(spec.mark)
    except (MasterNotFound, OriginNotFound) as error:
        raise Mismatch(f"Expected the id or key of a master for mark, received {shown(spec.mark)}.") from error


def keeps_alpha(blob: Blob, spec: TransformSpec) -> bool:
    """Whether the result may have transparent pixels: its own, or those outside a mask."""
    return blob.has_alpha or bool(spec.mask) if spec.background is None else spec.background[3] < 255


def variant_key(blob: Blob, request: RenderRequest) -> VariantKey:
    """Everything that shapes the bytes is in the key, and nothing else: neither signature, expiry nor revision."""
    material = (
        fingerprint(),
        blob.digest,
        canonical(request.spec),
        request.format,
        ",".join(sorted(request.source_formats)),
        f"{request.limits.max_output_side} {request.limits.max_output_megapixels}",  # they shape what names no size
        *(name for name in ("keep_metadata", "keep_profile") if getattr(request.spec, name)),  # no URL says them
    )
    return VariantKey(blob.digest, hashlib.sha256("\n".join(material).encode()).hexdigest())


def stays_animated(wanted: VariantRequest) -> bool:
    """Whether the result is an animation."""
    blob, render = wanted.master.blob, wanted.render
    return blob.pages > 1 and {blob.format, render.format} <= ANIMATED_FORMATS and render.spec.page is None


def weight_of(wanted: VariantRequest) -> Weight:
    """What decoding costs; only an animation that stays one is decoded beyond its first page."""
    blob, render = wanted.master.blob, wanted.render
    moves = render.format in ANIMATED_FORMATS and render.spec.page is None
    weight = _weight(blob, pages=blob.pages if moves else 1)
    return weight if wanted.mark is None else replace(weight, beside=_weight(wanted.mark.blob, pages=1))


def _weight(blob: Blob, *, pages: int) -> Weight:
    return Weight(
        format=blob.format,
        width=blob.width,
        height=blob.height,
        pages=pages,
        interlaced=blob.interlaced,
        has_alpha=blob.has_alpha,
    )
