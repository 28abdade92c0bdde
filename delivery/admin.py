"""Presets in the admin: read by the real parser, shown on a real master; those of the settings can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from assets.models import Master
from delivery import models, presets
from delivery.presets import NAME, check_params
from delivery.publish import signed_path
from delivery.variants import find_mark
from pipeline.errors import ImgoptError

if TYPE_CHECKING:  # Django's own classes take no type argument at run time
    ModelForm = forms.ModelForm[models.Preset]
    ModelAdmin = admin.ModelAdmin[models.Preset]
else:
    ModelForm = forms.ModelForm
    ModelAdmin = admin.ModelAdmin


class PresetForm(ModelForm):
    class Meta:
        model = models.Preset
        fields: ClassVar[list[str]] = ["name", "params", "description"]
        widgets: ClassVar[dict[str, Any]] = {"params": forms.Textarea(attrs={"rows": 3, "cols": 80})}

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not NAME.fullmatch(name):
            raise ValidationError("Expected a name of a-z, 0-9, - and _ that begins with a letter or digit.")
        return name

    def clean_params(self) -> str:
        """The sentence that a URL with these parameters would get stands at the field."""
        params = str(self.cleaned_data["params"]).strip()
        try:
            find_mark(check_params(params))
        except ImgoptError as error:
            raise ValidationError(error.message) from error
        return params


@admin.register(models.Preset)
class PresetAdmin(ModelAdmin):
    form = PresetForm
    change_list_template = "admin/delivery/preset/change_list.html"
    list_display = ("name", "params", "description", "state", "updated_at")
    search_fields = ("name", "params", "description")
    readonly_fields = ("preview",)

    def get_readonly_fields(self, _request: HttpRequest, obj: models.Preset | None = None) -> tuple[str, ...]:
        """A name stands in URLs elsewhere: another one is another preset."""
        return ("preview", "name") if obj else ()

    def get_fields(self, _request: HttpRequest, obj: models.Preset | None = None) -> list[Any]:
        return ["name", "params", "description", *(["preview"] if obj else [])]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        fixed = {"presets_of_settings": presets.from_settings(), **(extra_context or {})}
        return super().changelist_view(request, fixed)

    @admin.display(description="In use")
    def state(self, preset: models.Preset) -> str:
        return "no: the settings say another one" if preset.name in _names_of_settings() else "yes"

    @admin.display(description="Preview")
    def preview(self, preset: models.Preset) -> str:
        """On the newest master; the width is the page's, not the preset's."""
        if preset.name in _names_of_settings():
            return "The settings say another preset of this name."
        master = Master.objects.select_related("blob").first()
        if master is None:
            return "Upload a master to see it."
        try:
            path = signed_path(master, {"preset": preset.name})
        except ImgoptError as error:
            return error.message
        return format_html(
            '<img src="{}" alt="" style="max-width:480px;max-height:480px;height:auto"><p>{}</p>', path, master
        )


def _names_of_settings() -> set[str]:
    return {preset.name for preset in presets.from_settings()}
