"""The form widget of `MasterField`: the picture as it is, a file to upload, and a stored picture to take instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.module_loading import import_string

from assets.masters import find_master
from assets.models import Master

# The package above signs URLs; it is named by a dotted path, because imports run only downwards.
SIGNED_PATH = "delivery.publish.signed_path"
THUMBNAIL = {"preset": "_thumbnail"}
SUGGESTIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a form was sent with for one picture."""

    picked: str = ""
    """Id or key of a stored master."""
    file: UploadedFile[Any] | None = None
    clears: bool = False


class MasterWidget(forms.Widget):
    """Three inputs: `photo` has the id or key, `photo-file` the upload, `photo-clear` empties it."""

    template_name = "assets/widgets/master.html"
    needs_multipart_form = True

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Given:
        return Given(
            picked=str(data.get(name) or "").strip(),
            file=files.get(f"{name}-file"),
            clears=forms.CheckboxInput().value_from_datadict(data, files, f"{name}-clear"),  # type: ignore[arg-type]
        )

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return name not in data and f"{name}-clear" not in data and f"{name}-file" not in files

    def use_required_attribute(self, _initial: Any) -> bool:
        """A browser cannot be told that one of two inputs must be filled in."""
        return False

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        picked = value.picked if isinstance(value, Given) else str(value or "")
        master = find_master(picked) if picked else None
        context["widget"] |= {
            "picked": picked,
            "master": master,
            "thumbnail": import_string(SIGNED_PATH)(master, THUMBNAIL) if master else "",
            "suggestions": Master.objects.values_list("id", "key", "original_name")[:SUGGESTIONS],
        }
        return context
