"""The WSGI application: Django behind the edge."""

from __future__ import annotations

import os
from multiprocessing.util import Finalize

from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imgopt.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402  the settings exist from here on

from assets import children  # noqa: E402
from delivery import keyring, pulse, sampling, tracing  # noqa: E402
from delivery.edge import Edge  # noqa: E402
from delivery.service import service  # noqa: E402
from imgopt import metrics_page, release, sqlite_open  # noqa: E402

connections.settings["default"].update(settings.IMGOPT_SERVER_DATABASE)

try:
    keyring.signer()  # without any key the service refuses to start; a database that is away may come back
except DatabaseError:
    connection.close()
sqlite_open.keep_open()
pulse.start()
sampling.start(release.version())
tracing.start(release.version())
Finalize(None, children.stop, exitpriority=0)  # `atexit` is not heard in Granian's workers
connection.close()

application = Edge(
    django_application,
    service().memory,
    places=settings.CONFIG.server_threads - settings.CONFIG.server_reserve,
    beside={metrics_page.PATH: metrics_page.page},
)
