from django.apps import AppConfig


class ImgoptClientConfig(AppConfig):
    name = "imgopt_client.django"
    label = "imgopt_client"
