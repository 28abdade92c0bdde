"""What can go wrong, as a tree; every error is one sentence.

ValueError
└── BadArgument     markup or a URL is asked for with what cannot be
    └── Mismatch    it could be, but not with the picture or the presets that there are now
Exception
└── ApiError        the service did not do what it was asked to: `status`, `code`
    ├── NoAnswer    it could not be reached, or took too long
    └── NotFound    it has no such picture
"""

from __future__ import annotations


class BadArgument(ValueError):
    """A sentence for the author of a page."""


class Mismatch(BadArgument):
    """What an author wrote may have been right until somebody changed a picture or a preset."""


class ApiError(Exception):
    """`status` is HTTP's, 0 where there was no answer; `code` is the service's own word."""

    def __init__(self, message: str, *, status: int = 0, code: str = "no_answer") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


class NoAnswer(ApiError):
    pass


class NotFound(ApiError):
    pass
