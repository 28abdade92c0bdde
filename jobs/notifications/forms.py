from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings

from assets.models import new_id
from assets.origins.addresses import may_go_to
from assets.origins.errors import OriginRefused
from assets.origins.guard import target_of
from jobs.notifications import endpoint_secrets
from jobs.notifications.event_types import EVENT_TYPES
from jobs.notifications.models import Endpoint

OVERLAPS = {
    "0": "no longer",
    "3600": "for an hour",
    "86400": "for a day",
    "604800": "for a week",
    "2592000": "for 30 days",
}

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Endpoint]
else:
    ModelForm = forms.ModelForm


class EndpointForm(ModelForm):
    event_types = forms.MultipleChoiceField(
        label="Events",
        choices=[(name, f"{name}: {meaning}") for name, meaning in EVENT_TYPES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None chosen: all of them.",
    )

    class Meta:
        model = Endpoint
        fields: ClassVar[list[str]] = ["url", "description", "event_types", "is_enabled"]
        widgets: ClassVar[dict[str, Any]] = {"url": forms.TextInput(attrs={"size": 80})}

    def clean_url(self) -> str:
        """The name is not looked up here: where it leads to is checked each time something is sent."""
        url = str(self.cleaned_data["url"]).strip()
        networks = settings.CONFIG.webhooks_private_networks
        try:
            target = target_of(url)
        except OriginRefused as error:
            raise forms.ValidationError(error.message) from error
        if target.scheme == "http" and not networks:
            raise forms.ValidationError(
                "Expected an https:// address: http:// goes into IMGOPT_WEBHOOKS_PRIVATE_NETWORKS only."
            )
        is_number = ":" in target.host or target.host.replace(".", "").isdigit()
        if is_number and not may_go_to(target.host, networks):
            raise forms.ValidationError(
                f"{target.host} is not public: name its network in IMGOPT_WEBHOOKS_PRIVATE_NETWORKS."
            )
        return url


class AddEndpointForm(EndpointForm):
    """The ticket becomes the endpoint's id: a form that is sent again (a reload) makes no second endpoint."""

    ticket = forms.UUIDField(widget=forms.HiddenInput, initial=new_id)

    def clean_ticket(self) -> UUID:
        ticket: UUID = self.cleaned_data["ticket"]
        if Endpoint.objects.filter(pk=ticket).exists():
            raise forms.ValidationError("This form has made its endpoint already. To make another, open it again.")
        return ticket


class RotateSecretForm(forms.Form):
    overlap = forms.ChoiceField(
        label="Webhooks are signed with the old secret too",
        choices=list(OVERLAPS.items()),
        initial="86400",
        widget=forms.RadioSelect,
    )
    newest = forms.IntegerField(widget=forms.HiddenInput)
    """Of the secrets that were there when the form was shown: sent again (a reload), it rotates no second time."""

    def __init__(self, data: Any, *, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        super().__init__(data, initial={"newest": endpoint_secrets.newest_id(endpoint)})

    def clean_newest(self) -> int:
        newest: int = self.cleaned_data["newest"]
        if newest != endpoint_secrets.newest_id(self._endpoint):
            raise forms.ValidationError("The secret was rotated meanwhile. To rotate it again, open the form again.")
        return newest

    def overlap_given(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["overlap"]))
