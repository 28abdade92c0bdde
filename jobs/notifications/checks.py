"""System checks of the notifications: what could never be delivered is told when the service starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from jobs.notifications import kafka


@register()
def check_kafka(**_: Any) -> list[CheckMessage]:
    config = settings.CONFIG
    if not config.kafka_brokers:
        return []
    found: list[CheckMessage] = []
    if not kafka.is_installed():
        found.append(
            Error(
                "IMGOPT_KAFKA_BROKERS names brokers, and the package confluent-kafka is not installed.",
                hint="pip install 'imgopt[kafka]', or take the brokers away.",
                id="jobs.E011",
            )
        )
    if config.kafka_security.startswith("sasl") and not (config.kafka_username and config.kafka_password):
        found.append(
            Error(
                f"IMGOPT_KAFKA_SECURITY is {config.kafka_security}, and there is no user or no password.",
                hint="Set IMGOPT_KAFKA_USERNAME and IMGOPT_KAFKA_PASSWORD.",
                id="jobs.E012",
            )
        )
    if (config.kafka_username or config.kafka_password) and not config.kafka_security.startswith("sasl"):
        found.append(
            Error(
                f"There is a user or a password for Kafka, and IMGOPT_KAFKA_SECURITY is {config.kafka_security}: "
                "the brokers would not be told of them.",
                hint="Set IMGOPT_KAFKA_SECURITY to sasl_ssl or sasl_plaintext.",
                id="jobs.E013",
            )
        )
    if config.kafka_ca_file and not Path(config.kafka_ca_file).is_file():
        found.append(
            Error(
                "IMGOPT_KAFKA_CA_FILE names no file.",
                hint="Name a file of certificates in PEM, or leave it empty for the system's.",
                id="jobs.E014",
            )
        )
    return found
