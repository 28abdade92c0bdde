from django.urls import path, register_converter
from django.urls.converters import StringConverter

from assets import api, colour_api, direct_api
from pipeline.colour_report import VIEWS


class ViewConverter(StringConverter):
    regex = "|".join(VIEWS)


register_converter(ViewConverter, "view")

urlpatterns = [
    path("api/v1/images", api.Images.as_view(), name="images"),
    path("api/v1/uploads", direct_api.Uploads.as_view(), name="uploads"),
    path("api/v1/uploads/<uuid:upload>/complete", direct_api.Completion.as_view(), name="upload-completion"),
    path("api/v1/image/<path:reference>/metadata", api.Metadata.as_view(), name="metadata"),
    path("api/v1/image/<path:reference>/placeholder", api.Placeholder.as_view(), name="placeholder"),
    path("api/v1/image/<path:reference>/colour", colour_api.Colour.as_view(), name="colour"),
    path("api/v1/image/<path:reference>/colour/<view:view>", colour_api.ColourView.as_view(), name="colour-view"),
    path("api/v1/image/<path:reference>", api.Image.as_view(), name="image"),
    path("image/<path:reference>", api.Download.as_view(), name="download"),
]
