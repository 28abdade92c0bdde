"""The outbox in the admin: what was told to whom, how each telling stands, and a way to tell again what failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from jobs.models import State
from jobs.notifications import outbox
from jobs.notifications.event_types import EVENT_TYPES
from jobs.notifications.models import Delivery, Event
from jobs.notifications.words import REPEATABLE, STATES, say_how_many

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Event]
    TabularInline = admin.TabularInline[Delivery, Event]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class DeliveryStateFilter(admin.SimpleListFilter):
    title = "delivery"
    parameter_name = "delivery"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, words) for state, words in STATES.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        value = self.value()
        if value not in State.values:
            return queryset
        return queryset.filter(pk__in=Delivery.objects.filter(job__state=value).values("event"))


class TypeFilter(admin.SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in EVENT_TYPES]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(type=self.value()) if self.value() in EVENT_TYPES else queryset


class DeliveriesOfEvent(TabularInline):
    model = Delivery
    extra = 0
    can_delete = False
    fields = readonly_fields = ("target", "state", "attempts", "due", "error")

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).select_related("job", "endpoint", "event")

    def target(self, delivery: Delivery) -> str:
        return str(delivery.endpoint or "Kafka")

    def state(self, delivery: Delivery) -> str:
        return STATES[State(delivery.job.state)]

    def attempts(self, delivery: Delivery) -> int:
        return delivery.job.attempts

    @admin.display(description="next attempt")
    def due(self, delivery: Delivery) -> Any:
        return delivery.job.run_at if delivery.job.state == State.WAITING else "none"

    def error(self, delivery: Delivery) -> str:
        return delivery.job.error or str(delivery.job.result.get("result", ""))


@admin.register(Event)
class EventAdmin(ModelAdmin):
    list_display = ("type", "subject", "created_at", "deliveries_told")
    list_filter = (TypeFilter, DeliveryStateFilter)
    search_fields = ("subject",)
    inlines = (DeliveriesOfEvent,)
    actions = ("deliver_again",)
    fields = readonly_fields = ("id", "type", "subject", "created_at", "data_told")
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Nobody changes what happened; the permission stands for delivering it again, in the list."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, _request: HttpRequest, _obj: Event | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).prefetch_related("deliveries__job", "deliveries__endpoint")

    @admin.display(description="deliveries")
    def deliveries_told(self, event: Event) -> str:
        told = [
            f"{delivery.endpoint or 'Kafka'}: {STATES[State(delivery.job.state)]}"
            for delivery in event.deliveries.all()
        ]
        return ", ".join(told) or "none left"

    @admin.display(description="data")
    def data_told(self, event: Event) -> str:
        return format_html("<pre>{}</pre>", json.dumps(event.data, indent=2, ensure_ascii=False))

    @admin.action(description="Deliver again what failed", permissions=["change"])
    def deliver_again(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        failed = Delivery.objects.filter(event__in=queryset.values("pk"), job__state__in=REPEATABLE)
        say_how_many(self, request, outbox.deliver_again(failed.select_related("job").order_by("id")))
