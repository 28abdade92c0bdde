from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "jobs.notifications"
    label = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from jobs.notifications import checks, telling  # noqa: F401  registers the checks and listens to the ledger
