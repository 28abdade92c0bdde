"""`MasterField`: a picture on a site's own models, in one line.

class Product(models.Model):
    photo = MasterField()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import NestedObjects
from django.db import models
from django.db.models.deletion import Collector
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from assets.forms import MasterFormField
from assets.models import Master
from assets.pending import is_pending, store
from pipeline.errors import ImgoptError

if TYPE_CHECKING:  # Django's own classes take no type argument at run time
    Descriptor = ForwardManyToOneDescriptor[Any]
    ForeignKey = models.ForeignKey[Any, Any]
else:
    Descriptor = ForwardManyToOneDescriptor
    ForeignKey = models.ForeignKey

TO = "assets.Master"
NO_REVERSE = "+"


class MasterInUse(ImgoptError):
    """A master is to be deleted that a row still needs."""

    code = "conflict"


def refuse(collector: Collector, _field: Any, rows: Any, _using: str) -> None:
    """As `on_delete`: the master stays, and whoever deletes it by REST or by code is told why.

    The admin's page only asks what stands in the way, and shows it; it knows Django's own error.
    """
    sentence = f"Expected a master that nothing needs to delete, received the picture of {str(rows[0])[:80]}."
    if isinstance(collector, NestedObjects):
        raise models.ProtectedError(sentence, set(rows))
    raise MasterInUse(sentence)


class MasterDescriptor(Descriptor):
    """Reads a master together with what markup needs of it."""

    def get_queryset(self, **hints: Any) -> Any:
        return super().get_queryset(**hints).select_related("blob")


class MasterField(ForeignKey):
    """A foreign key to a master, whose form field takes an upload too.

    A required one keeps its master from being deleted; one that may be null is emptied.
    """

    forward_related_accessor_class = MasterDescriptor

    def __init__(self, to: Any = TO, on_delete: Callable[..., Any] | None = None, **kwargs: Any) -> None:
        # Without a reverse accessor two pictures on one model do not clash.
        kwargs.setdefault("related_name", NO_REVERSE)
        super().__init__(to, on_delete or _default_on_delete(kwargs), **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        defaults = {"to": TO.lower(), "related_name": NO_REVERSE, "on_delete": _default_on_delete(kwargs)}
        return name, path, args, {name: value for name, value in kwargs.items() if defaults.get(name) != value}

    def validate(self, value: Any, model_instance: Any) -> None:
        """A pending master is in no table yet."""
        if not is_pending(self._master_of(model_instance)):
            super().validate(value, model_instance)

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        master = self._master_of(model_instance)
        if master is not None and is_pending(master):
            setattr(model_instance, self.name, store(master))
        return super().pre_save(model_instance, add)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": MasterFormField, **kwargs})

    def _master_of(self, model_instance: Any) -> Master | None:
        """The master that was assigned or has been read, without a query."""
        if model_instance is None:
            return None
        found = self.get_cached_value(model_instance, default=None)
        return found if isinstance(found, Master) else None


def _default_on_delete(kwargs: dict[str, Any]) -> Callable[..., Any]:
    return models.SET_NULL if kwargs.get("null") else refuse
