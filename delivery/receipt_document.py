"""A receipt as the API tells it: in answers, in jobs' results, in manifests."""

from __future__ import annotations

from typing import Any, Final, get_args

from rest_framework import serializers

from pipeline.receipt import Receipt, State
from pipeline.request import Chroma, Effort
from pipeline.targets import write_quality

DECIMALS: Final = 6

EXAMPLE: Final[dict[str, Any]] = {
    "state": "measured",
    "reason": "",
    "scores": {
        "ssim": 0.971204,
        "worstTile": 0.93811,
        "psnr": 37.402113,
        "identical": False,
        "rmse": 3.437506,
        "deltaEMean": 0.812403,
        "deltaEP95": 2.104551,
        "deltaEP99": 3.390127,
        "chromaDeltaE": 1.73341,
        "metric": "ssim-wang2004",
        "metricVersion": 1,
        "also": {},
    },
    "target": {"asked": "auto:good", "ssim": 0.97, "worstTile": 0.89, "deltaEP99": None, "chromaDeltaE": 7.0},
    "targetMet": True,
    "bound": "ssim",
    "tries": 3,
    "quality": 68,
    "chroma": "4:2:0",
    "effort": "full",
    "provisional": False,
    "passthrough": False,
    "encoder": "3/pyvips-3.1.1/pyvips-binary-8.18.7",
    "milliseconds": {"decode": 21.4, "steps": 1.2, "encode": 640.8, "measure": 48.3},
}
PENDING: Final[dict[str, Any]] = {
    **EXAMPLE,
    "state": "pending",
    "scores": None,
    "target": None,
    "targetMet": None,
    "bound": "",
    "tries": 0,
    "quality": 80,
    "chroma": None,
    "effort": "quick",
    "encoder": "",
    "milliseconds": {},
}


class AlsoSerializer(serializers.Serializer[Any]):
    score = serializers.FloatField()
    version = serializers.CharField(help_text="Of the package that scored it.")


class ScoresSerializer(serializers.Serializer[Any]):
    """Of the file, decoded again, against the pixels before encoding."""

    ssim = serializers.FloatField(help_text="Mean structural similarity (Wang et al. 2004) of luma; 1 for no loss.")
    worstTile = serializers.FloatField(source="worst_tile", help_text="The lowest mean SSIM of a tile of 64 px.")  # noqa: N815
    psnr = serializers.FloatField(allow_null=True, help_text="Decibels; null where the pictures are identical.")
    identical = serializers.BooleanField(help_text="Whether every pixel that can be seen is equal.")
    rmse = serializers.FloatField(help_text="In 8-bit steps, 0 to 255.")
    deltaEMean = serializers.FloatField(source="delta_e_mean", help_text="CIEDE2000; about 1 can just be seen.")  # noqa: N815
    deltaEP95 = serializers.FloatField(source="delta_e_p95", help_text="Its 95th percentile.")  # noqa: N815
    deltaEP99 = serializers.FloatField(source="delta_e_p99", help_text="Its 99th percentile.")  # noqa: N815
    chromaDeltaE = serializers.FloatField(  # noqa: N815
        source="chroma_delta_e", help_text="Without lightness, the highest mean of a tile: what colours bleed."
    )
    metric = serializers.CharField(help_text="What `ssim` and `worstTile` are measured by.")
    metricVersion = serializers.IntegerField(source="metric_version", help_text="Of the metric.")  # noqa: N815
    also = serializers.DictField(
        child=AlsoSerializer(), help_text="Further metrics by name, where `IMGOPT_QUALITY_METRICS` asks for any."
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        plain = super().to_representation(instance)
        return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in plain.items()}


class TargetSerializer(serializers.Serializer[Any]):
    """What the file should measure; null: not asked."""

    asked = serializers.SerializerMethodField(help_text="As in a URL's `q`.")
    ssim = serializers.FloatField(help_text="At least.")
    worstTile = serializers.FloatField(source="worst_tile", allow_null=True, help_text="At least.")  # noqa: N815
    deltaEP99 = serializers.FloatField(source="delta_e_p99", allow_null=True, help_text="At most.")  # noqa: N815
    chromaDeltaE = serializers.FloatField(source="chroma_delta_e", allow_null=True, help_text="At most.")  # noqa: N815

    def get_asked(self, target: Any) -> str:
        return write_quality(target)


class ReceiptSerializer(serializers.Serializer[Any]):
    """What a variant measures and how it was made."""

    state = serializers.ChoiceField(
        get_args(State), help_text="`pending`: measured within a minute of idle time. `unmeasurable`: see `reason`."
    )
    reason = serializers.CharField(help_text="Why there are no scores and will be none.")
    scores = ScoresSerializer(allow_null=True)
    target = TargetSerializer(allow_null=True, help_text="Null: the quality was said by whoever asked.")
    targetMet = serializers.BooleanField(  # noqa: N815
        source="target_met", allow_null=True, help_text="Null without a target, or without scores."
    )
    bound = serializers.CharField(
        help_text="What decided the quality, such as `ssim` or `max-bytes`; empty: no search."
    )
    tries = serializers.IntegerField(help_text="How often the encoder was asked in the search.")
    quality = serializers.IntegerField(
        allow_null=True, help_text="As the encoder was told; null: lossless, the format's own, or the master's bytes."
    )
    chroma = serializers.ChoiceField(get_args(Chroma), allow_null=True, help_text="Null where it is not known.")
    effort = serializers.ChoiceField(get_args(Effort), help_text="How long the encoder was given.")
    provisional = serializers.BooleanField(help_text="Whether it is a draft.")
    passthrough = serializers.BooleanField(help_text="Whether it is the master's own bytes.")
    encoder = serializers.CharField(help_text="The version of all that shapes the bytes; empty while pending.")
    milliseconds = serializers.SerializerMethodField(help_text="By phase.")

    def get_milliseconds(self, receipt: Receipt) -> dict[str, float]:
        return {name: round(1000 * seconds, 2) for name, seconds in receipt.seconds.items()}


def document(receipt: Receipt) -> dict[str, Any]:
    """This will give plain values for JSON."""
    return dict(ReceiptSerializer(receipt).data)
