"""Formats are told by their first bytes, and refusals say what to do instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import NotAnImage, UnsupportedFormat
from pipeline.sniff import ACCEPTED, sniff
from tests import images


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_names_every_accepted_format(source_format):
    assert sniff(images.encoded(images.quadrants(), source_format)[:512]) == source_format


def test_the_formats_drawn_for_tests_are_all_that_are_accepted():
    assert set(images.FORMATS) == set(ACCEPTED)


@pytest.mark.parametrize("head", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_names_tiff_of_both_byte_orders_and_sizes(head):
    assert sniff(head + bytes(20)) == "tiff"


@pytest.mark.parametrize(
    ("head", "what", "advice"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "export the photo as JPEG or AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "export the photo as JPEG or AVIF"),
        (b"\0\0\0\x18ftypavis\0\0\0\0avisavif", "AVIF sequence", "export one frame"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "serve it as it is"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><svg/>", "SVG", "serve it as it is"),
        ("<svg/>".encode("utf-16"), "SVG", "serve it as it is"),
        (b"\xff\x0a\x00", "JPEG XL", "export the picture as JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "export the picture as JPEG"),
        (b"8BPS\0\1", "Photoshop", "export the picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "export the picture"),
        (b"\0\0\2\0\1\0", "CUR", "export the picture as PNG or ICO"),
        (b"P6\n3 2\n255\n", "Netpbm", "export the picture as PNG"),
    ],
)
def test_refuses_by_name_and_says_what_to_do_instead(head, what, advice):
    with pytest.raises(UnsupportedFormat) as caught:
        sniff(head)
    assert caught.value.code == "unsupported_format"
    assert what in caught.value.message
    assert advice in caught.value.message


@pytest.mark.parametrize(
    ("head", "what", "advice"),
    [
        (b"%PDF-1.4", "PDF", "export the page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS", "export the drawing"),
    ],
)
def test_a_document_is_no_picture_and_still_hears_what_to_do(head, what, advice):
    with pytest.raises(NotAnImage) as caught:
        sniff(head)
    assert what in caught.value.message
    assert advice in caught.value.message


@pytest.mark.parametrize(
    "head", [b"", b"\n", b"BM and other words", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x14ftypisom\0\0\0\0mp42"]
)
def test_refuses_what_is_no_picture(head):
    with pytest.raises(NotAnImage):
        sniff(head)


@given(st.binary(max_size=64))
def test_answers_any_bytes_with_a_format_or_a_named_error(head):
    try:
        outcome = sniff(head)
    except UnsupportedFormat as error:
        outcome = error.message
    assert outcome in ACCEPTED or outcome.endswith(".")
