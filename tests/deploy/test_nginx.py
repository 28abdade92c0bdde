"""`deploy/nginx.conf` under a real nginx: requests, servers that fail, TLS, the log."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import nginx
from deploy.stack.processes import free_port
from tests.deploy.front import NGINX, Front, asked, die, self_signed
from tests.deploy.origin import Origin
from tests.waiting import wait_until

pytestmark = pytest.mark.services


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


def test_only_the_servers_tell_their_metrics_and_nginx_its_own(front: Front, origins: list[Origin]) -> None:
    assert front.ask("/metrics").status == 404
    assert b"Active connections" in front.ask("/nginx_status").body
    assert front.ask("/nginx_status", X_Forwarded_For="203.0.113.9").status == 404
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
