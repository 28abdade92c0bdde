"""What can go wrong on the way to a variant.

ImgoptError
├── BadSignature   the URL is not signed by a key that verifies
├── Expired        the signature is right and its time is over
├── BadParameter
│   └── Mismatch   it could be, but not with the presets and masters that there are now
├── VariantNotFound   it was never rendered, or purged since
└── NoSigningKey   nothing to sign or verify with: the service does not start
"""

from __future__ import annotations

from pipeline.errors import BadParameter, ImgoptError


class BadSignature(ImgoptError):
    code = "bad_signature"

    def __init__(self, message: str = "The signature of this URL is missing or wrong.") -> None:
        super().__init__(message)


class Expired(ImgoptError):
    code = "expired"

    def __init__(self, message: str = "This URL has expired.") -> None:
        super().__init__(message)


class Mismatch(BadParameter):
    """What somebody wrote may have been right until a preset or a master was changed. Pages must survive that."""


class VariantNotFound(ImgoptError):
    code = "variant_not_found"

    def __init__(self, message: str = "No such variant has been rendered of this image since its last purge.") -> None:
        super().__init__(message)


class NoSigningKey(ImgoptError):
    code = "internal_error"
