"""Entries survive the way through a tier whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.entry import MAGIC, DamagedEntry, entry_of, etag_of, pack, unpack
from pipeline.rendition import Rendition
from pipeline.targets import TARGETS, Target
from tests.delivery.world import entry, key

NAME = key().name
PACKED = pack(NAME, entry("a picture with\nline feeds\n\n in it"))
HEAD = len(PACKED) - len(b"a picture with\nline feeds\n\n in it")


@given(body=st.binary(max_size=300), kind=st.sampled_from(["avif", "webp", "jpeg", "png", "gif"]))
def test_comes_back_as_it_was(body: bytes, kind: Any) -> None:
    before = entry_of(Rendition(body=body, format=kind, width=320, height=213))
    assert unpack(NAME, pack(NAME, before)) == before


@pytest.mark.parametrize("met", [None, True, False])
def test_says_whether_the_bytes_asked_for_were_kept(met: bool | None) -> None:
    before = entry_of(Rendition(body=b"x", format="webp", width=1, height=1, max_bytes_met=met))
    assert unpack(NAME, pack(NAME, before)) == before
    assert before.max_bytes_met is met


def test_an_entry_written_before_there_was_such_a_word_is_still_read() -> None:
    assert b"axBytes" not in PACKED
    assert unpack(NAME, PACKED).max_bytes_met is None


def test_the_etag_is_quoted_and_of_the_body_alone() -> None:
    assert entry("one").etag == entry("one", "png").etag != entry("two").etag
    assert etag_of(b"x")[0] == etag_of(b"x")[-1] == '"'
    assert etag_of(b"x")[1:-1].replace("-", "").replace("_", "").isalnum()


def test_knows_its_content_type() -> None:
    assert entry("x", "avif").content_type == "image/avif"


@pytest.mark.parametrize(
    "facts",
    [
        {"scores": None},
        {"scores": None, "unmeasured": "Animations are not measured."},
        {"quality": 71, "chroma": "4:4:4", "effort": "full", "provisional": True},
        {"target": TARGETS["good"], "target_met": False, "bound": "max-bytes", "trial_encodes": 5},
        {"target": Target(ssim=0.985), "passthrough": True},
    ],
)
def test_brings_its_receipt_along(facts: dict[str, Any]) -> None:
    before = entry(**facts)
    assert unpack(NAME, pack(NAME, before)).receipt == before.receipt
    assert unpack(NAME, pack(NAME, before)).receipt.seconds == before.receipt.seconds


@given(place=st.integers(0, len(PACKED) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_damage(place: int, bit: int) -> None:
    damaged = bytearray(PACKED)
    damaged[place] ^= 1 << bit
    with pytest.raises(DamagedEntry):
        unpack(NAME, bytes(damaged))


@given(length=st.integers(0, len(PACKED) - 1))
def test_every_truncation_is_damage(length: int) -> None:
    with pytest.raises(DamagedEntry):
        unpack(NAME, PACKED[:length])


def test_anything_appended_is_damage() -> None:
    with pytest.raises(DamagedEntry):
        unpack(NAME, PACKED + b"\n")


def test_another_variants_bytes_are_damage() -> None:
    with pytest.raises(DamagedEntry, match="another variant"):
        unpack(key(name="640").name, PACKED)


def written(facts: object, body: bytes = b"body") -> bytes:
    """This will give bytes whose hash is right, whatever they say."""
    rest = json.dumps(facts).encode() + b"\n" + body
    return MAGIC + b" " + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


RECEIPT = entry().receipt.as_dict()
GOOD = {"name": NAME, "format": "webp", "width": 320, "height": 213, "length": 4, "receipt": RECEIPT}
SCORES = RECEIPT["scores"]
TARGET = {"ssim": 0.97, "worst_tile": None, "delta_e_p99": None, "chroma_delta_e": None}


def told(**said: Any) -> bytes:
    """This will change what the receipt says."""
    return written({**GOOD, "receipt": {**RECEIPT, **said}})


def test_the_hand_written_entry_is_right_but_for_what_is_changed_in_it() -> None:
    assert unpack(NAME, written(GOOD)).body == b"body"


FOREIGN: dict[str, Any] = {
    "empty": b"",
    "a pickle": pickle.dumps(entry()),
    "a pickle of bytes": pickle.dumps(PACKED),
    "a WebP": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "a former version": PACKED.replace(MAGIC, b"imgopt-variant-0"),
    "no hash": MAGIC + b"\n" + PACKED[HEAD:],
    "a line feed": b"\n",
    "a text": PACKED.decode("latin-1"),
    "a number": 17,
    "facts that are no JSON": MAGIC + b" " + hashlib.sha256(b"x\ny").hexdigest().encode() + b"\nx\ny",
    "facts in no UTF-8": MAGIC + b" " + hashlib.sha256(b"\xff\ny").hexdigest().encode() + b"\n\xff\ny",
    "facts that are a list": written([1]),
    "facts that are a number": written(1),
    "no facts": written({}),
    "no format": written({name: value for name, value in GOOD.items() if name != "format"}),
    "an unknown format": written({**GOOD, "format": "exe"}),
    "a format that is a list": written({**GOOD, "format": ["webp"]}),
    "a width that is no number": written({**GOOD, "width": "wide"}),
    "a width that is null": written({**GOOD, "width": None}),
    "bytes neither kept nor not": written({**GOOD, "maxBytesMet": "perhaps"}),
    "bytes kept by a number": written({**GOOD, "maxBytesMet": 1}),
    "another length": written({**GOOD, "length": 5}),
    "a receipt of nothing": written({**GOOD, "receipt": None}),
    "an empty receipt": written({**GOOD, "receipt": {}}),
    "a receipt in an unknown state": told(state="lost"),
    "a second header in a receipt": told(bound="ssim\r\nSet-Cookie: x=1"),
    "a quality that is a text": told(quality="80, met=?1"),
    "a quality that nobody could ask for": told(quality=101),
    "an effort of another kind": told(effort="great"),
    "a chroma of another kind": told(chroma="4:1:1"),
    "met by a text": told(targetMet="no"),
    "tries that are a text": told(tries="many"),
    "a draft by a text": told(provisional="no"),
    "scores of nothing": told(scores={}),
    "scores that are no numbers": told(scores={**SCORES, "ssim": "high"}),
    "scores that are not there": told(scores={**SCORES, "worst_tile": None}),
    "scores that are no JSON": told(scores={**SCORES, "ssim": float("nan")}),
    "scores without end": told(scores={**SCORES, "delta_e_mean": float("inf")}),
    "scores in a state without": told(state="pending"),
    "measured without scores": told(scores=None),
    "a target that is a text": told(target="good"),
    "a target without an SSIM": told(target={**TARGET, "ssim": None}),
    "a target of an infinite SSIM": told(target={**TARGET, "ssim": float("inf")}),
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=list(FOREIGN))
def test_foreign_bytes_are_damage(data: Any) -> None:
    with pytest.raises(DamagedEntry):
        unpack(NAME, data)
