"""What can go wrong with masters.

ImgoptError
├── MasterNotFound       no master of that id or key
├── BadUpload            the request carries no files, or not in the promised form
├── UploadTooLarge       more bytes than one upload may have
├── KeyTaken             another master has that key
├── NoDirectUploads      masters are not kept on S3, so nothing can be uploaded there
├── StorageUnavailable   the masters' storage does not answer, or has lost the file
└── StorageFull          no space left for a master
"""

from __future__ import annotations

from pipeline.errors import ImgoptError


class MasterNotFound(ImgoptError):
    code = "not_found"

    def __init__(self, message: str = "Image not found") -> None:
        super().__init__(message)


class BadUpload(ImgoptError):
    code = "bad_request"


class UploadTooLarge(ImgoptError):
    code = "upload_too_large"


class KeyTaken(ImgoptError):
    code = "key_taken"


class NoDirectUploads(ImgoptError):
    code = "no_direct_uploads"


class StorageUnavailable(ImgoptError):
    code = "storage_unavailable"
    retry_after_seconds = 2


class StorageFull(ImgoptError):
    code = "storage_full"
