"""What ends a command early, with a sentence for whoever typed it.

ImgoptError
├── UsageError      the line itself cannot be carried out: status 2
└── NotDone         a file, or a result of it: status 1
"""

from __future__ import annotations

from pipeline.errors import ImgoptError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all done, a file failed, the line is wrong; and what a shell knows an end by Ctrl-C by."""


class UsageError(ImgoptError):
    code = "usage"


class NotDone(ImgoptError):
    code = "not_done"


def because(what: str, error: OSError) -> NotDone:
    """This will tell what the system refused, in its own words.

    >>> because("a file that can be read", PermissionError(13, "Permission denied")).message
    'Expected a file that can be read: Permission denied.'
    """
    return NotDone(f"Expected {what}: {error.strerror or type(error).__name__}.")
