"""Masters in the admin: list with thumbnails, upload, replace, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.module_loading import import_string

from assets import masters
from assets.blobs import Incoming, forget_unregistered
from assets.models import Master, Tag
from assets.uploads import TOO_LARGE, too_large
from pipeline.errors import ImgoptError

# The package above signs URLs; it is named by a dotted path, because imports run only downwards.
SIGNED_PATH = "delivery.publish.signed_path"
WRITTEN = "imgopt.blobs_written"
AT_ORIGIN = ("origin", "origin_path", "checked_at", "recheck_at")


if TYPE_CHECKING:  # Django's own classes take no type argument at run time
    ModelForm = forms.ModelForm[Master]
    ModelAdmin = admin.ModelAdmin[Master]
else:
    ModelForm = forms.ModelForm
    ModelAdmin = admin.ModelAdmin


class MasterForm(ModelForm):
    """Uploads a new master, or replaces the picture of one."""

    file = forms.FileField(required=False, help_text="A picture to upload, or to put in the place of this one.")

    class Meta:
        model = Master
        fields: ClassVar[list[str]] = ["file", "key", "original_name", "focal_x", "focal_y", "tags"]

    request: HttpRequest
    incoming: Incoming | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = self.instance._state.adding
        if "original_name" in self.fields:
            self.fields["original_name"].required = False

    def clean_file(self) -> Any:
        """The picture is decoded here, so that what is wrong with it stands beside the field."""
        upload = self.cleaned_data["file"]
        try:
            if isinstance(upload, TemporaryUploadedFile):
                self.incoming = masters.inspect_upload(upload)
        except ImgoptError as error:
            raise ValidationError(error.message) from error
        return upload

    def clean_key(self) -> str | None:
        return self.cleaned_data["key"] or None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.request.META.get(TOO_LARGE):
            raise ValidationError(too_large().message)
        if (cleaned.get("focal_x") is None) != (cleaned.get("focal_y") is None):
            raise ValidationError("Expected both focal x and focal y, or neither.")
        return cleaned


@admin.register(Master)
class MasterAdmin(ModelAdmin):
    form = MasterForm
    list_display = (
        "thumbnail",
        "__str__",
        "kind",
        "dimensions",
        "byte_size",
        "profile",
        "revision",
        "origin",
        "created_at",
    )
    list_display_links = ("thumbnail", "__str__")
    list_filter = ("blob__format", "blob__is_srgb", "tags", "origin", "created_at")
    list_select_related = ("blob",)
    search_fields = ("key", "original_name", "id", "origin_path")
    filter_horizontal = ("tags",)
    readonly_fields = ("preview", "id", "kind", "dimensions", "byte_size", "profile", "revision", "digest")
    date_hierarchy = "created_at"

    def get_fields(self, request: HttpRequest, obj: Master | None = None) -> Any:
        upload = ["file", "key", "focal_x", "focal_y", "tags"]
        if obj is None:
            return upload
        if obj.origin:  # its picture is replaced there
            return ["preview", "original_name", *upload[1:], *self.readonly_fields[1:], *AT_ORIGIN]
        return ["preview", "original_name", *upload, *self.readonly_fields[1:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Master | None = None) -> Any:
        return (*self.readonly_fields, *AT_ORIGIN)

    def get_form(self, request: HttpRequest, obj: Master | None = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.request = request
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Django's transaction is around the whole form: what takes the rows back then takes the file back too."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Exception:
            forget_unregistered(request.META.get(WRITTEN, []))
            raise

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Master:
        master: Master = form.save(commit=False)
        if form.incoming is not None:
            if change:
                masters.replace_master(master, form.incoming)
            else:
                [master] = masters.create_masters([form.incoming], keys=[form.cleaned_data["key"]])
            request.META[WRITTEN] = [masters.known_master(str(master.id)).blob]
        form.instance = master
        return master

    def save_model(self, request: HttpRequest, obj: Master, form: Any, change: bool) -> None:
        """Everything but the picture; tags come with the form's many-to-many fields."""
        changes = {name: form.cleaned_data[name] for name in ("key", "focal_x", "focal_y")}
        if form.cleaned_data.get("original_name"):
            changes["original_name"] = form.cleaned_data["original_name"]
        masters.change_master(masters.known_master(str(obj.id)), changes)

    def delete_model(self, request: HttpRequest, obj: Master) -> None:
        masters.delete_master(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Master]) -> None:
        for master in queryset.select_related("blob"):
            masters.delete_master(master)

    @admin.display(description="")
    def thumbnail(self, master: Master) -> str:
        return _picture(master, {"preset": "_thumbnail"}, width=96)

    @admin.display(description="Preview")
    def preview(self, master: Master) -> str:
        return _picture(master, {"preset": "_preview"}, width=480)

    @admin.display(description="Format", ordering="blob__format")
    def kind(self, master: Master) -> str:
        return master.blob.format + (f", {master.blob.pages} frames" if master.blob.pages > 1 else "")

    @admin.display(description="Size", ordering="blob__width")
    def dimensions(self, master: Master) -> str:
        return f"{master.blob.width} × {master.blob.height}"

    @admin.display(description="Bytes", ordering="blob__byte_size")
    def byte_size(self, master: Master) -> str:
        return f"{master.blob.byte_size:,}"

    @admin.display(description="Colour profile", ordering="blob__profile")
    def profile(self, master: Master) -> str:
        return master.blob.profile or "none (sRGB)"

    @admin.display(description="SHA-256")
    def digest(self, master: Master) -> str:
        return master.blob.digest


admin.site.register(Tag)


def _picture(master: Master, params: dict[str, str], *, width: int) -> str:
    if master._state.adding:
        return ""
    path = import_string(SIGNED_PATH)(master, params)
    return format_html('<img src="{}" alt="" width="{}" loading="lazy" style="height:auto">', path, width)
