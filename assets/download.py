"""A master's stored bytes over HTTP, with ETag and Range (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from django.core.files.storage import Storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from assets.errors import StorageUnavailable
from assets.models import Master

CONTENT_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "ico": "image/x-icon",
}
EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
CHUNK_BYTES = 256 * 1024


def send_master(request: HttpRequest, master: Master, storage: Storage) -> HttpResponseBase:
    """This will answer with the whole file, the asked range (206), 304, or 416 where the range lies outside."""
    blob = master.blob
    etag = f'"{blob.digest}"'
    span = _asked_range(request, etag, blob.byte_size)
    response: HttpResponseBase
    if span == ():
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{blob.byte_size}"})
    else:
        try:
            file = storage.open(blob.storage_name)
        except Exception as error:
            raise StorageUnavailable("The stored original cannot be read at the moment.") from error
        if span:
            start, end = span
            file.seek(start)
            response = StreamingHttpResponse(_chunks(file, end - start + 1), status=206)
            response["Content-Range"] = f"bytes {start}-{end}/{blob.byte_size}"
            response["Content-Length"] = str(end - start + 1)
        else:
            response = FileResponse(file)
            response["Content-Length"] = str(blob.byte_size)
        response["Content-Type"] = CONTENT_TYPES[blob.format]
    name = f"{master.original_name}.{EXTENSIONS.get(blob.format, blob.format)}"
    response["Content-Disposition"] = content_disposition_header(False, name) or "inline"
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=0, must-revalidate"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if response.status_code == 200:
        answer = get_conditional_response(request, etag=etag, response=response)  # type: ignore[arg-type]
        if answer is not None and answer is not response:
            response.close()
            return answer
    return response


def _asked_range(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | tuple[()] | None:
    """This will give the first and last byte asked for, `()` where they lie outside, `None` for the whole file.

    One range only: several, or a unit other than bytes, may be answered with the whole file (RFC 9110, 14.2).
    """
    header = request.headers.get("Range", "")
    if request.headers.get("If-Range", etag) != etag or request.headers.get("If-None-Match"):
        return None
    match = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", header, re.ASCII)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) and size else ()
    if int(first) >= size:
        return ()
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if end >= int(first) else None


def _chunks(file: IO[Any], remaining: int) -> Iterator[bytes]:
    with file:
        while remaining > 0 and (chunk := file.read(min(CHUNK_BYTES, remaining))):
            remaining -= len(chunk)
            yield chunk
