"""A variant's request, made again from the row that says it was rendered."""

from __future__ import annotations

from urllib.parse import parse_qsl

from assets.models import Master
from delivery.models import Variant
from delivery.records import read_formats
from delivery.variants import Unresolved, VariantRequest, render_request, variant_key
from pipeline.errors import BadParameter
from pipeline.params import parse
from pipeline.receipt import Receipt
from pipeline.spec import TransformSpec


def spec_of(variant: Variant) -> TransformSpec | None:
    """This will read the resolved spec, whose watermark is named by its digest; `None`: it had other words once."""
    try:
        return parse(parse_qsl(variant.params))
    except BadParameter:
        return None


def request_of(variant: Variant) -> VariantRequest | None:
    """This will give the request that has this variant's key; `None`: none has it now.

    Another version of the pipeline or of an encoder has other keys, and so have other limits.
    """
    spec, master = spec_of(variant), _master(variant.digest)
    if spec is None or spec.format is None or master is None:
        return None
    mark = _master(spec.mark) if spec.mark else None
    if spec.mark and mark is None:
        return None
    render = render_request(spec, spec.format, read_formats(variant.source_formats))
    key = variant_key(master.blob, render)
    if key.name != variant.key:
        return None
    asked = Unresolved(spec=spec, accepted=(), save_data=False)
    return VariantRequest(key, render, master, negotiated=False, unresolved=asked, mark=mark)


def pending_receipt(variant: Variant) -> Receipt:
    """This will tell what is known of a variant that was not measured: the quality that was asked for."""
    spec = spec_of(variant)
    asked = None if spec is None or variant.passthrough else spec.quality
    quality = asked if isinstance(asked, int) else None
    return Receipt(state="pending", quality=quality, passthrough=variant.passthrough)


def _master(digest: str) -> Master | None:
    """Any of those that share the bytes."""
    return Master.objects.select_related("blob").filter(blob__digest=digest).first()
