"""The service's REST API, as far as a site with pictures needs it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import PurePath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from imgopt_client.errors import ApiError, BadArgument, NoAnswer, NotFound
from imgopt_client.image import Image, from_api

MAX_ANSWER_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Calls with one API key; each raises `ApiError` for what the service refuses, `NoAnswer` where it is silent."""

    url: str
    key: str = field(repr=False)
    timeout_seconds: float = 10.0
    """For each wait for the network, not for the whole call."""

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise BadArgument(f"Expected an address such as https://img.example.org, received {self.url[:80]!r}.")

    def image(self, reference: str) -> Image:
        """This will ask for the facts that markup needs. Scope `read`."""
        return from_api(self.document(reference))

    def document(self, reference: str) -> Mapping[str, Any]:
        """This will ask for all that is known of a picture. Scope `read`."""
        answer: Mapping[str, Any] = self._call("GET", f"/api/v1/image/{quote(reference, safe='/@~')}")
        return answer

    def upload(self, name: str, body: bytes, *, key: str = "") -> str:
        """This will store a picture and give its id; `key` names it in URLs. Scope `upload`."""
        boundary = secrets.token_hex(16)
        file_name = quote(PurePath(name).name, safe=" ()._-~")
        parts = [("file", f'; filename="{file_name}"', body)] + ([("key", "", key.encode())] if key else [])
        form = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"{more}\r\n\r\n'.encode() + content + b"\r\n"
            for part, more, content in parts
        )
        kind = f"multipart/form-data; boundary={boundary}"
        [stored] = self._call("POST", "/api/v1/images", form + f"--{boundary}--\r\n".encode(), kind)
        return str(stored["id"])

    def sign(self, reference: str, params: Mapping[str, str], *, expires_in: int | None = None) -> str:
        """This will ask for the signed URL of one variant, for who has no signing key. Scope `sign`."""
        document = {"image": reference, "params": dict(params), "expiresIn": expires_in}
        answer = self._call("POST", "/api/v1/sign", json.dumps(document).encode(), "application/json")
        return str(answer["url"])

    def _call(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **({"Content-Type": content_type} if body else {})}
        request = Request(self.url.rstrip("/") + path, data=body, headers=headers, method=method)  # noqa: S310
        try:
            with OPENER.open(request, timeout=self.timeout_seconds) as answer:
                return json.loads(answer.read(MAX_ANSWER_BYTES))
        except HTTPError as error:
            with error:
                raise _refusal(error) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(f"Expected an answer in JSON of {self.url}, received none: {error}.") from error


class _NoRedirects(HTTPRedirectHandler):
    """The key is sent to nobody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


OPENER = build_opener(_NoRedirects)


def _refusal(error: HTTPError) -> ApiError:
    try:
        said = json.loads(error.read(MAX_ANSWER_BYTES))
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError, OSError):
        code, message = "unknown", f"The service answered {error.code}."
    kind = NotFound if error.code == 404 else ApiError
    return kind(message, status=error.code, code=code)
