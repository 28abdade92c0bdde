from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Background work"

    def ready(self) -> None:
        import jobs.checks
        import jobs.compat.checks  # noqa: F401  both register themselves
        from jobs.kinds import MODULES

        for module in MODULES:  # each registers its kinds
            import_module(module)
        if settings.CONFIG.jobs_engine == "celery":
            import_module("jobs.engines.celery").prepare()
