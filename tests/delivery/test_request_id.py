"""The name of a request: believed where it is well-formed, made where it is not there."""

from __future__ import annotations

import pytest

from delivery.request_id import given_id, request_id


@pytest.mark.parametrize(
    "given",
    [
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "Root=1-67891233-abcdef012345678912345678",
        "a",
        "x" * 128,
    ],
)
def test_believes_what_is_well_formed(given: str) -> None:
    assert given_id({"HTTP_X_REQUEST_ID": given}) == given
    assert request_id({"HTTP_X_REQUEST_ID": given}) == given


@pytest.mark.parametrize(
    "given", ["", "x" * 129, "a b", "a\nb", "a\n", "\x1b[31m", "ä", "\udc80", '"}', "a,b", "<script>", "a;b", "٣"]
)
def test_makes_another_where_it_is_not(given: str) -> None:
    environ = {"HTTP_X_REQUEST_ID": given}
    assert given_id(environ) is None
    made = request_id(environ)
    assert made != given
    assert given_id({"HTTP_X_REQUEST_ID": made}) == made, "what is made here is believed elsewhere"


def test_makes_a_new_one_each_time() -> None:
    assert given_id({}) is None
    assert len({request_id({}) for _ in range(100)}) == 100
