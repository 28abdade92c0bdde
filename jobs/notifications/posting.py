"""One POST to an address that somebody gave us: to a checked network address only, within a time, and no further.

Redirects are not followed and the body of the answer is not read: whoever names an address of ours learns from it no
more than a status.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from ipaddress import ip_address, ip_network
from typing import Any

from assets.origins.deadline import Deadline
from assets.origins.guard import Reach, Target, addresses_of, target_of
from assets.origins.wire import PinnedConnection, named_errors
from jobs.notifications.errors import NotDelivered
from pipeline.errors import ImgoptError

MAX_RETRY_AFTER_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    retry_after_seconds: float
    """0 where it says none."""
    ms: int


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, private_networks: Sequence[str], timeout_seconds: float
) -> Answer:
    """This will give what was answered, or raise `NotDelivered` where nothing was."""
    start = time.perf_counter()
    try:
        status, retry_after = _exchange(url, body, headers, private_networks, Deadline(timeout_seconds))
    except NotDelivered:
        raise
    except ImgoptError as error:  # the guard and the wire are those of origins, and speak of them
        sentence = error.message.replace("The origin", "The endpoint").replace("the origin", "the endpoint")
        raise NotDelivered(sentence) from error
    return Answer(
        status=status,
        retry_after_seconds=retry_after_of(retry_after, datetime.now(UTC)),
        ms=round(1000 * (time.perf_counter() - start)),
    )


def _exchange(
    url: str, body: bytes, headers: Mapping[str, str], private_networks: Sequence[str], deadline: Deadline
) -> tuple[int, str]:
    target = target_of(url)
    addresses = addresses_of(target, Reach(sites=frozenset({target.site}), private_networks=private_networks), deadline)
    _check_scheme(target, addresses, private_networks)
    connection = PinnedConnection(target, addresses, deadline)
    sent = {"Content-Type": "application/json", "Connection": "close", "User-Agent": "imgopt", **headers}
    try:
        with named_errors():
            connection.request("POST", target.path, body=body, headers=sent)
            response: HTTPResponse = connection.getresponse()
        return response.status, response.headers.get("Retry-After", "")
    finally:
        connection.hang_up()


def _check_scheme(target: Target, addresses: Sequence[tuple[Any, ...]], private_networks: Sequence[str]) -> None:
    """Unencrypted, a webhook goes to the operator's own networks only."""
    named = [ip_network(text, strict=False) for text in private_networks]
    places = [ip_address(str(place[0])) for *_, place in addresses]
    if target.scheme == "http" and not all(any(place in network for network in named) for place in places):
        raise NotDelivered("Expected an https:// address: http:// goes into IMGOPT_WEBHOOKS_PRIVATE_NETWORKS only.")


def retry_after_of(text: str, now: datetime) -> float:
    """This will read a Retry-After header, of seconds or a date; nonsense is 0, and a day is the most.

    >>> retry_after_of("120", datetime.now(UTC)), retry_after_of("soon", datetime.now(UTC))
    (120.0, 0.0)
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
