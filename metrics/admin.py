"""Receipts and what was learnt, in the admin: to be looked at, never changed by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html

from metrics.models import Curve, FormatSizes, VariantQuality

if TYPE_CHECKING:  # Django's own classes take no type argument at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Rows are written by renders; changed here, they would say what nobody has measured."""

    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False


@admin.register(VariantQuality)
class VariantQualityAdmin(ReadOnlyAdmin):
    list_display = (
        "short_key", "format", "size", "byte_size", "similarity", "worst", "delta_e", "quality", "target",
        "target_met", "provisional", "created_at",
    )  # fmt: skip
    list_filter = ("format", "target_met", "provisional", "target", "created_at")
    search_fields = ("key", "digest")
    fields = (
        "key", "digest", "format", "size", "byte_size", "similarity", "worst", "delta_e", "quality", "target",
        "target_met", "tries", "provisional", "created_at", "whole",
    )  # fmt: skip

    @admin.display(description="Variant", ordering="key")
    def short_key(self, row: VariantQuality) -> str:
        return row.key[:12]

    @admin.display(description="Size", ordering="width")
    def size(self, row: VariantQuality) -> str:
        return f"{row.width} × {row.height}"

    @admin.display(description="SSIM", ordering="ssim", empty_value="not measurable")
    def similarity(self, row: VariantQuality) -> str | None:
        return _figure(row.ssim, 4)

    @admin.display(description="Worst tile", ordering="worst_tile")
    def worst(self, row: VariantQuality) -> str | None:
        return _figure(row.worst_tile, 4)

    @admin.display(description="ΔE00", ordering="delta_e_mean")
    def delta_e(self, row: VariantQuality) -> str | None:
        return _figure(row.delta_e_mean, 2)

    @admin.display(description="Receipt")
    def whole(self, row: VariantQuality) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.receipt, indent=2, ensure_ascii=False))


@admin.register(Curve)
class CurveAdmin(ReadOnlyAdmin):
    list_display = ("digest", "format", "effort", "width", "seen", "updated_at")
    list_filter = ("format", "effort")
    search_fields = ("digest",)


@admin.register(FormatSizes)
class FormatSizesAdmin(ReadOnlyAdmin):
    list_display = ("digest", "target", "byte_sizes", "width", "created_at")
    list_filter = ("target",)
    search_fields = ("digest",)


def _figure(value: float | None, decimals: int) -> str | None:
    return None if value is None else f"{value:.{decimals}f}"
