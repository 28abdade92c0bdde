"""Somebody who calls the REST API, and ways to look at what is left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client

from apikeys import service
from assets.models import Blob, Master
from tests.images import encoded, scene

IMAGES = "/api/v1/images"
BOUNDARY = "----imgopt-tests"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@cache
def photo(kind: str = "jpeg", seed: int = 1) -> bytes:
    return encoded(scene(48, 36, seed=seed), kind)


@dataclass(frozen=True)
class Part:
    """One part of a form; without `file_name` it is a plain field."""

    body: bytes
    file_name: str | None = "photo.jpg"
    name: str = "file"

    def __bytes__(self) -> bytes:
        file_name = "" if self.file_name is None else f'; filename="{self.file_name}"'
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.name}"{file_name}\r\n\r\n'
        return head.encode() + self.body + b"\r\n"


def form(*parts: Part) -> bytes:
    return b"".join(bytes(part) for part in parts) + f"--{BOUNDARY}--\r\n".encode()


@dataclass
class Caller:
    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @classmethod
    def with_scopes(cls, *scopes: str) -> Caller:
        token = service.issue(name="tests", scopes=scopes, burst=1000, rate_per_second=1000).token
        return cls({"Authorization": f"Bearer {token}"})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """This will return the answer with `body`, and `pieces` as it was sent in."""
        every = {**self.headers, **(headers or {})}
        answer: Any = self.client.generic(method, path, body, content_type, headers=every)
        answer.pieces = list(answer.streaming_content) if answer.streaming else [answer.content]
        answer.body = b"".join(answer.pieces)
        request_finished.disconnect(close_old_connections)  # it would close the test's own, transaction and all
        answer.close()
        request_finished.connect(close_old_connections)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post_form(self, *parts: Part) -> Any:
        return self.ask("POST", IMAGES, form(*parts), FORM)

    def upload(self, body: bytes | None = None, file_name: str = "photo.jpg", key: str | None = None) -> dict[str, Any]:
        """This will upload one file and return what is told of it."""
        fields = [] if key is None else [Part(key.encode(), None, "key")]
        answer = self.post_form(Part(photo() if body is None else body, file_name), *fields)
        assert answer.status_code == 201, answer.content
        [image] = answer.json()
        return dict(image)

    def patch(self, reference: str, document: Any) -> Any:
        return self.ask("PATCH", f"/api/v1/image/{reference}", json.dumps(document).encode(), "application/json")

    def put(self, reference: str, *parts: Part) -> Any:
        return self.ask("PUT", f"/api/v1/image/{reference}", form(*parts), FORM)

    def delete(self, reference: str) -> Any:
        return self.ask("DELETE", f"/api/v1/image/{reference}")


def problem(answer: Any) -> tuple[int, str, str]:
    """This will return status, code and sentence of an error, after checking the one shape that errors have."""
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    body = json.loads(answer.content)
    assert set(body) == {"code", "message", "error"}
    assert body["message"] == body["error"]
    return answer.status_code, body["code"], body["message"]


def files_under(folder: str | Path) -> list[Path]:
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def stored_files() -> list[Path]:
    return files_under(settings.STORAGES["masters"]["OPTIONS"]["location"])


def is_nothing_left() -> bool:
    """Whether there is neither row nor file, not even a temporary one; what there is, the failure tells."""
    left = {
        "masters": list(Master.objects.values_list("original_name", flat=True)),
        "blobs": list(Blob.objects.values_list("digest", flat=True)),
        "stored": stored_files(),
        "temporary": files_under(settings.FILE_UPLOAD_TEMP_DIR),
    }
    assert not any(left.values()), left
    return True


def names_of(images: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(image["originalName"]) for image in images]
