"""Request bodies as they come: those of unknown length are read, and those that break off are refused.

Django's WSGI request reads as many bytes as Content-Length says, so it takes a body of unknown length
(`Transfer-Encoding: chunked`) for an empty one. Where the server promises that the body ends by itself, as Granian
does with `wsgi.input_terminated`, it can be read to its end, within the limits that a stated length has.

Of a client that goes away in the middle Granian tells nothing: the body is just shorter than it said. A form that was
cut off would then be a whole one, whose other fields were emptied.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from assets.uploads import FORM_BYTES


class BoundedStream(io.IOBase):
    """A body that may have at most so many bytes; what is longer is refused."""

    def __init__(self, stream: IO[bytes], most_bytes: int) -> None:
        self.stream, self.most_bytes, self.taken = stream, most_bytes, 0

    def read(self, size: int | None = -1, /) -> bytes:
        left = self.most_bytes + 1 - self.taken
        data = self.stream.read(left if size is None or size < 0 else min(size, left))
        self.taken += len(data)
        if self.taken > self.most_bytes:
            raise RequestDataTooBig(f"A body of unknown length has more than {self.most_bytes} bytes.")
        return data


class WholeStream(io.IOBase):
    """A body that must have as many bytes as it said."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self.stream, self.left = stream, length

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(64 * 1024), b""))
        wanted = min(size, self.left)
        data = self.stream.read(wanted) if wanted else b""
        if wanted and not data:
            raise OSError("the client broke off")  # which Django turns into an UnreadablePostError
        self.left -= len(data)
        return data


class Bodies:
    """Middleware, before all that reads a body; it reads nothing itself, for nobody knows yet who is asking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        is_chunked = "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower() and not meta.get("CONTENT_LENGTH")
        if is_chunked and meta.get("wsgi.input_terminated"):
            most = _most_bytes(request)
            meta["CONTENT_LENGTH"] = str(most)
            request._stream = BoundedStream(meta["wsgi.input"], most)  # type: ignore[assignment]
        elif length := _stated_length(meta.get("CONTENT_LENGTH") or ""):
            request._stream = WholeStream(meta["wsgi.input"], length)  # type: ignore[assignment]
        return self.get_response(request)


def _stated_length(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _most_bytes(request: HttpRequest) -> int:
    if request.content_type == "multipart/form-data":
        return settings.CONFIG.upload_max_bytes + FORM_BYTES
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
