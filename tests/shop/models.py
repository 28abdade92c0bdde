"""A site's own models, with pictures."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from assets.fields import MasterField


class Product(models.Model):
    name = models.CharField(max_length=20)
    photo = MasterField()
    back = MasterField(null=True, blank=True)

    objects: ClassVar[models.Manager[Product]] = models.Manager()

    def __str__(self) -> str:
        return self.name
