"""Why a call is not let in.

    ImgoptError
    ├── MissingKey     no key came with the call
    ├── InvalidKey     unknown, malformed, expired or revoked
    ├── MissingScope   a good key that may not do this; names the scope
    └── RateLimited    too many calls; come back after `retry_after_seconds`

Unknown, malformed and wrong-secret keys get one and the same sentence, so that nobody learns which prefixes exist.
That a key is expired or revoked is told only to who holds its secret.
"""

from __future__ import annotations

from pipeline.errors import ImgoptError


class MissingKey(ImgoptError):
    code = "missing_key"

    def __init__(
        self,
        message: str = "Expected an API key in the header 'Authorization: Bearer imgo_…' or X-API-Key, received none.",
    ) -> None:
        super().__init__(message)


class InvalidKey(ImgoptError):
    code = "invalid_key"

    def __init__(self, message: str = "Expected a valid API key, received one that is not known here.") -> None:
        super().__init__(message)


class MissingScope(ImgoptError):
    code = "missing_scope"


class RateLimited(ImgoptError):
    code = "rate_limited"

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
