"""The project's settings in a data directory of this test process's own, whatever the environment says."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

for name in [name for name in os.environ if name.startswith(("IMGOPT_", "AWS_")) or name.endswith("_URL")]:
    if name != "IMGOPT_REQUIRE_SERVICES":
        del os.environ[name]
os.environ["IMGOPT_ENV_FILE"] = os.devnull
os.environ["IMGOPT_DATA_DIR"] = tempfile.mkdtemp(prefix="imgopt-tests-")
atexit.register(shutil.rmtree, os.environ["IMGOPT_DATA_DIR"], ignore_errors=True)

from imgopt.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
