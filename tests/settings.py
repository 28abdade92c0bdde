"""The project's settings in a data directory of this test process's own, whatever the environment says."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

for name in [name for name in os.environ if name.startswith(("IMGOPT_", "AWS_")) or name.endswith("_URL")]:
    if name not in ("IMGOPT_REQUIRE_SERVICES", "IMGOPT_TEST_DATABASE_URL"):
        del os.environ[name]
# `make postgres` runs what touches the database on a PostgreSQL too.
if _database := os.environ.pop("IMGOPT_TEST_DATABASE_URL", ""):
    os.environ["DATABASE_URL"] = _database
os.environ["IMGOPT_ENV_FILE"] = os.devnull
# A search for every picture that a test asks for would take minutes; what is about quality turns them on.
os.environ["IMGOPT_DELIVERY_QUALITY"] = "default"
os.environ["IMGOPT_DELIVERY_DRAFTS"] = "false"
os.environ["IMGOPT_DATA_DIR"] = tempfile.mkdtemp(prefix="imgopt-tests-")
atexit.register(shutil.rmtree, os.environ["IMGOPT_DATA_DIR"], ignore_errors=True)

from imgopt.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if not _database:  # PostgreSQL takes no foreign key to a table that a migration has still to make
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop"]  # noqa: F405  a site with pictures on its own models
