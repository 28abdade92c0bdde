from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import uuid6
from django import forms
from django.utils import timezone

from apikeys.models import ApiKey
from apikeys.scopes import MEANINGS, parse

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[ApiKey]
else:
    ModelForm = forms.ModelForm

OVERLAPS = {
    "0": "at once",
    "3600": "in an hour",
    "86400": "in a day",
    "604800": "in a week",
    "2592000": "in 30 days",
}


class IssueForm(ModelForm):
    """The ticket becomes the key's id: a form that is sent again (a reload) does not issue a second key."""

    ticket = forms.UUIDField(widget=forms.HiddenInput, initial=uuid6.uuid7)
    scopes = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {meaning}") for name, meaning in MEANINGS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = ("name", "owner", "rate_per_second", "burst", "expires_at")

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("Expected a time to come.")
        return expires_at

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        ticket: UUID | None = self.cleaned_data.get("ticket")
        if ticket is not None and ApiKey.objects.filter(pk=ticket).exists():
            raise forms.ValidationError("This form has issued its key already. To issue another, open it again.")
        if "scopes" in self.cleaned_data:
            self.instance.scope_bits = int(parse(self.cleaned_data["scopes"]))
        return cleaned


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The old key ends", choices=list(OVERLAPS.items()), initial="86400", widget=forms.RadioSelect
    )

    def overlap_given(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["overlap"]))
