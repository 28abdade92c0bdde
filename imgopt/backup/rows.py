"""All rows as one file, and back: by Django's own serialised form, which knows no kind of database."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core import serializers
from django.core.management.color import no_style
from django.core.serializers import sort_dependencies
from django.db import connection, connections, models, transaction

LEFT_OUT = frozenset({"contenttypes.contenttype", "auth.permission", "sessions.session"})
"""The first two are made by `migrate`, with numbers of their own; a session is worth a login."""
COPY = "backup"
AT_ONCE = 1000


def kept() -> list[type[models.Model]]:
    """This will give the models whose rows are kept, so that each comes after what it refers to."""
    return [
        model
        for model in sort_dependencies([(config, None) for config in apps.get_app_configs()])
        if model._meta.label_lower not in LEFT_OUT and not model._meta.proxy and model._meta.managed
    ]


@contextmanager
def snapshot() -> Iterator[str]:
    """This will give the name of a database that stands still, while the service goes on writing."""
    if connection.vendor == "sqlite":
        with tempfile.TemporaryDirectory(prefix="imgopt-backup-") as folder:
            name = str(Path(folder) / "copy.sqlite3")
            with connection.cursor() as cursor:
                cursor.execute("VACUUM INTO %s", [name])
            connections.databases[COPY] = {**connections.databases["default"], "NAME": name}
            try:
                yield COPY
            finally:
                connections[COPY].close()
                del connections[COPY]
                del connections.databases[COPY]
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield "default"


def dump(file: Path, using: str) -> int:
    """This will write the rows, and give their number."""
    number = 0

    def rows() -> Iterator[models.Model]:
        nonlocal number
        for model in kept():
            many = [field.name for field in model._meta.local_many_to_many]
            query = model._base_manager.using(using).order_by("pk").prefetch_related(*many)
            for row in query.iterator(AT_ONCE):
                number += 1
                yield row

    with gzip.open(file, "wt", encoding="utf-8", compresslevel=6) as stream:
        serializers.serialize("jsonl", rows(), stream=stream, use_natural_foreign_keys=True)
    return number


def load(file: Path) -> int:
    """This will write the rows into an empty database, all or none, and give their number."""
    number, models_seen = 0, set()
    with transaction.atomic(), gzip.open(file, "rt", encoding="utf-8") as stream:
        for row in serializers.deserialize("jsonl", stream):
            row.save(force_insert=True)
            models_seen.add(type(row.object))
            number += 1
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), list(models_seen)):
                cursor.execute(statement)
    return number


def first_that_has_rows() -> str | None:
    """This will name a table that is not empty."""
    return next((str(model._meta.verbose_name_plural) for model in kept() if model._base_manager.exists()), None)
