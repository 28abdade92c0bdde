"""A real nginx with `deploy/nginx.conf`, and what tests do with it and its origins."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy import nginx
from deploy.stack.processes import Processes, answers, free_port
from deploy.stack.services import find_program
from tests.deploy.origin import Asked, Origin, Told

NGINX = find_program("nginx")
AVIF = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


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


def tell(origins: list[Origin], answer: Callable[[Asked], Told] | Told) -> None:
    for each in origins:
        each.answer = answer if callable(answer) else lambda _: answer


def asked(origins: list[Origin]) -> list[Asked]:
    return [each for origin in origins for each in origin.asked]


def die(_: Asked) -> Told:
    raise ConnectionAbortedError


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
