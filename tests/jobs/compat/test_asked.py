"""What a body may be, without a server around it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.compat.asked import MAX_DIMENSION, MAX_EXTRA_LENGTH, Asked, BadBody, read, read_option
from pipeline.errors import BadParameter


def asked(document: Any) -> Asked:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read(body, most_options=3)


def with_option(**option: Any) -> dict[str, Any]:
    return {"originalID": "x", "options": [option]}


def test_an_option_says_little_or_everything() -> None:
    whole = {"format": "webp", "maxDimension": 1000, "quality": 80, "keepMetadata": True, "extra": {"a": [1, None]}}
    read_back = asked({"originalID": "x", "options": [{}, whole]})
    plain, full = read_back.options
    assert (plain.format, plain.max_dimension, plain.quality, plain.keep_metadata, plain.said) == (
        None, 0, None, False, {},
    )  # fmt: skip
    assert (full.format, full.max_dimension, full.quality, full.keep_metadata) == ("webp", 1000, 80, True)
    assert full.said == whole
    assert read_option(full.said) == full, "it is read again when the job is worked on"


def test_keys_are_matched_whatever_their_case_and_unknown_ones_are_ignored() -> None:
    odd = {"ORIGINALid": "x", "Options": [{"FORMAT": "png", "maxdimension": 5, "other": [{}]}], "version": 3}
    option = asked(odd).options[0]
    assert (option.format, option.max_dimension) == ("png", 5)
    assert option.said == {"format": "png", "maxDimension": 5}


@pytest.mark.parametrize(
    "text",
    [
        '{"originalID":"a","originalid":"x","options":[{"quality":1,"Quality":9}]}',
        '{"originalID":"x","options":[{"quality":1}],"options":[{"quality":9}]}',
        '{"originalID":"x","options":[{"quality":1,"Quality":5,"quality":9}]}',
        '{"originalID":"x","options":[{"quality":1,"quality":9,"format":null}]}',
    ],
)
def test_of_equal_keys_the_last_one_counts(text: str) -> None:
    found = asked(text.encode())
    assert (found.original_id, found.options[0].quality) == ("x", 9)


def test_null_is_as_good_as_nothing() -> None:
    names = ("format", "maxDimension", "quality", "keepMetadata", "extra")
    assert asked(with_option(**dict.fromkeys(names))).options[0].said == {}


@pytest.mark.parametrize("body", [b"", b"  \r\n\t "])
def test_an_empty_body_is_told_so(body: bytes) -> None:
    with pytest.raises(BadBody, match=r"^request body is empty$"):
        asked(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"originalID":"x","options":[{}]} trailing',
        b'{"originalID":"x","options":[{}]}{}',
        b'{"originalID":"x","options":[{}],}',
        b"{'originalID':'x'}",
        b'{"originalID":"x","options":[{"quality":NaN}]}',
        b'{"originalID":"x","options":[{"maxDimension":Infinity}]}',
        b'{"originalID":"x","options":[{"maxDimension":' + b"9" * 5000 + b"}]}",
        b'{"originalID":"\xff","options":[{}]}',
        '{"originalID":"x","options":[{}]}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b'"text"',
        b"null",
        b"5",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody) as refusal:
        asked(body)
    assert 10 < len(refusal.value.message) < 200


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"options": [{}]}, "for originalID, received nothing"),
        ({"originalID": None, "options": [{}]}, "for originalID, received nothing"),
        ({"originalID": "", "options": [{}]}, "for originalID, received an empty text"),
        ({"originalID": 5, "options": [{}]}, "for originalID, received a number"),
        ({"originalID": ["x"], "options": [{}]}, "for originalID, received a list"),
        ({"originalID": "x"}, "1 to 3 options, received none"),
        ({"originalID": "x", "options": None}, "1 to 3 options, received none"),
        ({"originalID": "x", "options": []}, "1 to 3 options, received none"),
        ({"originalID": "x", "options": [{}] * 4}, "1 to 3 options, received 4"),
        ({"originalID": "x", "options": {"format": "png"}}, "a list for options, received an object"),
        ({"originalID": "x", "options": "png"}, "a list for options"),
        ({"originalID": "x", "options": ["png"]}, "an object for each of the options, received 'png'"),
        ({"originalID": "x", "options": [None]}, "an object for each of the options, received nothing"),
        (with_option(format="gif"), "one of jpeg, png, webp, avif for format, received 'gif'"),
        (with_option(format=""), "for format, received nothing"),
        (with_option(format=5), "a text for format, received a number"),
        (with_option(format="x" * 5000), "(5000 characters)"),
        (with_option(quality=0), "from 1 to 100 for quality, received '0'"),
        (with_option(quality=101), "from 1 to 100 for quality, received '101'"),
        (with_option(quality=-5), "from 1 to 100 for quality, received '-5'"),
        (with_option(quality=10**400), "from 1 to 100 for quality, received '1000"),
        (with_option(quality=80.0), "for quality, received a number"),
        (with_option(quality=80.5), "for quality, received a number"),
        (with_option(quality="80"), "for quality, received '80'"),
        (with_option(quality=True), "for quality, received true or false"),
        (with_option(maxDimension=-1), f"from 0 to {MAX_DIMENSION} for maxDimension, received '-1'"),
        (with_option(maxDimension=MAX_DIMENSION + 1), "for maxDimension"),
        (with_option(maxDimension="1000"), "for maxDimension, received '1000'"),
        (with_option(maxDimension=False), "for maxDimension, received true or false"),
        (with_option(keepMetadata="true"), "true or false for keepMetadata, received 'true'"),
        (with_option(keepMetadata=1), "true or false for keepMetadata, received a number"),
        (with_option(extra=[]), "an object for extra, received a list"),
        (with_option(extra="x"), "an object for extra"),
        (with_option(extra={"a": "\0"}), "without NUL for extra"),
        (with_option(extra={"a": "\ud800"}), "texts and numbers that can be in extra"),
        (with_option(extra={"a": "x" * MAX_EXTRA_LENGTH}), f"at most {MAX_EXTRA_LENGTH} characters"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(document: Any, words: str) -> None:
    with pytest.raises(BadParameter) as refusal:
        asked(document)
    assert words in refusal.value.message
    assert refusal.value.message.startswith("Expected ")
    assert len(refusal.value.message) < 200


def test_a_number_that_is_none_is_refused_in_extra() -> None:
    with pytest.raises(BadParameter, match="numbers that can be"):
        asked(b'{"originalID":"x","options":[{"extra":{"a":1e999}}]}')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_OPTION = st.fixed_dictionaries(
    {},
    optional={
        name: _JSON | st.sampled_from(["webp", 50, True])
        for name in ("format", "maxDimension", "quality", "keepMetadata", "extra")
    },
)


@given(st.binary(max_size=60) | st.builds(lambda document: json.dumps(document).encode(), _JSON))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadBody, BadParameter):
        asked(body)


@given(st.lists(_OPTION | _JSON, max_size=4))
def test_any_options_are_read_or_refused(options: list[Any]) -> None:
    with suppress(BadBody, BadParameter):
        for option in asked({"originalID": "x", "options": options}).options:
            assert read_option(json.loads(json.dumps(dict(option.said)))) == option
