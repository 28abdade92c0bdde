"""Indexes for the beginnings of origins' paths, and on PostgreSQL for words within names."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models, transaction
from django.db.utils import DatabaseError

# As Django writes `icontains`.
SEARCH = """
CREATE INDEX master_search ON assets_master
USING gin (upper(key::text) gin_trgm_ops, upper(original_name::text) gin_trgm_ops)
"""


def index_words(_apps: Any, schema_editor: Any) -> None:
    """The extension is PostgreSQL's own and may be made by whoever owns the database. Where it may not, or is not
    installed, a search reads the whole table, and everything else is as it is."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(SEARCH)
    except DatabaseError as error:
        print(f"\n  Searches for masters stay slow: {str(error).strip()}", end="")  # noqa: T201


def forget_words(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS master_search")


class Migration(migrations.Migration):
    dependencies = [("assets", "0004_retired_references")]

    operations = [
        migrations.AddIndex(
            model_name="master",
            index=models.Index(
                condition=models.Q(("origin", ""), _negated=True),
                fields=["origin", "origin_path"],
                name="master_under_origin",
                opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
            ),
        ),
        migrations.RunPython(index_words, forget_words),
    ]
