"""Uploads on their way in: to a temporary file, hashed as they come, stopped when they grow too large."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest, UnreadablePostError, multipartparser
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import DataAndFiles, MultiPartParser
from rest_framework.request import Request

from assets.errors import BadUpload, StorageFull, UploadTooLarge
from assets.names import original_name
from pipeline.errors import ImgoptError

TOO_LARGE = "imgopt.upload_too_large"
NOT_A_FORM = "invalid multipart form"
FORM_BYTES = 4_000_000
"""What boundaries, headers and fields may take besides the files; Django allows 2.5 MB of fields."""


TELLS_TOO_LARGE = "imgopt.tells_too_large"
"""In a request's META: whoever reads this form looks at TOO_LARGE himself."""
TELLING_PAGES = frozenset({"assets_master_add", "assets_master_change"})
"""They say it at the field."""


class HashingUploadHandler(TemporaryFileUploadHandler):
    """Django's handler for temporary files, which also knows the SHA-256 and a limit for the whole request."""

    received = 0

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        # Django takes the extension over into the temporary file's name, where a long one is too long for the disk.
        super().new_file(field_name, f"{original_name(file_name)}.upload", *args, **kwargs)
        self.sha256 = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        if self.received > settings.CONFIG.upload_max_bytes:
            assert self.request is not None  # noqa: S101  set by Django's constructor
            self.request.META[TOO_LARGE] = True
            raise StopUpload(connection_reset=True)
        self.sha256.update(raw_data)
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        file = super().file_complete(file_size)
        if file is not None:
            file.digest = self.sha256.hexdigest()  # type: ignore[attr-defined]
        return file

    def upload_complete(self) -> None:
        """This will refuse a form that was stopped. Django takes what came before for the whole of it: every field
        behind the file would count as emptied."""
        if self.request is None or not self.request.META.get(TOO_LARGE) or self.request.META.get(TELLS_TOO_LARGE):
            return
        if self.request.resolver_match is None or self.request.resolver_match.url_name not in TELLING_PAGES:
            raise RequestDataTooBig(too_large().message)


class Tail:
    """A stream that remembers its last bytes."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self.stream, self.length, self.last = stream, length, b""

    def read(self, size: int = -1) -> bytes:
        chunk = self.stream.read(size)
        self.last = (self.last + chunk[-self.length :])[-self.length :]
        return chunk


class _FormParser(multipartparser.MultiPartParser):
    """Django's parser, which drops two kinds of parts and says nothing, so that of two files one would be stored:
    here a form that was cut off is no form, and a part stays although nothing of its file name is left."""

    _boundary: bytes
    _input_data: Any
    _meta: dict[str, Any]

    def parse(self) -> tuple[Any, MultiValueDict[str, UploadedFile[Any]]]:
        self._input_data = tail = Tail(self._input_data, length=1024)
        data, files = super().parse()
        if b"--" + self._boundary + b"--" not in tail.last and not self._meta.get(TOO_LARGE):
            _close(files)
            raise multipartparser.MultiPartParserError("the closing boundary is missing")
        return data, files

    def sanitize_file_name(self, file_name: str) -> str:
        return super().sanitize_file_name(file_name) or "unknown"


class UploadParser(MultiPartParser):
    """DRF's parser for forms with our own sentences; whatever goes wrong, no temporary file stays."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles[Any, Any]:
        request: HttpRequest = (parser_context or {})["request"]._request
        handlers = request.upload_handlers
        request.META[TELLS_TOO_LARGE] = True
        try:
            _refuse_by_length(request)
            data, files = _FormParser(request.META, stream, handlers, "utf-8").parse()
        except BaseException as error:
            for handler in handlers:
                handler.upload_interrupted()
            named = _named(error)
            if named is None:
                raise
            raise named from error
        if request.META.get(TOO_LARGE):
            _close(files)
            raise too_large()
        return DataAndFiles(data, files)


def too_large() -> UploadTooLarge:
    return UploadTooLarge(f"Expected at most {settings.CONFIG.upload_max_bytes:,} bytes in one upload, received more.")


def uploaded_files(request: Request) -> list[TemporaryUploadedFile]:
    """This will give the parts called `file` in their order, or say what is wrong with the request."""
    try:
        files = request.FILES
    except UnsupportedMediaType as error:
        raise BadUpload(NOT_A_FORM) from error
    if request.stream is None:  # no body, which DRF takes for an empty form
        raise BadUpload(NOT_A_FORM)
    parts = [part for part in files.getlist("file") if isinstance(part, TemporaryUploadedFile)]
    if not parts:
        raise BadUpload("no images provided")
    return parts


def upload_from_bytes(data: bytes, name: str) -> TemporaryUploadedFile:
    """This will make of bytes what an upload request makes of a part."""
    upload = TemporaryUploadedFile(name, "application/octet-stream", len(data), None)
    upload.write(data)
    upload.flush()
    upload.digest = hashlib.sha256(data).hexdigest()  # type: ignore[attr-defined]
    return upload


def _refuse_by_length(request: HttpRequest) -> None:
    """This will turn away at once what says itself that it is too large; boundaries and fields are allowed for."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) > settings.CONFIG.upload_max_bytes + FORM_BYTES:
        raise too_large()


def _named(error: BaseException) -> ImgoptError | None:
    """This will find the error of ours for one of Django's; `None` where it is none that a request can cause."""
    if isinstance(error, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return BadUpload(f"Expected at most {most} files in one upload, received more.")
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent):
        return BadUpload("Expected few and short fields beside the files, received too many or too long ones.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("There is no space left for uploads.")
    # The client that went away is an UnreadablePostError.
    if isinstance(error, multipartparser.MultiPartParserError | UnreadablePostError | ValueError):
        return BadUpload(NOT_A_FORM)
    return None


def _close(files: MultiValueDict[str, UploadedFile[Any]]) -> None:
    for _, parts in files.lists():
        for part in parts:
            part.close()
