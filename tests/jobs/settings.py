"""The service's settings, from the environment, with kinds of work that only tests have."""

from __future__ import annotations

from imgopt.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs"]  # noqa: F405
