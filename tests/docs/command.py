"""Hands a `manage.py` command with its standard streams to `runner.py`, and ends as it ended."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["IMGOPT_DOCS_SOCKET"])
    asked = {"arguments": sys.argv[1:], "folder": os.getcwd()}  # noqa: PTH109  pathlib would take longer than all the rest
    socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
    sys.exit(int(connection.recv(16) or b"1"))
