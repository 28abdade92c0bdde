"""What can go wrong between us and an origin.

ImgoptError
├── OriginNotFound      there is no such origin, or it has nothing at that path
├── OriginRefused       the address, or where it redirects to, is one that we do not go to
├── OriginTooLarge      more bytes than a picture of an origin may have
├── OriginUnavailable   it cannot be reached, or answers what is no answer
└── OriginTimeout       it did not answer whole in time
"""

from __future__ import annotations

from pipeline.errors import ImgoptError


class OriginNotFound(ImgoptError):
    code = "origin_not_found"


class OriginRefused(ImgoptError):
    code = "origin_refused"


class OriginTooLarge(ImgoptError):
    code = "origin_too_large"

    def __init__(self, message: str = "The picture at the origin has more bytes than one may have.") -> None:
        super().__init__(message)


class OriginUnavailable(ImgoptError):
    code = "origin_unavailable"
    retry_after_seconds = 5


class OriginTimeout(ImgoptError):
    code = "origin_timeout"
    retry_after_seconds = 5

    def __init__(self, message: str = "The origin did not answer in time.") -> None:
        super().__init__(message)
