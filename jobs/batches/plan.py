"""Which variants a batch makes of one master: by default exactly those that its `<picture>` names."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from assets.models import Master
from delivery import markup
from delivery.asked import read_wishes
from delivery.variants import VariantRequest, variant_request
from imgopt_client.look import keeps_alpha, moves
from imgopt_client.markup import FORMATS
from imgopt_client.service import meaning
from imgopt_client.sources import offered
from jobs.batches.spec import BatchSpec


@dataclass(frozen=True, slots=True)
class Wanted:
    """One variant: the params its URL has, and what they come to."""

    params: dict[str, str]
    request: VariantRequest


def plan(master: Master, spec: BatchSpec) -> list[Wanted]:
    """This will give the variants, each format's from the narrowest to the widest."""
    said, sizes = dict(spec.params), _sizes(master, spec)
    return [_wanted(master, {**said, **size, "fm": kind}) for kind in _formats(master, spec) for size in sizes]


def _wanted(master: Master, params: dict[str, str]) -> Wanted:
    return Wanted(params, variant_request(master, read_wishes(tuple(params.items())).spec, ()))


def _formats(master: Master, spec: BatchSpec) -> tuple[str, ...]:
    if spec.formats:
        return spec.formats
    image, wanted = markup.image_of(master), meaning(markup.service(), spec.params)
    if moves(image, wanted):
        return ("webp", "gif")
    return (*FORMATS, "png" if keeps_alpha(image, wanted) else "jpg")


def _sizes(master: Master, spec: BatchSpec) -> list[dict[str, str]]:
    if not spec.widths:
        offer = offered(markup.service(), markup.image_of(master), dict(spec.params), None, None)
        return [{offer.name: value} for value in offer.values]
    # All are wider than the master: it is never enlarged, so the narrowest of them stands for its own size.
    widths = [width for width in spec.widths if width <= master.blob.width] or [spec.widths[0]]
    return [{"w": str(width), **_exact(width)} for width in widths]


def _exact(width: int) -> dict[str, str]:
    """A rung needs no word for being exact, and shares its variant with everybody else's."""
    return {} if width in settings.CONFIG.delivery_ladder else {"snap": "0"}
