"""Keys in the admin: issue, look, rotate, revoke. The text of a key is in one answer, and nowhere afterwards.

That answer is the page that follows the form, rendered without a redirect: a redirect would need the text to be kept
meanwhile, in a cookie or a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from apikeys import scopes, service
from apikeys.forms import IssueForm, RotateForm
from apikeys.models import ApiKey
from apikeys.service import IssuedKey
from pipeline.errors import BadParameter

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[ApiKey]
else:
    ModelAdmin = admin.ModelAdmin

# What to try a key with, by its scope; OPTIONS is answered to any valid key.
CALLS = {"upload": "-F file=@photo.jpg ", "read": "", "": "-X OPTIONS "}


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in ("active", "expired", "revoked")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        now = timezone.now()
        match self.value():
            case "active":
                return queryset.filter(revoked_at=None).exclude(expires_at__lte=now)
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=now)
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


class ScopeFilter(admin.SimpleListFilter):
    title = "scope"
    parameter_name = "scope"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in scopes.NAMES]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        value = self.value()
        return queryset & ApiKey.objects.with_scope(value) if value in scopes.NAMES else queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ("name", "prefix", "scope_names", "status", "owner", "expires_at", "last_used_at")
    list_filter = (StatusFilter, ScopeFilter)
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    actions = ("revoke_selected",)
    told = ("prefix", "scope_names", "owner", "status", "created_at", "last_used_at", "revoked_at", "rotated_from")
    given = ("name", "rate_per_second", "burst", "expires_at")

    @admin.display(description="scopes", ordering="scope_bits")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="status")
    def status(self, key: ApiKey) -> str:
        return key.status_at(timezone.now())

    def get_fields(self, _request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("ticket", "scopes", *IssueForm.Meta.fields) if obj is None else (*self.given, *self.told)

    def get_readonly_fields(self, _request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else self.told

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if obj else {"form": IssueForm}), **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Only what was revoked can go: deleting is tidying up, not a way to end a key unseen."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.revoked_at is not None)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("<path:object_id>/rotate/", guard(self.rotate_view), name="apikeys_apikey_rotate"),
            path("<path:object_id>/revoke/", guard(self.revoke_view), name="apikeys_apikey_revoke"),
            *super().get_urls(),
        ]

    # Issue

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.pk = form.cleaned_data["ticket"]
        request.issued_key = IssuedKey(token=service.mint(obj), key=obj)  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, _post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, request.issued_key)  # type: ignore[attr-defined]

    def _show_once(self, request: HttpRequest, issued: IssuedKey) -> HttpResponse:
        """The text stays inside `issued`, which hides it: Django's debug log writes whole template contexts."""
        return self._page(
            request,
            "issued",
            "The new key",
            issued=issued,
            call=next(call for scope, call in CALLS.items() if scope in ("", *issued.key.scopes)),
            address=f"{settings.IMGOPT_PUBLIC_URL}/api/v1/images",
        )

    # Rotate

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._get_key(request, object_id)
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RotateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                issued = service.rotate(key, form.overlap_given())
            except BadParameter as error:
                form.add_error(None, error.message)
            else:
                self.log_change(request, key, f"Rotated; the successor is {issued.key.prefix}.")
                self.log_addition(request, issued.key, f"Issued as the successor of {key.prefix}.")
                return self._show_once(request, issued)
        return self._page(request, "rotate", "Rotate the key?", key=key, form=form)

    # Revoke

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._get_key(request, object_id)
        return self._revoke(request, ApiKey.objects.filter(pk=key.pk))

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse:
        return self._revoke(request, queryset)

    def _revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse:
        keys = list(queryset.filter(revoked_at=None))
        if not (request.method == "POST" and "confirmed" in request.POST):
            return self._page(request, "revoke", "Revoke?", keys=keys)
        revoked = [key for key in keys if service.revoke(key)]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"Revoked: {', '.join(map(str, revoked)) or 'none'}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:apikeys_apikey_changelist"))

    def _get_key(self, request: HttpRequest, object_id: str) -> ApiKey:
        key = self.get_object(request, unquote(object_id))
        if key is None:
            raise Http404
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        return key

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, f"admin/apikeys/apikey/{name}.html", context)
