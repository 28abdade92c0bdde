"""What can go wrong on the way to a variant.

ImgoptError
├── BadSignature   the URL is not signed by a key that verifies
├── Expired        the signature is right and its time is over
└── NoSigningKey   nothing to sign or verify with: the service does not start
"""

from __future__ import annotations

from pipeline.errors import ImgoptError


class BadSignature(ImgoptError):
    code = "bad_signature"

    def __init__(self, message: str = "The signature of this URL is missing or wrong.") -> None:
        super().__init__(message)


class Expired(ImgoptError):
    code = "expired"

    def __init__(self, message: str = "This URL has expired.") -> None:
        super().__init__(message)


class NoSigningKey(ImgoptError):
    code = "internal_error"
