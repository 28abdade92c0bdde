"""What the service says of its pictures, held against scikit-image: over HTTP, on real photographs.

The reference is another answer of the same server, a lossless PNG of the same spec. Files are decoded by Pillow (an
AVIF by libvips) and measured by scikit-image, so nothing here is the code that wrote the receipts.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.e2e.server import Answer, Server
from tests.images import Pixels
from tests.pipeline.quality.photographs import delta_e_of, photograph, ssim_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]

SPEC = {"w": "400", "h": "300", "fit": "crop", "snap": "0"}
NAMES = ("coffee", "chelsea")
FORMATS = ("avif", "webp", "jpg")
QUALITIES = {"said": {"q": "55"}, "good": {"q": "auto:good", "refine": "wait"}, "best": {"q": "auto", "refine": "wait"}}
WAIT_SECONDS = 150
"""A minute of idle time is promised; here others use the cores too."""


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    token = server.api_key
    for name in NAMES:
        out = io.BytesIO()
        Image.fromarray(photograph(f"{name}.png")).save(out, "png")
        answer = server.upload(token, (f"{name}.png", out.getvalue()), fields={"key": name})
        assert answer.status == 201, answer.body
    return token


def fetch(server: Server, key: str, name: str, **params: str) -> Answer:
    said = {"image": name, "params": {**SPEC, **params}}
    signed = server.api("/api/v1/sign", key, method="POST", document=said)
    assert signed.status == 200, signed.body
    parts = urlsplit(signed.json["url"])
    answer = server.request(f"{parts.path}?{parts.query}")
    assert answer.status == 200, answer.body
    return answer


def receipts(server: Server, key: str, name: str) -> list[dict[str, Any]]:
    answer = server.api(f"/api/v1/image/{name}/receipts?limit=100", key)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["results"]
    return found


def wait_for(look: Callable[[], Any]) -> Any:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < give_up_at
        time.sleep(0.5)
    return found


def pixels(body: bytes) -> Pixels:
    """An AVIF by libheif: what libavif (Pillow's) shows between two samples of colour is smoother: up to 0.08 less
    in mean ΔE00, while SSIM differs by 4e-5."""
    if body[4:12] == b"ftypavif":
        return np.asarray(pyvips.Image.heifload_buffer(body))[..., :3]
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


def check(reference: Pixels, body: bytes, scores: dict[str, Any]) -> None:
    result = pixels(body)
    mean, local = ssim_of(reference, result)
    assert scores["ssim"] == pytest.approx(mean, abs=1e-3)
    assert scores["worstTile"] == pytest.approx(worst_tile(local), abs=1e-3)
    differences = delta_e_of(reference, result)
    assert scores["deltaEMean"] == pytest.approx(float(differences.mean()), abs=0.05)
    for name, share in (("deltaEP95", 95), ("deltaEP99", 99)):
        assert scores[name] == pytest.approx(float(np.percentile(differences, share)), abs=0.05)
    error = float(np.mean((reference.astype(float) - result.astype(float)) ** 2))
    assert scores["rmse"] == pytest.approx(error**0.5, abs=0.01)
    assert scores["psnr"] == pytest.approx(10 * np.log10(255**2 / error), abs=0.05)


def worst_tile(local: Any) -> float:
    """Of tiles of 64 px, where a rest of less than half a tile belongs to its neighbour; scikit-image's own mean leaves
    the outermost 5 px out, where the window of 11 px looks over the edge."""
    inner = np.full(local.shape, np.nan)
    inner[5:-5, 5:-5] = local[5:-5, 5:-5]
    rows, columns = (edges(size) for size in local.shape)
    tiles = [inner[top:bottom, left:right] for top, bottom in rows for left, right in columns]
    return min(float(np.nanmean(tile)) for tile in tiles)


def edges(size: int) -> list[tuple[int, int]]:
    starts = [start for start in range(0, size, 64) if start == 0 or size - start >= 32]
    return list(zip(starts, [*starts[1:], size], strict=True))


def test_scikit_image_agrees_with_every_receipt(server: Server, key: str) -> None:
    sent: dict[tuple[str, str, str], Answer] = {}
    for name in NAMES:
        for kind in FORMATS:
            for word, quality in QUALITIES.items():
                sent[name, kind, word] = fetch(server, key, name, fm=kind, **quality)
    references = {name: pixels(fetch(server, key, name, fm="png", q="100").body) for name in NAMES}
    for name in NAMES:
        by_etag = wait_for(partial(settled, server, key, name, 9))
        for (of, kind, word), answer in sent.items():
            if of != name:
                continue
            receipt = by_etag[answer.headers["etag"].strip('"')]
            said = answer.headers["quality"]
            assert receipt["state"] == "measured", (kind, word)
            check(references[name], answer.body, receipt["scores"])
            if word == "said":
                assert said == "pending, q=55"
                assert (receipt["quality"], receipt["target"], receipt["tries"]) == (55, None, 0)
            else:
                assert receipt["target"]["ssim"] == (0.97 if word == "good" else 0.99)
                assert receipt["targetMet"] is True
                assert f"q={receipt['quality']}, target=ssim:{receipt['target']['ssim']:g}, met=?1" in said
                assert said.endswith(f"tries={receipt['tries']}")
                assert receipt["scores"]["ssim"] >= receipt["target"]["ssim"]
                assert f"ssim={int(receipt['scores']['ssim'] * 1000) / 1000:.3f}, " in said
    for name in NAMES:  # what was pending is told in the header too by now, of the same bytes
        again = fetch(server, key, name, fm="webp", **QUALITIES["said"])
        assert again.headers["quality"].startswith("ssim=")
        assert again.headers["quality"].endswith("q=55")
        assert again.headers["etag"] == sent[name, "webp", "said"].headers["etag"]


def settled(server: Server, key: str, name: str, number: int) -> dict[str, Any] | None:
    """The receipts by the ETag of their variant, once so many lossy ones are no longer pending."""
    listed = server.api(f"/api/v1/image/{name}/variants?limit=100", key).json["results"]
    variants = {each["key"]: each["etag"] for each in listed}
    found = [each for each in receipts(server, key, name) if each["format"] != "png"]
    if len(found) < number or any(each["receipt"]["state"] == "pending" for each in found):
        return None
    return {variants[each["key"]]: each["receipt"] for each in found}
