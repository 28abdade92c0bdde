"""A master's stored bytes over HTTP, with ETag and Range (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.files.base import File
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from assets.blobs import open_blob
from assets.connections import give_back
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


def send_master(request: HttpRequest, master: Master) -> HttpResponseBase:
    """This will answer with the whole file, the asked range (206), 304, 412, or 416 where the range lies outside."""
    blob = master.blob
    etag = f'"{blob.digest}"'
    headers = _headers(master, etag)
    conditional = get_conditional_response(request, etag=etag, response=HttpResponse(headers=headers))
    if conditional is not None and conditional.status_code == 304:
        return conditional
    if conditional is not None and conditional.status_code == 412:
        return _refusal("precondition_failed", 412, "The image is another one by now.", headers)
    span = _asked_range(request, etag, blob.byte_size)
    if span == ():
        headers["Content-Range"] = f"bytes */{blob.byte_size}"
        return _refusal("range_not_satisfiable", 416, f"Expected a range within {blob.byte_size} bytes.", headers)
    give_back()  # who takes it slowly takes minutes
    file = open_blob(blob)
    first, last = span or (0, blob.byte_size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{blob.byte_size}"
    if request.method == "HEAD":
        file.close()
        return HttpResponse(headers=headers)
    file.seek(first)
    return StreamingHttpResponse(Pieces(file, last - first + 1), status=206 if span else 200, headers=headers)


def _headers(master: Master, etag: str) -> dict[str, str]:
    file_format = master.blob.format
    name = f"{master.original_name}.{EXTENSIONS.get(file_format, file_format)}"
    return {
        "Content-Type": CONTENT_TYPES[file_format],
        "Content-Disposition": content_disposition_header(False, name) or "inline",
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _refusal(code: str, status: int, sentence: str, headers: Mapping[str, str]) -> JsonResponse:
    kept = {name: headers[name] for name in ("ETag", "Content-Range") if name in headers}
    body = {"code": code, "message": sentence, "error": sentence}
    return JsonResponse(body, status=status, headers={**kept, "Cache-Control": "no-store"})


def _asked_range(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | tuple[()] | None:
    """This will give the first and last byte asked for, `()` where they lie outside, `None` for the whole file.

    One range of a GET only: several, or a unit other than bytes, may be answered with the whole file (RFC 9110, 14.2).
    """
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", request.headers.get("Range", ""))
    if request.method != "GET" or match is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is None:
        if last is None:
            return None
        return (max(0, size - last), size - 1) if last else ()
    if last is not None and last < first:
        return None
    return (first, size - 1 if last is None else min(last, size - 1)) if first < size else ()


class Pieces:
    """A part of a file, piece by piece; a response that is dropped before its first piece closes the file too."""

    def __init__(self, file: File[Any], remaining: int) -> None:
        self.file, self.remaining = file, remaining
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self.file.read(min(CHUNK_BYTES, self.remaining))
        if not piece:
            raise StopIteration
        self.remaining -= len(piece)
        return piece
