"""Notifications in the admin: endpoints with their secrets, Kafka, and what was told to whom."""

from jobs.notifications.endpoint_admin import EndpointAdmin
from jobs.notifications.event_admin import EventAdmin
from jobs.notifications.kafka_admin import KafkaAdmin

__all__ = ["EndpointAdmin", "EventAdmin", "KafkaAdmin"]
