"""The form field of `MasterField`: an upload, a stored picture, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from assets.masters import find_master
from assets.models import Master
from assets.pending import pending_master
from assets.widgets import Given, MasterWidget
from pipeline.errors import ImgoptError

if TYPE_CHECKING:  # Django's own class takes no type argument at run time
    ModelChoiceField = forms.ModelChoiceField[Master]
else:
    ModelChoiceField = forms.ModelChoiceField


class MasterFormField(ModelChoiceField):
    widget = MasterWidget

    def clean(self, value: Any) -> Master | None:
        """This will decode an upload; it is stored when the form's object is saved."""
        given = value if isinstance(value, Given) else Given(picked=str(value or "").strip())
        if given.clears and given.file:
            raise ValidationError("Expected either a new picture or none, received both.")
        master = None if given.clears else self._master(given)
        if master is None and self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        return master

    def has_changed(self, initial: Any, data: Any) -> bool:
        if not isinstance(data, Given):
            return super().has_changed(initial, data)
        return bool(data.file or data.clears) or data.picked != str(initial or "")

    def _master(self, given: Given) -> Master | None:
        if given.file:
            try:
                return pending_master(given.file)
            except ImgoptError as error:
                raise ValidationError(error.message, code=error.code) from error
        if not given.picked:
            return None
        found = find_master(given.picked)
        if found is None or not self.queryset.filter(pk=found.pk).exists():  # type: ignore[union-attr]
            raise ValidationError(
                "Expected the id or key of a stored picture, received %(text)r.", params={"text": given.picked[:40]}
            )
        return found
