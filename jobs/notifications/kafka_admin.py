"""Kafka in the admin: one page in the place of a list, with the settings (no secrets), how it goes, and a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from jobs.notifications import kafka, outbox, trying
from jobs.notifications.kafka_writer import MISSING
from jobs.notifications.models import KafkaTopic
from jobs.notifications.trying import Outcome
from jobs.notifications.words import STATES, health, say_outcome

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[KafkaTopic]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(KafkaTopic)
class KafkaAdmin(ModelAdmin):
    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: KafkaTopic | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._test(request)
        topic, config = outbox.kafka_topic(), settings.CONFIG
        counts = {
            row["state"]: row["count"] for row in topic.jobs.order_by().values("state").annotate(count=Count("id"))
        }
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Kafka",
            "config": {
                "Brokers": ", ".join(config.kafka_brokers),
                "Topic": config.kafka_topic,
                "Events": ", ".join(config.kafka_events) or "all",
                "Security": config.kafka_security,
                "User": config.kafka_username or "none",
                "Password": "set" if config.kafka_password else "none",
            },
            "is_set": bool(config.kafka_brokers),
            "is_installed": kafka.is_installed(),
            "missing": MISSING,
            "topic": topic,
            "health": health(topic),
            "counts": {words: counts.get(state.value, 0) for state, words in STATES.items()},
            "may_test": self.has_change_permission(request),
        }
        return TemplateResponse(request, "admin/notifications/kafkatopic/page.html", context)

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:notifications_kafkatopic_changelist"))

    def _test(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if settings.CONFIG.kafka_brokers:
            outcome = trying.try_kafka()
        else:
            outcome = Outcome(is_delivered=False, sentence="IMGOPT_KAFKA_BROKERS names no brokers.")
        say_outcome(self, request, outcome)
        return HttpResponseRedirect(reverse("admin:notifications_kafkatopic_changelist"))
