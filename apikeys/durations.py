from __future__ import annotations

import re
from datetime import timedelta

from pipeline.errors import BadParameter

DURATION = re.compile(r"([0-9]{1,5})([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """This will read a number with a unit, or raise `BadParameter`.

    >>> parse_duration("90d")
    datetime.timedelta(days=90)
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise BadParameter(
            f"Expected a number and one of s, m, h, d, w for a time span, such as 90d, received {text!r}."
        )
    return timedelta(**{UNITS[match.group(2)]: int(match.group(1))})
