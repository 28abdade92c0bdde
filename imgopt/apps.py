from django.apps import AppConfig


class ImgoptConfig(AppConfig):
    name = "imgopt"
