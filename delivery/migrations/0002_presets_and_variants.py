from django.db import migrations, models


def forget_news(apps, _schema_editor):
    """Purges are news for running processes, and these are restarted with a migration."""
    apps.get_model("delivery", "Purge").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Preset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(help_text="As in preset=hero: a-z, 0-9, - and _.", max_length=50, unique=True),
                ),
                (
                    "params",
                    models.CharField(
                        help_text="As in a URL, such as w=1600&ar=16:9&fit=crop. Percent-encode & and % in values.",
                        max_length=1000,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64, unique=True)),
                ("digest", models.CharField(help_text="Of the master's bytes.", max_length=64)),
                ("params", models.TextField(help_text="The canonical text of the resolved spec.")),
                ("format", models.CharField(max_length=8)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("byte_size", models.PositiveBigIntegerField()),
                ("etag", models.CharField(max_length=64)),
                ("render_ms", models.FloatField(help_text="Milliseconds the render took.")),
                (
                    "passthrough",
                    models.BooleanField(default=False, help_text="Whether it is the master's own bytes."),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [models.Index(fields=["digest", "created_at"], name="variant_of_digest")],
            },
        ),
        migrations.RunPython(forget_news, migrations.RunPython.noop),
        migrations.RemoveField(model_name="purge", name="master_id"),
        migrations.AddField(model_name="purge", name="master_ids", field=models.JSONField(default=list)),
    ]
