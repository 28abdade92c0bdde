from django.urls import path, re_path

from delivery import api, markup_api, receipts_api, variants_api, views

urlpatterns = [
    re_path(r"^i/", views.variant, name="variant"),
    path("api/v1/sign", api.Sign.as_view(), name="sign"),
    path("api/v1/presets", api.Presets.as_view(), name="presets"),
    path("api/v1/purge", api.PurgeMany.as_view(), name="purge-many"),
    path("api/v1/image/<path:reference>/srcset", markup_api.Srcset.as_view(), name="srcset"),
    path("api/v1/image/<path:reference>/picture", markup_api.Picture.as_view(), name="picture"),
    path("api/v1/image/<path:reference>/variants", variants_api.Variants.as_view(), name="variants"),
    path("api/v1/image/<path:reference>/receipts", receipts_api.Receipts.as_view(), name="receipts"),
    path("api/v1/image/<path:reference>/variants/<str:key>/receipt", receipts_api.OneReceipt.as_view(), name="receipt"),
    path("api/v1/image/<path:reference>/purge", api.PurgeImage.as_view(), name="purge"),
]
