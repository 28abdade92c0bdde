"""Every address of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from imgopt import api_docs, errors, health, metrics_page
from imgopt.login import LimitedLoginForm

admin.site.site_header = admin.site.site_title = "imgopt"
admin.site.index_title = "Masters, keys and users"
admin.site.site_url = None
admin.site.login_form = LimitedLoginForm

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics_page.metrics),
    path("api/schema", api_docs.schema, name="schema"),
    path("api/docs/", api_docs.page, name="api-docs"),
    path("", include("jobs.urls")),
    path("", include("delivery.urls")),
    path("", include("assets.urls")),
]
handler400 = errors.bad_request
handler404 = errors.not_found
handler500 = errors.internal_error
