"""BlurHash against the published algorithm: a slow encoder and a decoder written from it, and hashes others publish."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.blurhash import ALPHABET, blurhash


def linear(byte):
    value = byte / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def coded(value):
    value = min(1.0, max(0.0, value))
    return round((value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055) * 255)


def number(text):
    return sum(ALPHABET.index(letter) * 83**place for place, letter in enumerate(reversed(text)))


def written(value, length):
    return "".join(ALPHABET[value // 83 ** (length - 1 - place) % 83] for place in range(length))


def decoded(text):
    """This will return the components, by row and column, in linear light."""
    across, down = number(text[0]) % 9 + 1, number(text[0]) // 9 + 1
    peak = (number(text[1]) + 1) / 166
    average = number(text[2:6])
    components = [[linear(average >> shift & 255) for shift in (16, 8, 0)]]
    for at in range(6, len(text), 2):
        value = number(text[at : at + 2])
        steps = [(value // 361 - 9) / 9, (value // 19 % 19 - 9) / 9, (value % 19 - 9) / 9]
        components.append([math.copysign(step * step, step) * peak for step in steps])
    return np.array(components).reshape(down, across, 3)


def drawn(components, width, height):
    """This will draw the components as sRGB bytes."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            total = sum(
                components[j, i] * math.cos(math.pi * x * i / width) * math.cos(math.pi * y * j / height)
                for j in range(components.shape[0])
                for i in range(components.shape[1])
            )
            pixels[y, x] = [coded(value) for value in total]
    return pixels


def slowly(pixels, across, down):
    """This will hash pixel by pixel, as the algorithm is told."""
    height, width, _ = pixels.shape
    factors = []
    for j in range(down):
        for i in range(across):
            scale = 1 if i == j == 0 else 2
            total = [0.0, 0.0, 0.0]
            for y in range(height):
                for x in range(width):
                    basis = math.cos(math.pi * i * x / width) * math.cos(math.pi * j * y / height)
                    for channel in range(3):
                        total[channel] += scale * basis * linear(int(pixels[y, x, channel]))
            factors.append([value / (width * height) for value in total])
    average, *swings = factors
    largest = max((abs(value) for swing in swings for value in swing), default=0.0)
    step = max(0, min(82, math.floor(largest * 166 - 0.5))) if swings else 0
    peak = (step + 1) / 166 if swings else 1.0
    red, green, blue = (coded(value) for value in average)
    text = written(across - 1 + (down - 1) * 9, 1) + written(step, 1) + written(red << 16 | green << 8 | blue, 4)
    for swing in swings:
        r, g, b = (
            max(0, min(18, math.floor(math.copysign(math.sqrt(abs(value) / peak), value) * 9 + 9.5))) for value in swing
        )
        text += written(r * 361 + g * 19 + b, 2)
    return text


@pytest.mark.parametrize(("across", "down"), [(4, 3), (3, 4), (1, 1), (9, 2), (1, 5)])
@pytest.mark.parametrize("seed", [1, 2])
def test_says_what_the_published_algorithm_says(across, down, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    pixels[:5, :6] = 250
    assert blurhash(pixels, across, down) == slowly(pixels, across, down)


# Examples that the algorithm's own pages and other implementations show.
@pytest.mark.parametrize("text", ["LEHV6nWB2yk8pyo0adR*.7kCMdnj", "LGF5]+Yk^6#M@-5c,1J5@[or[Q6."])
def test_hashes_that_others_made_come_back_from_their_own_picture(text):
    again = blurhash(drawn(decoded(text), 64, 64), 4, 3)
    assert (again[0], len(again)) == (text[0], len(text))
    expected, found = decoded(text), decoded(again)
    # The algorithm scales by two what a cosine transform scales by four: waves in both directions come back halved.
    expected[1:, 1:] /= 2
    # Half a step of the largest component is 0.11 of it; the picture's whole bytes do the rest.
    assert np.abs(expected - found).max() < 0.15 * np.abs(decoded(text).reshape(-1, 3)[1:]).max()


def test_black_is_the_hash_that_everybody_knows():
    assert blurhash(np.zeros((32, 32, 3), np.uint8), 4, 3) == "L00000fQfQfQfQfQfQfQfQfQfQfQ"


def test_the_decoded_hash_looks_like_the_picture():
    y, x = np.mgrid[0:24, 0:32]
    pixels = np.stack([60 + 5 * x, 200 - 6 * y, np.full_like(x, 120)], axis=2).astype(np.uint8)
    shown = drawn(decoded(blurhash(pixels, 4, 3)), 32, 24)
    difference = np.abs(shown.astype(int) - pixels)
    assert difference.mean() < 10
    assert np.abs(drawn(decoded(blurhash(pixels, 1, 1)), 32, 24).astype(int) - pixels).mean() > 20


def test_one_pixel_has_a_hash():
    assert blurhash(np.array([[[255, 0, 0]]], np.uint8), 1, 1) == "00TI:j"
