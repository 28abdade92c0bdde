"""The admin's login form, limited by address: passwords are not to be tried out."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

from apikeys.admission import admit_ip

# Ten at once for fingers that slip; in the long run one in ten seconds, or 8,640 guesses a day.
RATE_PER_SECOND = 0.1
BURST = 10


class LimitedLoginForm(AdminAuthenticationForm):
    """Counts every attempt, right or wrong, before the password is looked at."""

    def clean(self) -> dict[str, Any]:
        if self.request is not None:
            verdict = admit_ip(self.request.META, "login", RATE_PER_SECOND, BURST)
            if not verdict.admitted:
                raise ValidationError(
                    "Too many attempts from this address: try again in %(seconds)d seconds.",
                    code="rate_limited",
                    params={"seconds": ceil(verdict.retry_after_seconds)},
                )
        return super().clean()
