"""Background work in the admin: what is done, what waits, what failed; try again, cancel, begin a batch."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from assets.admin import MasterAdmin
from assets.models import Master
from jobs import ledger
from jobs.batches import manifest, service
from jobs.batches.spec import BatchSpec, read_spec
from jobs.models import Batch, Job, State
from pipeline.errors import BadParameter, ImgoptError

if TYPE_CHECKING:  # Django's own classes take no type argument at run time
    JobModelAdmin = admin.ModelAdmin[Job]
    BatchModelAdmin = admin.ModelAdmin[Batch]
else:
    JobModelAdmin = BatchModelAdmin = admin.ModelAdmin


def progress_bar(share: float) -> str:
    """This will draw a bar that reads as a figure too."""
    percent = round(100 * share)
    bar = '<progress max="100" value="{}" aria-label="progress" style="width:7em"></progress>'
    return format_html(f'<span style="white-space:nowrap">{bar} {{}} %</span>', percent, percent)


@admin.register(Job)
class JobAdmin(JobModelAdmin):
    """Rows are made and changed by the ledger; here they are looked at."""

    list_display = ("kind", "state", "bar", "attempts_made", "queue", "priority", "created_at", "finished_at", "error")
    list_filter = ("state", "kind", "queue", "created_at")
    search_fields = ("id", "idempotency_key", "error")
    date_hierarchy = "created_at"
    actions = ("try_again", "cancel")
    show_full_result_count = False
    fields = (
        "id", "kind", "queue", "priority", "state", "bar", "attempts_made", "error", "detail", "said", "came_of_it",
        "batch", "worker", "idempotency_key", "created_at", "run_at", "claimed_at", "lease_until", "finished_at",
    )  # fmt: skip

    def get_readonly_fields(self, _request: HttpRequest, _obj: Job | None = None) -> tuple[str, ...]:
        return self.fields

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Only what has ended can go: a job that is under way must be cancelled, not lost."""
        return obj is not None and obj.has_ended and super().has_delete_permission(request, obj)

    @admin.display(description="Progress", ordering="progress")
    def bar(self, job: Job) -> str:
        return progress_bar(job.progress)

    @admin.display(description="Attempts", ordering="attempts")
    def attempts_made(self, job: Job) -> str:
        return f"{job.attempts} of {job.max_attempts}"

    @admin.display(description="Payload")
    def said(self, job: Job) -> str:
        return _pretty(job.payload)

    @admin.display(description="Result")
    def came_of_it(self, job: Job) -> str:
        return _pretty(job.result)

    @admin.action(description="Try again (failed and cancelled ones)", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        begun = sum(ledger.retry(job) for job in queryset)
        left = queryset.count() - begun
        self.message_user(request, f"{begun} begin anew." + (f" {left} had not failed and stay." if left else ""))

    @admin.action(description="Cancel (waiting and running ones)", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self.message_user(request, f"{sum(ledger.cancel(job) for job in queryset)} cancelled.")


class BatchForm(forms.ModelForm):  # type: ignore[type-arg]
    """Begins a batch; every sentence of the parser stands at the form."""

    tag = forms.CharField(required=False, help_text="Masters with this tag.")
    key_prefix = forms.CharField(required=False, help_text="Masters whose key begins so, such as products/.")
    all = forms.BooleanField(required=False, label="All masters")
    preset = forms.CharField(required=False)
    params = forms.CharField(required=False, help_text="As in a URL, such as ar=16:9&fit=crop.")
    widths = forms.CharField(required=False, help_text="Pixels, such as 480,960,1600. Empty: those that markup offers.")
    formats = forms.CharField(required=False, help_text="Such as avif,webp. Empty: those that markup names.")

    class Meta:
        model = Batch
        fields = ("name",)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            params = dict(pair.partition("=")[::2] for pair in cleaned.get("params", "").split("&") if pair)
            said = {name: cleaned.get(name) for name in ("preset", "widths", "formats") if cleaned.get(name)}
            cleaned["spec"] = read_spec({**said, "params": params})
            cleaned["masters"] = found = service.selected({**cleaned, "prefix": cleaned.get("key_prefix")})
            if not found:
                raise BadParameter("Expected at least one image in a batch, found none.")
        except ImgoptError as error:
            raise ValidationError(error.message) from error
        return cleaned


@admin.register(Batch)
class BatchAdmin(BatchModelAdmin):
    list_display = ("__str__", "status", "bar", "masters", "failed", "created_at", "finished_at")
    search_fields = ("id", "name")
    date_hierarchy = "created_at"
    list_per_page = 50
    actions = ("cancel", "try_failed_again")
    told = ("id", "status", "bar", "masters", "failed", "asked", "manifests", "created_at", "finished_at")

    def get_form(self, request: HttpRequest, obj: Batch | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if obj else {"form": BatchForm}), **kwargs)

    def get_fields(self, _request: HttpRequest, obj: Batch | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "tag", "key_prefix", "all", "preset", "params", "widths", "formats")
        return ("name", *self.told)

    def get_readonly_fields(self, _request: HttpRequest, obj: Batch | None = None) -> tuple[str, ...]:
        return self.told if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        """Only what has ended can go."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.finished_at is not None)

    def save_model(self, request: HttpRequest, obj: Batch, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        begun = service.begin(form.cleaned_data["masters"], form.cleaned_data["spec"], name=obj.name)
        vars(obj).update({name: value for name, value in vars(begun).items() if name != "_state"})
        obj._state.adding = False

    @admin.display(description="Status")
    def status(self, batch: Batch) -> str:
        return service.status_of(batch, self._counted(batch))

    @admin.display(description="Progress")
    def bar(self, batch: Batch) -> str:
        return progress_bar(self._counted(batch)["progress"])

    @admin.display(description="Masters")
    def masters(self, batch: Batch) -> int:
        return int(self._counted(batch)["total"])

    @admin.display(description="Failed")
    def failed(self, batch: Batch) -> str:
        number = self._counted(batch)["failed"]
        address = reverse("admin:jobs_job_changelist")
        return format_html('<a href="{}?batch__id={}&state=failed">{}</a>', address, batch.id, number)

    @admin.display(description="Asked of each")
    def asked(self, batch: Batch) -> str:
        return _pretty(batch.spec)

    @admin.display(description="Manifest")
    def manifests(self, batch: Batch) -> str:
        return format_html(
            '<a href="{}">JSON</a> · <a href="{}">CSV</a>',
            reverse("admin:jobs_batch_manifest", args=[batch.id, "json"]),
            reverse("admin:jobs_batch_manifest", args=[batch.id, "csv"]),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.manifest_view)
        return [path("<uuid:batch>/manifest.<str:kind>", view, name="jobs_batch_manifest"), *super().get_urls()]

    def manifest_view(self, request: HttpRequest, batch: uuid.UUID, kind: str) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return manifest.file_of(service.get_batch(str(batch)), kind)

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        ended = sum(ledger.cancel_batch(batch) for batch in queryset)
        self.message_user(request, f"{ended} masters' work was cancelled.")

    @admin.action(description="Try again what failed", permissions=["change"])
    def try_failed_again(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        failed = Job.objects.filter(batch__in=queryset, state=State.FAILED)
        self.message_user(request, f"{sum(ledger.retry(job) for job in failed)} begin anew.")

    def _counted(self, batch: Batch) -> dict[str, Any]:
        """Asked once for all columns of a row."""
        if "counts" not in vars(batch):
            vars(batch)["counts"] = service.summaries([batch])[batch.id]
        return dict(vars(batch)["counts"])


@admin.action(description="Render what their markup names", permissions=["change"])
def render_selected(_admin: Any, request: HttpRequest, queryset: QuerySet[Master]) -> HttpResponse:
    """On the list of masters: a batch of those that are ticked."""
    batch = service.begin(list(queryset), BatchSpec(), name="Selected in the admin")
    messages.success(request, f"A batch of {queryset.count()} masters has begun.")
    return HttpResponseRedirect(reverse("admin:jobs_batch_change", args=[batch.id]))


# The masters' own page lies below this package and cannot know of it.
_masters: Any = MasterAdmin
_masters.actions = [*(_masters.actions or ()), render_selected]


def _pretty(value: Any) -> str:
    return format_html('<pre style="white-space:pre-wrap;margin:0">{}</pre>', json.dumps(value, indent=2)[:20_000])
