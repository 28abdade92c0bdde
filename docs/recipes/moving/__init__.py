"""Other services' URLs, said in this service's words: Python 3.11 or newer, nothing else.

    from moving.imgix import from_imgix              from moving.imgproxy import from_imgproxy
    from moving.cloudinary import from_cloudinary    from moving.thumbor import from_thumbor

Each gives `(reference, params)`, ready to be signed: the master's key, and what is asked of it. What has no
counterpart is a `ValueError` that names it, so that nothing is lost in silence; docs/moving says what to do instead.
"""

from __future__ import annotations

import base64
import re
import unicodedata


def reference_of(path: str, origin: str = "") -> str:
    """This will give the key that `import_masters` makes of a file's path.

    With the name of an origin it is the reference there, and nothing needs to be imported.

    >>> reference_of("/products/Rote Schühe.jpg"), reference_of("/products/shoe.jpg", origin="shop")
    ('products/Rote-Schuhe', '@shop/products/shoe.jpg')
    """
    path = path.lstrip("/")
    if not origin:
        parts = re.sub(r"(?<=[^/])\.[^./]*$", "", path).split("/")
        return "/".join(filter(None, map(_key_part, parts)))
    if re.fullmatch(r"[A-Za-z0-9._/-][A-Za-z0-9._~/-]*", path):
        return f"@{origin}/{path}"
    return f"@{origin}/~{base64.urlsafe_b64encode(path.encode()).decode().rstrip('=')}"


def _key_part(part: str) -> str:
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", part) if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9_~-]+", "-", plain).strip("-")


def decoded(text: str) -> str:
    """This will read URL-safe base64 with or without its padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
