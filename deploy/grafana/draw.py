"""The Grafana dashboard, as data: `python -m deploy.grafana.draw > deploy/grafana/imgopt.json`.

A dashboard of a thousand lines of JSON is changed by nobody twice; this list is.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Final

RATE: Final = "$__rate_interval"
WIDTH, HEIGHT = 8, 8


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    """Each with its legend."""
    stacked: bool = False


def quantiles(metric: str, labels: str = "", by: str = "") -> tuple[tuple[str, str], ...]:
    group = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        (f"histogram_quantile({share}, sum by ({group}) (rate({metric}_bucket{{{labels}}}[{RATE}])))", f"p{100 * share:g}{legend}")
        for share in (0.5, 0.95, 0.99)
    )  # fmt: skip


ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "What visitors get",
        (
            Panel("Variants a second by tier", "reqps", ((f"sum by (tier) (rate(imgopt_variant_answers_total[{RATE}]))", "{{tier}}"),), True),
            Panel("Share that nothing was rendered for", "percentunit", ((f'1 - sum(rate(imgopt_variant_answers_total{{tier="render"}}[{RATE}])) / sum(rate(imgopt_variant_answers_total[{RATE}]))', "hits"),)),
            Panel("Refused, by reason", "reqps", ((f"sum by (code) (rate(imgopt_refusals_total[{RATE}]))", "{{code}}"),)),
            Panel("Answers a second by status", "reqps", ((f"sum by (status) (rate(imgopt_requests_total[{RATE}]))", "{{status}}"),), True),
            Panel("Time of what memory did not have", "s", quantiles("imgopt_request_seconds", 'route="image"')),
            Panel("Bytes a second", "Bps", ((f"sum(rate(imgopt_variant_sent_bytes_total[{RATE}]))", "sent"), (f"sum(rate(imgopt_variant_saved_bytes_total[{RATE}]))", "saved"))),
        ),
    ),
    (
        "Rendering",
        (
            Panel("Renders a second by format", "ops", ((f"sum by (format) (rate(imgopt_renders_total[{RATE}]))", "{{format}}"),), True),
            Panel("Time of a render", "s", quantiles("imgopt_render_seconds", 'phase="total"')),
            Panel("Mean time by phase", "s", ((f"sum by (phase) (rate(imgopt_render_seconds_sum[{RATE}])) / sum by (phase) (rate(imgopt_render_seconds_count[{RATE}]))", "{{phase}}"),)),
            Panel("Tasks in the pools", "short", (("sum(imgopt_renders_running)", "running"), ("sum(imgopt_renders_waiting)", "waiting"))),
            Panel("Children lost", "ops", ((f"sum(rate(imgopt_render_child_crashes_total[{RATE}]))", "crashes"), (f"sum(rate(imgopt_render_child_timeouts_total[{RATE}]))", "timeouts"))),
            Panel("Drafts and finals a second", "ops", ((f"sum(rate(imgopt_drafts_total[{RATE}]))", "drafts"), (f"sum by (made) (rate(imgopt_finals_total[{RATE}]))", "finals: {{made}}"))),
        ),
    ),
    (
        "Quality",
        (
            Panel("Share that misses its target", "percentunit", ((f'sum(rate(imgopt_quality_targets_total{{outcome="missed"}}[{RATE}])) / sum(rate(imgopt_quality_targets_total[{RATE}]))', "missed"),)),
            Panel("SSIM that 95 % reach", "none", ((f"histogram_quantile(0.05, sum by (le, format) (rate(imgopt_quality_ssim_bucket[{RATE}])))", "{{format}}"),)),
            Panel("Trial encodes a search", "none", ((f"sum by (format) (rate(imgopt_quality_trial_encodes_sum[{RATE}])) / sum by (format) (rate(imgopt_quality_trial_encodes_count[{RATE}]))", "{{format}}"),)),
        ),
    ),
    (
        "Background work",
        (
            Panel("Wait of the oldest due job", "s", (("max by (queue) (imgopt_jobs_oldest_wait_seconds)", "{{queue}}"),)),
            Panel("Live jobs", "short", (("max by (queue, state) (imgopt_jobs_live)", "{{queue}} {{state}}"),), True),
            Panel("Attempts a second by outcome", "ops", ((f"sum by (outcome) (rate(imgopt_jobs_total[{RATE}]))", "{{outcome}}"),), True),
            Panel("Wait before a worker takes a job", "s", quantiles("imgopt_job_wait_seconds")),
            Panel("Time of an attempt, 95 %", "s", ((f"histogram_quantile(0.95, sum by (le, kind) (rate(imgopt_job_seconds_bucket[{RATE}])))", "{{kind}}"),)),
            Panel("From draft to final", "s", quantiles("imgopt_draft_to_final_seconds")),
        ),
    ),
    (
        "Tiers and processes",
        (
            Panel("Tiers: failed calls", "ops", ((f"sum by (tier, call) (rate(imgopt_tier_errors_total[{RATE}]))", "{{tier}} {{call}}"),)),
            Panel("Tiers left alone, in processes", "short", (("sum by (tier) (imgopt_tier_resting)", "{{tier}}"),)),
            Panel("Damaged entries", "ops", ((f"sum by (tier) (rate(imgopt_damaged_entries_total[{RATE}]))", "{{tier}}"),)),
            Panel("Memory tiers", "bytes", (("sum(imgopt_memory_tier_bytes)", "bytes"),)),
            Panel("Server processes", "short", (("sum(imgopt_server_processes)", "alive"),)),
            Panel("Masters created", "ops", ((f"sum by (format) (rate(imgopt_masters_created_total[{RATE}]))", "{{format}}"),), True),
        ),
    ),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y = 0
    for row, group in ROWS:
        panels.append(
            {"type": "row", "title": row, "id": len(panels) + 1, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}}
        )
        for place, panel in enumerate(group):
            at = {"x": place % 3 * WIDTH, "y": y + 1 + place // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, at))
        y += 1 + HEIGHT * -(-len(group) // 3)
    return {
        "title": "imgopt",
        "uid": "imgopt",
        "tags": ["imgopt"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}
            ]
        },
        "panels": panels,
    }


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "type": "timeseries",
        "id": number,
        "title": panel.title,
        "gridPos": at,
        "datasource": source,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": None if panel.title.startswith("SSIM") else 0,
                "custom": {
                    "fillOpacity": 25 if panel.stacked else 5,
                    "stacking": {"mode": "normal" if panel.stacked else "none"},
                },
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": source, "expr": query, "legendFormat": legend}
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
