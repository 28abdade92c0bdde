"""Measured quality in figures, in the registry that `/metrics` tells from."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

from delivery.counters import REGISTRY
from delivery.entry import Entry
from pipeline.receipt import Receipt

STATES: Final = ("measured", "pending", "unmeasurable", "skipped")
"""`skipped`: passed over for now, because there was too much else to do."""
TARGET_OUTCOMES: Final = ("met", "missed")

SSIM_BUCKETS: Final = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 1.0)
TRIAL_BUCKETS: Final = (1, 2, 3, 4, 5, 6, 7, 8)

TARGETS = Counter(
    "imgopt_quality_targets",
    "Variants made for a target, by whether they meet it.",
    ["format", "outcome"],
    registry=REGISTRY,
)
SSIM = Histogram(
    "imgopt_quality_ssim", "SSIM of the variants measured.", ["format"], buckets=SSIM_BUCKETS, registry=REGISTRY
)
TRIALS = Histogram(
    "imgopt_quality_trial_encodes",
    "How often an encoder was asked in a search for a target.",
    ["format"],
    buckets=TRIAL_BUCKETS,
    registry=REGISTRY,
)
RECEIPTS = Counter("imgopt_quality_receipts", "Receipts, by their state.", ["state"], registry=REGISTRY)

# A series that begins at 0 has a rate from its first event on.
for _state in STATES:
    RECEIPTS.labels(_state)


def made(entry: Entry) -> None:
    """This will count a variant that was rendered, with what is known of its quality by now.

    A draft is a guess that is often a little off: whether the target is met is its final's to say. One encode is no
    search: it is a draft's, or writes what was decided before.
    """
    receipt = entry.receipt
    if receipt.target_met is not None and not receipt.provisional:
        TARGETS.labels(entry.format, "met" if receipt.target_met else "missed").inc()
    if receipt.tries > 1:
        TRIALS.labels(entry.format).observe(receipt.tries)
    measured(entry.format, receipt)


def measured(file_format: str, receipt: Receipt) -> None:
    """This will count a receipt; one that was pending is counted once more when it no longer is."""
    RECEIPTS.labels(receipt.state).inc()
    if receipt.scores is not None:
        SSIM.labels(file_format).observe(receipt.scores.ssim)


def skipped(number: int) -> None:
    RECEIPTS.labels("skipped").inc(number)
