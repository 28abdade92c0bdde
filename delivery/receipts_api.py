"""The REST API: the receipts of a master's variants, whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.masters import known_master
from delivery.errors import VariantNotFound
from delivery.models import Variant
from delivery.receipt_document import EXAMPLE, PENDING, ReceiptSerializer
from delivery.remade import pending_receipt
from delivery.variants_api import FORMAT, ORDERING, VARIANT, Variants
from metrics import receipts

KEY = re.compile(r"[0-9a-f]{64}")
SHOWN = ("key", "params", "format", "width", "height", "byteSize", "createdAt")
ONE = {**{name: VARIANT[name] for name in SHOWN}, "receipt": EXAMPLE}
WAITING = {**ONE, "receipt": PENDING}


class VariantReceiptSerializer(serializers.ModelSerializer[Variant]):
    """A variant with its receipt."""

    byteSize = serializers.IntegerField(source="byte_size")  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    receipt = ReceiptSerializer()

    class Meta:
        model = Variant
        fields = (*SHOWN, "receipt")


class Receipts(Variants):
    """`GET` lists the receipts of a master's variants."""

    serializer_class = VariantReceiptSerializer  # type: ignore[assignment]  # of the same rows

    @extend_schema(
        operation_id="listReceipts",
        summary="List the receipts of a master's variants",
        description=(
            "What each variant of a master measures and how it was made, in the order and by the filters of the list "
            "of variants. One that has still to be measured is `pending`."
        ),
        tags=["delivery"],
        parameters=[FORMAT, ORDERING],
        examples=[OpenApiExample("A measured one", ONE, response_only=True)],
    )
    def get(self, request: Request, reference: str) -> Response:
        return self.list(request)

    def paginate_queryset(self, queryset: Any) -> Any:
        """This will add the receipts of one page, in one query."""
        page = super().paginate_queryset(queryset)
        return page if page is None else with_receipts(page)


class OneReceipt(APIView):
    """`GET` gives the receipt of a variant."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @extend_schema(
        operation_id="getReceipt",
        summary="The receipt of a variant",
        description=(
            "What a variant measures and how it was made. One that has still to be measured is `pending`. A variant "
            "that was never rendered, or was purged since, is a 404 with the code `variant_not_found`."
        ),
        tags=["delivery"],
        parameters=[OpenApiParameter("key", location="path", description="Of the variant, as the lists name it.")],
        responses={200: VariantReceiptSerializer},
        examples=[
            OpenApiExample("A measured one", ONE, response_only=True),
            OpenApiExample("One to be measured", WAITING, response_only=True),
        ],
    )
    def get(self, _request: Request, reference: str, key: str) -> Response:
        variants = Variant.objects.filter(digest=known_master(reference).blob.digest)
        variant = variants.filter(key=key).first() if KEY.fullmatch(key) else None
        if variant is None:
            raise VariantNotFound
        [shown] = with_receipts([variant])
        return Response(VariantReceiptSerializer(shown).data, headers={"Cache-Control": "no-store"})


def with_receipts(variants: list[Variant]) -> list[Variant]:
    """This will hang its receipt on each."""
    known = receipts.find_many([variant.key for variant in variants])
    for variant in variants:
        variant.receipt = known.get(variant.key) or pending_receipt(variant)  # type: ignore[attr-defined]
    return variants
