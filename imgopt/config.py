"""Every setting, once: name, type, default, meaning. How they are read is in `imgopt.loading`.

A field of `Config` is a setting; `docs/configuration.md` is held to this list by a test. Those of what answers requests
stand in `imgopt.config_service`, those of background work and its notifications here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from imgopt.config_service import ServiceConfig
from imgopt.option import option
from imgopt.values import (
    boolean,
    brokers,
    choice,
    choices,
    integer,
    networks,
    number,
    places,
    plain,
    short_name,
    topic,
    url,
)
from jobs.notifications.event_types import EVENT_TYPES


@dataclass(frozen=True, kw_only=True)
class Config(ServiceConfig):
    # Background work
    jobs_engine: str = option(
        "IMGOPT_JOBS_ENGINE",
        choice("table", "celery"),
        "table",
        "How workers hear of jobs: they look into the database, or a broker tells them.",
    )
    jobs_broker_url: str = option(
        "IMGOPT_JOBS_BROKER_URL",
        url("redis", "rediss", "amqp", "amqps"),
        "",
        "Broker of the celery engine, such as amqp://user@host//; empty: REDIS_URL.",
        secret=True,
    )
    jobs_prefix: str = option(
        "IMGOPT_JOBS_PREFIX",
        short_name,
        "imgopt",
        "Start of the names of the broker's queues: installations that share a broker need different ones.",
    )
    jobs_workers: int = option(
        "IMGOPT_JOBS_WORKERS",
        integer(0, 64),
        1,
        "Worker processes that are started beside the server; 0: none, you start `manage.py worker` yourself.",
    )
    jobs_concurrency: tuple[tuple[str, int], ...] = option(
        "IMGOPT_JOBS_CONCURRENCY",
        places,
        (("notifications", 4), ("upkeep", 1)),
        "Jobs of each queue that a worker has in hand at once, such as renders=2,notifications=4,upkeep=1; "
        "renders not said: one a core.",
    )
    jobs_lease_seconds: float = option(
        "IMGOPT_JOBS_LEASE_SECONDS",
        number(0.3, 3600),
        30.0,
        "After this without a sign of life from its worker, a job is given to another.",
    )
    jobs_grace_seconds: float = option(
        "IMGOPT_JOBS_GRACE_SECONDS",
        number(0, 3600),
        20.0,
        "Time for jobs to finish when a worker is told to end; what is left is handed back.",
    )
    jobs_metrics_port: int = option(
        "IMGOPT_JOBS_METRICS_PORT",
        integer(0, 65535),
        0,
        "Port, at IMGOPT_HOST, on which `manage.py worker` answers /metrics where no server has started it; 0: none.",
    )
    jobs_keep_days: int = option("IMGOPT_JOBS_KEEP_DAYS", integer(1, 3650), 30, "Days that ended jobs are kept.")

    jobs_warm_uploads: bool = option(
        "IMGOPT_JOBS_WARM_UPLOADS",
        boolean,
        False,
        "Whether the variants that a picture's markup names are rendered as soon as its master is uploaded.",
    )
    jobs_max_options: int = option(
        "IMGOPT_JOBS_MAX_OPTIONS", integer(1, 1000), 50, "Most options, each a copy, of one job of the job API."
    )
    jobs_open_networks: tuple[str, ...] = option(
        "IMGOPT_JOBS_OPEN_NETWORKS",
        networks,
        (),
        "Private networks that may use the job API without a key and without a limit. Empty: none.",
    )
    # Notifications
    webhooks_private_networks: tuple[str, ...] = option(
        "IMGOPT_WEBHOOKS_PRIVATE_NETWORKS",
        networks,
        (),
        "Private networks that webhooks may be sent into, by http:// too. Empty: none.",
    )
    webhooks_timeout_seconds: float = option(
        "IMGOPT_WEBHOOKS_TIMEOUT_SECONDS", number(0.1, 120), 10.0, "Most time an endpoint may take to answer a webhook."
    )
    kafka_brokers: tuple[str, ...] = option(
        "IMGOPT_KAFKA_BROKERS",
        brokers,
        (),
        "Kafka brokers that are told of events, such as kafka1:9092,kafka2:9092. Empty: none.",
    )
    kafka_topic: str = option("IMGOPT_KAFKA_TOPIC", topic, "imgopt", "Topic that events are written to.")
    kafka_events: tuple[str, ...] = option(
        "IMGOPT_KAFKA_EVENTS",
        choices(*EVENT_TYPES),
        (),
        "Types of the events that are written, such as job.completed,job.failed. Empty: all.",
    )
    kafka_security: str = option(
        "IMGOPT_KAFKA_SECURITY",
        choice("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
        "plaintext",
        "How the brokers are spoken to.",
    )
    kafka_sasl_mechanism: str = option(
        "IMGOPT_KAFKA_SASL_MECHANISM",
        choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "SCRAM-SHA-512",
        "How the user is made known, with sasl_plaintext and sasl_ssl.",
    )
    kafka_username: str = option("IMGOPT_KAFKA_USERNAME", plain, "", "User at the brokers, with SASL.")
    kafka_password: str = option(
        "IMGOPT_KAFKA_PASSWORD", plain, "", "Password of that user.", secret=True, empty="refused"
    )
    kafka_ca_file: str = option(
        "IMGOPT_KAFKA_CA_FILE", plain, "", "Certificates the brokers' are checked by, as PEM; empty: the system's."
    )
    kafka_timeout_seconds: float = option(
        "IMGOPT_KAFKA_TIMEOUT_SECONDS", number(1, 120), 10.0, "Most time the brokers may take to confirm a message."
    )


NAMES = {str(entry.metadata["name"]): entry for entry in fields(Config)}
