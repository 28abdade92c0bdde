"""The main job over HTTP, against the server that `make run` starts: a photo goes in, signed variants come out."""

from __future__ import annotations

import http.client
import io
import json
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.e2e.server import Server, multipart

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.api_key


@pytest.fixture(scope="module")
def photo(shared_images: Path) -> bytes:
    return (shared_images / "photos" / "wikimedia_portrait_giunchedi.jpg").read_bytes()


def sign(server: Server, key: str, image: str, **params: str) -> str:
    answer = server.api("/api/v1/sign", key, method="POST", document={"image": image, "params": params})
    assert answer.status == 200, answer.body
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def test_greets_once_with_what_a_newcomer_needs(server: Server, key: str) -> None:
    first = server.text
    assert f"http://127.0.0.1:{server.port}/admin/" in first
    assert "password  " in first
    assert "curl -H" in first

    demo = next(line.strip() for line in first.splitlines() if "/i/demo/" in line)
    answer = server.request(demo)
    assert (answer.status, Image.open(io.BytesIO(answer.body)).width) == (200, 800)


def test_walks_from_render_to_memory_to_storage_to_304_and_after_a_purge_to_render(
    server: Server, photo: bytes
) -> None:
    key = server.api_key
    [image] = server.upload(key, ("Mein Porträt (1).jpg", photo)).json
    assert image["originalName"] == "Mein_Portr_t_1"
    assert (image["format"], image["width"], image["height"]) == ("jpeg", 800, 533)

    urls = {kind: sign(server, key, image["id"], w="320", fm=kind, q="75") for kind in ("avif", "webp", "jpg", "png")}
    for kind, url in urls.items():
        answer = server.request(url)
        assert answer.status == 200, answer.body
        assert answer.headers["x-cache"] == "render"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        picture = Image.open(io.BytesIO(answer.body))
        assert (picture.format, picture.size) == ({"jpg": "JPEG"}.get(kind, kind.upper()), (320, 213))
        assert not picture.getexif()

    warm = server.request(urls["webp"])
    assert warm.headers["x-cache"] == "memory"

    first_words = server.text
    assert server.stop() == 0
    server.start()
    assert "password  " not in server.text, "the second start must show no secret again"
    assert "imgo_" not in server.text
    cold = server.request(urls["webp"])
    assert (cold.headers["x-cache"], cold.body) == ("storage", warm.body)

    etag = {"If-None-Match": cold.headers["etag"]}
    unchanged = server.request(urls["webp"], headers=etag)
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", cold.headers["etag"])

    assert server.api(f"/api/v1/image/{image['id']}/purge", key, method="POST").status == 204
    again = server.request(urls["webp"], headers=etag)
    assert (again.status, again.headers["x-cache"]) == (304, "render")
    server.output.insert(0, first_words)


def test_negotiates_and_says_so_on_every_kind_of_answer(server: Server, key: str, photo: bytes) -> None:
    """With a quality of its own: else the smallest of the accepted formats takes over as soon as a worker knows it."""
    [image] = server.upload(server.api_key, ("a.jpg", photo)).json
    url = sign(server, server.api_key, image["id"], w="240", q="75")
    browser = {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"}
    for headers, content_type in (
        (browser, "image/avif"),
        ({"Accept": "image/avif;q=0,image/webp,*/*"}, "image/webp"),
        ({"Accept": "*/*"}, "image/jpeg"),
    ):
        for _ in ("render", "memory"):
            answer = server.request(url, headers=headers)
            assert (answer.headers["content-type"], answer.headers["vary"]) == (content_type, "Accept")
    unchanged = server.request(
        url, headers={**browser, "If-None-Match": server.request(url, headers=browser).headers["etag"]}
    )
    assert (unchanged.status, unchanged.headers["vary"]) == (304, "Accept")
    refused = server.request(url + "x", headers=browser)
    assert (refused.status, refused.headers["vary"], refused.headers["cache-control"]) == (403, "Accept", "no-store")


def test_answers_head_like_get_without_the_body(server: Server, photo: bytes) -> None:
    [image] = server.upload(server.api_key, ("a.jpg", photo)).json
    url = sign(server, server.api_key, image["id"], w="160", fm="webp", q="75")
    for _ in ("render", "memory"):
        head = server.request(url, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) == len(server.request(url).body)
    assert server.request(url, method="POST").status == 405


def test_sends_the_original_byte_for_byte_whole_and_in_part(server: Server, photo: bytes) -> None:
    key = server.api_key
    [image] = server.upload(key, ("a.jpg", photo)).json
    bearer = {"Authorization": f"Bearer {key}"}
    whole = server.request(f"/image/{image['id']}", headers=bearer)
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, photo, "image/jpeg")
    part = server.request(f"/image/{image['id']}", headers={**bearer, "Range": "bytes=100-199"})
    assert (part.status, part.body) == (206, photo[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(photo)}"
    assert server.request(f"/image/{image['id']}").status == 401


def test_takes_an_upload_of_unknown_length(server: Server, photo: bytes) -> None:
    body, content_type = multipart((("a.jpg", photo),), {})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {server.api_key}", "Content-Type": content_type}
    # An iterable without a length is sent in chunks.
    connection.request("POST", "/api/v1/images", (body[at : at + 5000] for at in range(0, len(body), 5000)), headers)
    with connection.getresponse() as answer:
        assert (answer.status, json.loads(answer.read())[0]["byteSize"]) == (201, len(photo))
    connection.close()


def test_is_alive_and_ready(server: Server) -> None:
    assert server.request("/healthz").json == {"status": "ok"}
    ready = server.request("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "ok")


def test_a_taken_port_is_told_in_a_sentence(server: Server, tmp_path: Path) -> None:
    second = Server(tmp_path, port=server.port)
    second.start()
    assert second.stop() != 0
    assert f"Port {server.port} on 127.0.0.1 cannot be used" in second.text
    assert "Traceback" not in second.text


def test_ctrl_c_ends_server_and_children(tmp_path: Path, server: Server) -> None:
    """A server of its own on the first one's installation: nothing but this test stops it."""
    import subprocess

    second = Server(server.data_dir)
    second.start()
    assert second.process is not None
    group = second.process.pid
    assert second.request("/readyz").status == 200  # starts the render children
    assert second.stop(signal.SIGINT) == 0
    left = subprocess.run(["ps", "-o", "pid=", "-g", str(group)], capture_output=True, text=True, check=False)
    assert left.stdout.strip() == ""
