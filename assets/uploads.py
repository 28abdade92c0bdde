"""Uploads on their way in: to a temporary file, hashed as they come, stopped when they grow too large."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict

from assets.errors import BadUpload, UploadTooLarge

TOO_LARGE = "imgopt.upload_too_large"


class HashingUploadHandler(TemporaryFileUploadHandler):
    """Django's handler for temporary files, which also knows the SHA-256 and a limit for the whole request."""

    received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
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


def too_large() -> UploadTooLarge:
    return UploadTooLarge(f"Expected at most {settings.CONFIG.upload_max_bytes:,} bytes in one upload, received more.")


def uploaded_files(request: HttpRequest, files: MultiValueDict[str, UploadedFile[Any]]) -> list[TemporaryUploadedFile]:
    """This will give the parts called `file` in their order, or say what is wrong with the request."""
    if request.META.get(TOO_LARGE):
        raise too_large()
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
