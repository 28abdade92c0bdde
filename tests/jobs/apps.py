"""What the workers of `tests.jobs.crew` have besides the service's own apps."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class CrewConfig(AppConfig):
    name = "tests.jobs"
    label = "tests_jobs"

    def ready(self) -> None:
        import_module("tests.jobs.kinds")
