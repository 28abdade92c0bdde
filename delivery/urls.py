from django.urls import path, re_path

from delivery import api, views

urlpatterns = [
    re_path(r"^i/", views.variant, name="variant"),
    path("api/v1/sign", api.Sign.as_view(), name="sign"),
    path("api/v1/image/<path:reference>/purge", api.PurgeImage.as_view(), name="purge"),
]
