"""Endpoints in the admin: made, changed, tested, their secrets rotated.

The text of a secret is on the page that follows the form, rendered without a redirect, and nowhere afterwards: a
redirect would need it to be kept meanwhile, in a cookie or a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from jobs import ledger
from jobs.models import LIVE, State
from jobs.notifications import delivering, endpoint_secrets, outbox, trying
from jobs.notifications.endpoint_secrets import IssuedSecret
from jobs.notifications.forms import AddEndpointForm, EndpointForm, RotateSecretForm
from jobs.notifications.models import Delivery, Endpoint
from jobs.notifications.words import REPEATABLE, health, say_how_many, say_outcome

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Endpoint]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    list_display = ("__str__", "host", "events", "state", "waiting", "failed", "last_result", "last_result_at")
    list_filter = ("is_enabled",)
    search_fields = ("url", "description")
    actions = ("enable_selected", "deliver_again")
    told = ("state", "secrets_told", "last_result", "last_result_at", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                waiting_count=Count("deliveries", filter=Q(deliveries__job__state__in=LIVE)),
                failed_count=Count("deliveries", filter=Q(deliveries__job__state=State.FAILED)),
            )
        )

    @admin.display(description="events")
    def events(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.event_types) or "all"

    @admin.display(description="state")
    def state(self, endpoint: Endpoint) -> str:
        if endpoint.is_enabled:
            return health(endpoint)
        return f"disabled: {endpoint.disabled_reason}" if endpoint.disabled_reason else "disabled"

    @admin.display(description="waiting", ordering="waiting_count")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting_count)

    @admin.display(description="failed", ordering="failed_count")
    def failed(self, endpoint: Any) -> int:
        return int(endpoint.failed_count)

    @admin.display(description="secrets")
    def secrets_told(self, endpoint: Endpoint) -> str:
        """When they were made and when they end; their text is shown once and then nowhere."""
        now = timezone.now()
        parts = [
            f"{secret.created_at:%Y-%m-%d %H:%M} UTC"
            + (f", used until {secret.expires_at:%Y-%m-%d %H:%M} UTC" if secret.expires_at else "")
            for secret in endpoint.secrets.all()
            if secret.is_usable(now)
        ]
        return "; ".join(parts) or "none: rotate to make one"

    def get_fields(self, _request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        given = ("url", "description", "event_types", "is_enabled")
        return ("ticket", *given) if obj is None else (*given, *self.told)

    def get_readonly_fields(self, _request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        return () if obj is None else self.told

    def get_form(self, request: HttpRequest, obj: Endpoint | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "form": EndpointForm if obj else AddEndpointForm})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its deliveries are counted: a page that names all of them could be very long."""
        found = list(objs)
        counts = {"endpoints": len(found), "deliveries": Delivery.objects.filter(endpoint__in=found).count()}
        return [str(endpoint) for endpoint in found], counts, set(), []

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("<path:object_id>/rotate/", guard(self.rotate_view), name="notifications_endpoint_rotate"),
            path("<path:object_id>/test/", guard(self.test_view), name="notifications_endpoint_test"),
            *super().get_urls(),
        ]

    # Add, change, delete

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        if not change:
            obj.pk = form.cleaned_data["ticket"]
            super().save_model(request, obj, form, change)
            request.issued_secret = endpoint_secrets.issue(obj)  # type: ignore[attr-defined]
            return
        # Not the whole row: a worker may be writing how the last delivery went.
        obj.save(update_fields=["url", "description", "event_types"])
        if "is_enabled" in form.changed_data:
            delivering.enable(obj) if obj.is_enabled else delivering.disable(obj, "by hand")

    def response_add(self, request: HttpRequest, obj: Endpoint, _post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, request.issued_secret)  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        self.delete_queryset(request, Endpoint.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """What waits for it is cancelled."""
        for endpoint in queryset:
            for job in endpoint.jobs.filter(state__in=LIVE):
                ledger.cancel(job)
            endpoint.delete()

    # Secrets

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._get_endpoint(request, object_id)
        form = RotateSecretForm(request.POST or None, endpoint=endpoint)
        if request.method == "POST" and form.is_valid():
            issued = endpoint_secrets.rotate(endpoint, form.overlap_given())
            self.log_change(request, endpoint, "Secret rotated.")
            return self._show_once(request, issued)
        return self._page(request, "rotate", "Rotate the secret?", endpoint=endpoint, form=form)

    def _show_once(self, request: HttpRequest, issued: IssuedSecret) -> HttpResponse:
        """The text stays inside `issued`, which hides it: Django's debug log writes whole template contexts."""
        return self._page(request, "issued", "The new secret", endpoint=issued.endpoint, issued=issued)

    # Test

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._get_endpoint(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        say_outcome(self, request, trying.try_endpoint(endpoint))
        return HttpResponseRedirect(reverse("admin:notifications_endpoint_change", args=[endpoint.pk]))

    # Actions

    @admin.action(description="Enable selected endpoints", permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset:
            delivering.enable(endpoint)
            self.log_change(request, endpoint, "Enabled.")
        self.message_user(request, "Enabled.", messages.SUCCESS)

    @admin.action(description="Deliver again what failed", permissions=["change"])
    def deliver_again(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        failed = Delivery.objects.filter(endpoint__in=queryset.values("pk"), job__state__in=REPEATABLE)
        say_how_many(self, request, outbox.deliver_again(failed.select_related("job").order_by("id")))

    def _get_endpoint(self, request: HttpRequest, object_id: str) -> Endpoint:
        endpoint = self.get_object(request, unquote(object_id))
        if endpoint is None:
            raise Http404
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        return endpoint

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, f"admin/notifications/endpoint/{name}.html", context)
