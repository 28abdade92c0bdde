from django.apps import AppConfig


class AssetsConfig(AppConfig):
    name = "assets"
    verbose_name = "Masters"

    def ready(self) -> None:
        from assets.origins import checks  # noqa: F401  registers them
