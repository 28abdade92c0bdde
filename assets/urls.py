from django.urls import path

from assets import api

urlpatterns = [
    path("api/v1/images", api.Images.as_view(), name="images"),
    path("api/v1/image/<path:reference>/metadata", api.Metadata.as_view(), name="metadata"),
    path("api/v1/image/<path:reference>", api.Image.as_view(), name="image"),
    path("image/<path:reference>", api.Download.as_view(), name="download"),
]
