"""The dashboard and the alerts: of metrics that are there, and drawn as the list says."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from deploy.grafana.draw import dashboard
from tests.deploy.compose import ROOT
from tests.imgopt.test_observability_docs import SERIES, metrics

DASHBOARD = json.loads((ROOT / "deploy/grafana/imgopt.json").read_text("utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/imgopt.rules.yml").read_text("utf-8"))


def queries() -> list[str]:
    drawn = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return drawn + [rule["expr"] for rule in alerts()]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def test_every_query_is_of_metrics_and_labels_that_are_there() -> None:
    known = metrics()
    for query in queries():
        names = re.findall(r"\bimgopt_\w+", query)
        assert names, query
        labels: set[str] = set()
        for name in names:
            bare = next((name.removesuffix(end) for end in SERIES if name.endswith(end)), name)
            kind, own = known[name] if name in known else known[bare]
            assert (kind == "histogram") is (name != bare), query
            labels |= set(own)
        used = {word for group in re.findall(r"by \(([^)]*)\)", query) for word in re.split(r",\s*", group)}
        used |= set(re.findall(r"[{,]\s*(\w+)\s*=~?", query))
        assert used - {"le"} <= labels, query


def test_counters_are_asked_for_their_rate_and_gauges_are_not() -> None:
    for query in queries():
        for name in re.findall(r"\bimgopt_\w+", query):
            grows = name.endswith(("_total", *SERIES))
            before = query[: query.index(name)]
            assert bool(re.search(r"(rate|increase)\($", before)) is grows or "changes(" in before, query


def test_brackets_are_closed() -> None:
    for query in queries():
        for opening, closing in ("()", "[]", "{}"):
            assert query.count(opening) == query.count(closing), query


def test_the_dashboard_is_the_one_that_is_drawn() -> None:
    """`python -m deploy.grafana.draw > deploy/grafana/imgopt.json` brings it up to date."""
    assert dashboard() == DASHBOARD


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_alert_says_what_it_means() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) > 10
    for rule in alerts():
        assert re.fullmatch(r"Imgopt[A-Z]\w+", rule["alert"])
        assert rule["annotations"]["summary"].endswith(".")
        labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {word for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for word in re.split(r",\s*", group)}
        assert labels <= grouped, rule["alert"]
