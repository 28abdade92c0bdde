"""`deploy/nginx.conf` filled in, for a host without containers and for `make stack`.

    python3 -m deploy.nginx SERVER:PORT … [NAME=value …] > /etc/nginx/conf.d/imgopt.conf

It needs nothing but Python. NAME is one of the variables at the head of the file, without IMGOPT_NGINX_.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).with_name("nginx.conf")
VARIABLE = re.compile(r"\$\{IMGOPT_NGINX_([A-Z_]+)\}")
DEFAULTS = {
    "LISTEN": "80",
    "NAME": "_",
    "CACHE": "/var/cache/nginx/imgopt",
    "CACHE_SIZE": "10g",
    "UPLOAD": "101000000",
    "LOG": "/var/log/nginx/imgopt.log",
}
ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")

MAIN = """\
# A whole nginx of one's own, whose files all lie in one folder.
{user}daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
worker_processes auto;
worker_shutdown_timeout 30s;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    include {folder}/imgopt.conf;
}}
"""


def filled(servers: Sequence[str], **values: str) -> str:
    """This will give the configuration for these servers (`host:port`); the other variables have their defaults."""
    if not servers or not all(ADDRESS.fullmatch(server) for server in servers):
        raise ValueError(f"Expected servers as host:port, received {' '.join(servers) or 'none'}.")
    known = {**DEFAULTS, "SERVERS": server_lines(servers)}
    if unknown := set(values) - set(known):
        raise ValueError(f"Expected names out of {', '.join(known)}, received {', '.join(sorted(unknown))}.")
    known.update(values)
    return VARIABLE.sub(lambda match: known[match[1]], TEMPLATE.read_text())


def server_lines(servers: Sequence[str]) -> str:
    """This will name each server twice: as one that is left alone for a while after it failed, and as a last resort
    for when all of them have."""
    live = [f"server {server} max_fails=2 fail_timeout=2s;" for server in servers]
    return "\n    ".join([*live, *(f"server {server} max_fails=0 backup;" for server in servers)])


def write(folder: Path, servers: Sequence[str], **values: str) -> Path:
    """This will write a whole configuration for an nginx that runs in `folder`, and give its main file."""
    for name in ("cache", "body", "proxy"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    own = {"CACHE": str(folder / "cache"), "CACHE_SIZE": "512m", "LOG": str(folder / "access.log")}
    (folder / "imgopt.conf").write_text(filled(servers, **{**own, **values}))
    main = folder / "nginx.conf"
    # As root its workers would be `nobody`, to whom a folder of root's is closed.
    user = "user root;\n" if os.geteuid() == 0 else ""
    main.write_text(MAIN.format(folder=folder, user=user))
    return main


def main(words: Sequence[str]) -> int:
    pairs = dict(word.partition("=")[::2] for word in words if "=" in word)
    try:
        print(filled([word for word in words if "=" not in word], **pairs), end="")
    except ValueError as error:
        print(f"{error}\n\n{__doc__}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
