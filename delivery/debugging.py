"""`{% picture … debug=True %}`: the `<img>` says what is known of the variant in its `src`, for its author to see."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from assets.models import Master
from delivery.asked import read_wishes
from delivery.publish import RESERVED
from delivery.variants import VariantKey, variant_request
from imgopt_client.markup import Picture
from metrics import receipts

UNKNOWN = "no receipt: not rendered yet, or still to be measured"


def debugged(master: Master, picture: Picture) -> Picture:
    """This will add the variant's key and its receipt in short, which is what its header `Quality` says.

    It asks the database once for each picture.
    """
    key = key_of(master, picture.img["src"])
    receipt = receipts.find(key.name)
    said = UNKNOWN if receipt is None else receipt.header()
    known = {"data-imgopt-variant": key.name, "data-imgopt-quality": said, "title": f"{key.name[:12]}: {said}"}
    return replace(picture, img={**picture.img, **known})


def key_of(master: Master, url: str) -> VariantKey:
    """This will give the key of the variant that a URL of ours names, format and all."""
    pairs = [pair for pair in parse_qsl(urlsplit(url).query) if pair[0] not in RESERVED]
    return variant_request(master, read_wishes(pairs).spec, ()).key
