"""What is uploaded: pictures drawn in code, and files that are none."""

from __future__ import annotations

import random
import struct
import zlib

from tests.images import encoded, scene

FORMATS = ("jpeg", "png", "webp")


def good(chance: random.Random) -> tuple[str, bytes]:
    """A picture nobody has uploaded before, with its name."""
    width, height = chance.choice([(640, 480), (900, 600), (480, 720)])
    kind = chance.choice(FORMATS)
    return f"good.{kind}", encoded(scene(width, height, seed=chance.randrange(2**31)), kind)


def bad(chance: random.Random) -> tuple[str, bytes]:
    """One of what arrives at every public upload, sooner or later."""
    make = chance.choice([truncated, flipped, nothing, text, named_like_a_picture, bomb, second_bomb, foreign])
    return f"bad-{make.__name__}.jpg", make(chance)


def truncated(chance: random.Random) -> bytes:
    _, whole = good(chance)
    return whole[: len(whole) * chance.randrange(10, 70) // 100]


def flipped(chance: random.Random) -> bytes:
    """A PNG, whose checksum notices."""
    whole = bytearray(encoded(scene(300, 200, seed=chance.randrange(2**31)), "png"))
    whole[len(whole) // 2] ^= 0xFF
    return bytes(whole)


def nothing(_chance: random.Random) -> bytes:
    return b""


def text(_chance: random.Random) -> bytes:
    return b"<!doctype html><title>404</title>" * 50


def named_like_a_picture(chance: random.Random) -> bytes:
    return b"\xff\xd8\xff\xe0" + chance.randbytes(20_000)


def bomb(chance: random.Random) -> bytes:
    """A PNG of 40,000 × 40,000 pixels in a few KB."""
    return _png(40_000, 40_000, bytes(1000) + chance.randbytes(4))


def second_bomb(chance: random.Random) -> bytes:
    """One whose header promises what the data, cut off, does not have."""
    return _png(9_000, 9_000, chance.randbytes(3000))


def foreign(_chance: random.Random) -> bytes:
    """A format that is not taken: SVG, which could name files of the server."""
    return b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


def _png(width: int, height: int, raw: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(raw, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
