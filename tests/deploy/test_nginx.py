"""`deploy/nginx.conf` under a real nginx, before servers that answer as they are told to."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy import nginx
from deploy.stack.processes import Processes, answers, free_port
from deploy.stack.services import find_program
from tests.deploy.origin import DRAFT, YEAR, Asked, Origin, Told, image

pytestmark = pytest.mark.services

NGINX = find_program("nginx")
AVIF = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
WEBP = "image/webp,*/*"
# As browsers, libraries and people write it.
SPELLINGS = {
    AVIF: "avif",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5": "avif",
    "IMAGE/AVIF, image/webp": "avif",
    "text/html,image/avif ;q=0.9": "avif",
    WEBP: "webp",
    "image/webp,image/apng,image/*,*/*;q=0.8": "webp",
    "image/avif;q=0,image/webp": "webp",
    "*/*": "",
    "image/png,image/*;q=0.8": "",
    "image/avif;q=0.000, image/webp; q=0, image/x-avif, */*": "",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def tier(self) -> str | None:
        return self.headers.get("x-cache")


class Front:
    """A running nginx."""

    def __init__(self, folder: Path, servers: list[Origin], **values: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes = Processes(folder)
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        self.main = nginx.write(folder, addresses, LISTEN=f"127.0.0.1:{self.port}", **values)

    def start(self) -> None:
        command = [str(NGINX), "-e", str(self.folder / "error.log"), "-p", str(self.folder), "-c", str(self.main)]
        self.processes.start("nginx", command)
        self.processes.wait_until("nginx", lambda: answers(self.port))

    def stop(self) -> None:
        self.processes.end("nginx")

    def ask(self, target: str, accept: str = AVIF, *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, target, body or None, {"Accept": accept, **named})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def logged(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    servers = [Origin(), Origin()]
    for server in servers:
        server.answer = lambda _: image()
        server.open()
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def start(tmp_path: Path, origins: list[Origin]) -> Iterator[Callable[..., Front]]:
    if NGINX is None:
        pytest.skip("needs nginx: apt install nginx")
    running: list[Front] = []

    def begin(**values: str) -> Front:
        front = Front(tmp_path / "nginx", origins, **values)
        front.start()
        running.append(front)
        return front

    yield begin
    for front in running:
        front.stop()


@pytest.fixture
def front(start: Callable[..., Front]) -> Front:
    return start()


def tell(origins: list[Origin], answer: Callable[[Asked], Told] | Told) -> None:
    for each in origins:
        each.answer = answer if callable(answer) else lambda _: answer


def asked(origins: list[Origin]) -> list[Asked]:
    return [each for origin in origins for each in origin.asked]


def test_nginx_itself_finds_the_shipped_file_right(tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip("needs nginx: apt install nginx")
    main = nginx.write(tmp_path, ["127.0.0.1:8001", "127.0.0.1:8002"], LISTEN=f"127.0.0.1:{free_port()}")
    command = [NGINX, "-t", "-q", "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", str(main)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_envsubst_of_the_official_image_makes_the_same_of_it() -> None:
    program = shutil.which("envsubst")
    if program is None:
        pytest.skip("needs envsubst: apt install gettext-base")
    lines = nginx.server_lines(["web:8000"])
    values = {**nginx.DEFAULTS, "SERVERS": lines}
    environment = {f"IMGOPT_NGINX_{name}": value for name, value in values.items()}
    named = " ".join(f"${{{name}}}" for name in environment)
    done = subprocess.run(
        [program, named], env=environment, input=nginx.TEMPLATE.read_text(), capture_output=True, text=True, check=True
    )
    assert done.stdout == nginx.filled(["web:8000"])


def test_every_variable_of_the_file_is_explained_at_its_head() -> None:
    text = nginx.TEMPLATE.read_text()
    head = text.split("\n\n")[0] + text.split("\n\n")[1]
    used = set(nginx.VARIABLE.findall(text))
    assert used == {*nginx.DEFAULTS, "SERVERS"}
    assert used <= set(re.findall(r"IMGOPT_NGINX_([A-Z_]+)", head))


def test_ten_spellings_of_accept_are_three_entries(front: Front, origins: list[Origin]) -> None:
    def by_class(request: Asked) -> Told:
        return image(request.headers["accept"].partition(",")[0].replace("/", "-").encode())

    tell(origins, by_class)
    bodies = {accept: front.ask("/i/a?s=1", accept).body for accept in SPELLINGS}
    kinds = {"avif": b"image-avif", "webp": b"image-webp", "": b"*-*"}
    assert bodies == {accept: kinds[kind] for accept, kind in SPELLINGS.items()}
    assert len(asked(origins)) == 3
    again = front.ask("/i/a?s=1", "image/webp,image/png")
    assert (again.tier, again.headers["vary"]) == ("cdn", "Accept")


def test_a_hit_says_cdn_and_nothing_of_the_request_that_filled_it(front: Front) -> None:
    first = front.ask("/i/a?s=1", X_Request_ID="first")
    hit = front.ask("/i/a?s=1", X_Request_ID="second")
    assert (first.tier, first.headers["x-request-id"], first.headers["server-timing"]) == (
        "render", "first", "total;dur=500",
    )  # fmt: skip
    assert (hit.tier, hit.headers["x-request-id"], hit.headers["server-timing"]) == ("cdn", "second", "cdn;desc=HIT")
    assert (hit.body, hit.headers["cache-control"], hit.headers["etag"]) == (b"picture", YEAR, '"picture"')


def test_a_revisioned_url_is_kept_and_answered_without_the_servers(front: Front, origins: list[Origin]) -> None:
    front.ask("/i/a?v=1&s=1")
    for each in origins:
        each.close()
    assert front.ask("/i/a?v=1&s=1").tier == "cdn"
    assert front.ask("/i/a?v=1&s=1", If_None_Match='"picture"').status == 304
    assert len(asked(origins)) == 1


def test_what_is_due_is_compared_with_a_304_and_sent_from_here(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=REVALIDATED")
    assert [each.headers.get("if-none-match") for each in asked(origins)] == [None, '"picture"']
    assert "x-accel-expires" not in front.ask("/i/a?s=1").headers


def test_what_is_refused_when_it_is_due_is_gone_at_once(front: Front, origins: list[Origin]) -> None:
    """A revoked key; and a server that is away afterwards does not bring it back."""
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    tell(origins, Told(403, b'{"code":"bad_signature"}', {"Cache-Control": "no-store"}))
    wait_until(lambda: front.ask("/i/a?s=1").status == 403)
    with ThreadPoolExecutor(20) as threads:
        statuses = {each.status for each in threads.map(front.ask, ["/i/a?s=1"] * 40)}
    assert statuses == {403}


def test_nothing_old_is_shown_while_it_is_being_compared(front: Front, origins: list[Origin]) -> None:
    """Neither a draft whose final is there, nor what a revoked key has signed."""
    tell(origins, image(b"draft", "public, max-age=1"))
    front.ask("/i/a?s=1")
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] != "cdn;desc=HIT")

    def late(_: Asked) -> Told:
        time.sleep(1)
        return image(b"final")

    tell(origins, image(b"draft", "public, max-age=1"))
    front.ask("/i/a?s=1")
    time.sleep(2.1)  # the only way to let nginx's clock pass the draft's second
    tell(origins, late)
    with ThreadPoolExecutor(8) as threads:
        bodies = {each.body for each in threads.map(front.ask, ["/i/a?s=1"] * 8)}
    assert bodies == {b"final"}


def test_a_draft_is_kept_for_its_two_seconds_only(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(b"draft", DRAFT))
    assert front.ask("/i/a?s=1").body == b"draft"
    tell(origins, image(b"final"))
    began = time.monotonic()
    wait_until(lambda: front.ask("/i/a?s=1").body == b"final")
    assert time.monotonic() - began < 10
    assert len(asked(origins)) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 429, 503])
def test_errors_are_not_kept(front: Front, origins: list[Origin], status: int) -> None:
    tell(origins, Told(status, b'{"code":"x"}', {"Cache-Control": "no-store", "Content-Type": "application/json"}))
    first, second = front.ask("/i/a?s=1"), front.ask("/i/a?s=1")
    assert (first.status, second.status, second.body) == (status, status, b'{"code":"x"}')
    assert len(asked(origins)) == 2


@pytest.mark.parametrize("cache_control", ["private, max-age=600", YEAR])
def test_urls_that_expire_are_never_kept_whatever_the_server_says(
    front: Front, origins: list[Origin], cache_control: str
) -> None:
    tell(origins, image(cache_control=cache_control))
    target = "/i/a?expires=9999999999&s=1"
    assert [front.ask(target).tier for _ in range(3)] == ["render"] * 3
    assert len(asked(origins)) == 3


def test_what_is_private_is_never_kept(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(cache_control="private, max-age=600"))
    assert [front.ask("/i/a?s=1").tier for _ in range(2)] == ["render"] * 2


def test_fifty_who_miss_together_are_one_request(front: Front, origins: list[Origin]) -> None:
    def slow(_: Asked) -> Told:
        time.sleep(0.3)
        return image()

    tell(origins, slow)
    together = Barrier(50)

    def one(_: int) -> Answer:
        together.wait()
        return front.ask("/i/a?s=1")

    with ThreadPoolExecutor(50) as threads:
        found = list(threads.map(one, range(50)))
    assert {each.status for each in found} == {200}
    assert len(asked(origins)) == 1
    assert sorted({str(each.tier) for each in found}) == ["cdn", "render"]


def test_it_answers_from_what_it_has_while_no_server_does(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    for each in origins:
        each.close()
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=STALE")
    stale = front.ask("/i/a?s=1")
    assert (stale.status, stale.tier, stale.body) == (200, "cdn", b"picture")
    unknown = front.ask("/i/b?s=1")
    assert (unknown.status, json.loads(unknown.body)["code"]) == (503, "unavailable")
    assert (unknown.headers["retry-after"], unknown.headers["cache-control"]) == ("2", "no-store")


def test_a_server_that_is_busy_is_spared_where_there_is_something_to_show(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    tell(origins, Told(503, b"busy", {"Cache-Control": "no-store"}))
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=STALE")


def test_one_server_that_is_away_costs_no_request(front: Front, origins: list[Origin]) -> None:
    origins[0].close()
    assert [front.ask(f"/i/{n}?s=1").status for n in range(30)] == [200] * 30
    assert [front.ask("/api/v1/sign", method="POST", body=b"{}").status for n in range(10)] == [200] * 10
    origins[0].open()
    origins[1].close()
    assert [front.ask(f"/i/{n}?s=2").status for n in range(30)] == [200] * 30


def test_a_call_that_changes_something_is_never_sent_twice(front: Front, origins: list[Origin]) -> None:
    """A server that dies over it may have done it."""
    for each in origins:
        each.answer = die
    assert front.ask("/api/v1/images", method="POST", body=b"x").status == 503
    assert len(asked(origins)) == 1
    assert front.ask("/api/v1/images").status == 503
    assert len(origins[0].targets()) >= 1
    assert len(origins[1].targets()) >= 1


def test_an_upload_beyond_the_limit_gets_our_own_413(start: Callable[..., Front], origins: list[Origin]) -> None:
    front = start(UPLOAD="1000")
    refused = front.ask("/api/v1/images", method="POST", body=b"x" * 2000)
    assert (refused.status, refused.headers["content-type"]) == (413, "application/json")
    told = json.loads(refused.body)
    assert (told["code"], told["message"]) == ("upload_too_large", told["error"])
    assert "1000" in told["message"]
    assert not asked(origins)


def test_a_server_hears_of_an_upload_only_when_it_is_whole(front: Front, origins: list[Origin]) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=20) as client:
        head = b"POST /api/v1/images HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
        client.sendall(head + b"12345")
        assert front.ask("/api/v1/x").status == 200  # nginx has read that by now
        assert asked(origins)[-1].method == "GET"
        client.sendall(b"67890")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert asked(origins)[-1].body == b"1234567890"


def test_servers_hear_who_asks_and_under_which_id(front: Front, origins: list[Origin]) -> None:
    given = front.ask("/api/v1/x", X_Request_ID="abc-1")
    made = front.ask("/i/x?s=1", X_Request_ID='no"good', Cookie="a=1", Authorization="Bearer x")
    one, two = asked(origins)
    first, second = (one, two) if one.target == "/api/v1/x" else (two, one)
    assert (first.headers["x-forwarded-for"], first.headers["x-request-id"]) == ("127.0.0.1", "abc-1")
    assert (first.headers["x-forwarded-proto"], first.headers["host"]) == ("http", f"127.0.0.1:{front.port}")
    assert given.headers["x-request-id"] == "abc-1"
    assert re.fullmatch("[0-9a-f]{32}", second.headers["x-request-id"])
    assert made.headers["x-request-id"] == second.headers["x-request-id"]
    assert not {"cookie", "authorization"} & second.headers.keys()


@pytest.mark.parametrize(("said", "heard"), [("https", "https"), ("http", "http"), ("ftp, https", "http")])
def test_tls_may_end_before_nginx(front: Front, origins: list[Origin], said: str, heard: str) -> None:
    for target in ("/admin/", "/i/a?s=1"):
        front.ask(target, X_Forwarded_Proto=said)
    assert {each.headers["x-forwarded-proto"] for each in asked(origins)} == {heard}


def test_the_log_names_requests_and_tiers_and_no_signature(front: Front) -> None:
    front.ask("/i/a?w=1&s=verysecret&v=1", X_Request_ID="one")
    front.ask("/i/a?w=1&s=verysecret&v=1", X_Request_ID="two")
    wait_until(lambda: len(front.logged()) == 2)
    first, second = front.logged()
    assert (first["request_id"], first["tier"], first["cache"]) == ("one", "render", "MISS")
    assert (second["request_id"], second["tier"], second["cache"], second["status"]) == ("two", "cdn", "HIT", 200)
    assert second["uri"] == "/i/a?w=1&s=***&v=1"


def test_hints_are_part_of_what_an_auto_url_asks_for(front: Front, origins: list[Origin]) -> None:
    def ask(target: str, width: str) -> str | None:
        return front.ask(target, Sec_CH_Width=width).tier

    assert [ask("/i/a?w=auto&s=1", width) for width in ("320", "640", "320")] == ["render", "render", "cdn"]
    assert [ask("/i/a?w=100&s=1", width) for width in ("320", "640", "320")] == ["render", "cdn", "cdn"]


def test_only_the_servers_tell_their_metrics_and_nginx_its_own(front: Front, origins: list[Origin]) -> None:
    assert front.ask("/metrics").status == 404
    assert b"Active connections" in front.ask("/nginx_status").body
    assert not asked(origins)


def test_over_tls_servers_and_browsers_hear_of_it(tmp_path: Path, origins: list[Origin]) -> None:
    """As docs/production.md has it: the certificate is named beside."""
    if NGINX is None:
        pytest.skip("needs nginx: apt install nginx")
    front = Front(tmp_path / "nginx", origins)
    certificate, key = self_signed(tmp_path)
    file = front.folder / "imgopt.conf"
    tls = file.read_text().replace(f"listen 127.0.0.1:{front.port};", f"listen 127.0.0.1:{front.port} ssl http2;")
    file.write_text(f"ssl_certificate {certificate};\nssl_certificate_key {key};\n{tls}")
    front.start()
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", front.port, timeout=30, context=context)
        connection.request("GET", "/i/a?s=1")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"picture")
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        connection.close()
    finally:
        front.stop()
    [request] = asked(origins)
    assert request.headers["x-forwarded-proto"] == "https"


def self_signed(folder: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


def test_a_host_is_configured_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert nginx.main(["127.0.0.1:8001", "[::1]:8002", "LISTEN=443 ssl http2", "NAME=images.example.com"]) == 0
    told = capsys.readouterr().out
    assert "listen 443 ssl http2;" in told
    assert "server [::1]:8002 max_fails=0 backup;" in told
    assert "${" not in told


@pytest.mark.parametrize("words", [[], ["127.0.0.1"], ["127.0.0.1:1; evil"], ["127.0.0.1:1", "LISTN=80"]])
def test_nonsense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert nginx.main(words) == 2
    assert "Expected" in capsys.readouterr().err


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def die(_: Asked) -> Told:
    raise ConnectionAbortedError
