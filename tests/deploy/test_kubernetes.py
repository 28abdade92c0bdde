"""The manifests for Kubernetes: valid by the API's own schemas, closed, and rolled without losing a request."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands

from imgopt.config import NAMES
from imgopt.health import _probes
from imgopt.loading import load
from tests.deploy.compose import ROOT, TEXT

FOLDER = ROOT / "deploy"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MONITORING = list(yaml.safe_load_all((FOLDER / "kubernetes/monitoring/pods.yaml").read_text()))
DOCUMENTS = [
    document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text())
]  # fmt: skip


def found(kind: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in [*DOCUMENTS, *MONITORING] if each["kind"] == kind}


def workloads() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("Deployment", "Job"):
        for name, each in found(kind).items():
            yield name, each["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, spec in workloads():
        for each in [*spec.get("initContainers", ()), *spec["containers"]]:
            yield f"{name}/{each['name']}", each


def test_every_manifest_is_valid_by_the_schemas_of_the_api() -> None:
    assert len(DOCUMENTS) > 12
    for document in DOCUMENTS:
        kubernetes_validate.validate(document, "1.30", strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
def test_kustomize_builds_them_with_and_without_monitoring(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "deploy")
    overlay = tmp_path / "mine"
    overlay.mkdir()
    listed = {"resources": ["../deploy"], "components": ["../deploy/kubernetes/monitoring"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(listed))

    def built(folder: Path) -> list[dict[str, Any]]:
        command = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return list(yaml.safe_load_all(done.stdout))

    plain, monitored = built(tmp_path / "deploy"), built(overlay)
    assert len(plain) == len(DOCUMENTS) + 2
    assert {each["kind"] for each in monitored} - {each["kind"] for each in plain} == {"PodMonitor", "ScaledObject"}
    assert all(each["kind"] == "Namespace" or each["metadata"]["namespace"] == "imgopt" for each in monitored)
    images = {one["image"] for each in plain if each["kind"] == "Deployment"
              for one in each["spec"]["template"]["spec"]["containers"]}  # fmt: skip
    assert "imgopt" not in images, "the kustomization says which registry"


def test_every_pod_is_closed_and_limited() -> None:
    for name, spec in workloads():
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 100, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
    for name, container in containers():
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True), name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert "memory" in container["resources"]["limits"], name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name


def test_secrets_are_named_and_never_written_down() -> None:
    assert not found("Secret")
    secret = {name for name, entry in NAMES.items() if entry.metadata["secret"]}
    literals = dict(line.split("=", 1) for line in KUSTOMIZATION["configMapGenerator"][0]["literals"])
    assert not secret & set(literals)
    load(literals)
    assert set(literals) <= set(NAMES)
    for name, container in containers():
        if container["image"] == "imgopt":
            assert {"secretRef": {"name": "imgopt"}} in container["envFrom"], name
        assert not [each for each in container.get("env", ()) if re.search("SECRET|PASSWORD|TOKEN", each["name"])], name


def test_commands_and_settings_are_ours() -> None:
    for name, container in containers():
        if container["image"] != "imgopt":
            continue
        words = container["command"]
        text = words[2] if words[0] == "sh" else " ".join(words)
        [command] = re.findall(r"manage\.py (\w+)", text)
        assert command in get_commands(), name
        assert {each["name"] for each in container.get("env", ())} <= set(NAMES), name


def test_a_server_is_asked_for_what_is_its_own_once_it_was_ready() -> None:
    """Else a database that is away would take all of them out, with the hits they still answer."""
    [web] = found("Deployment")["imgopt-web"]["spec"]["template"]["spec"]["containers"]
    paths = {name: web[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz?only=renderer", "liveness": "/healthz"}
    assert "renderer" in _probes()
    patience = web["startupProbe"]["periodSeconds"] * web["startupProbe"]["failureThreshold"]
    assert patience >= 3600, "who starts before its database waits for it, and is not killed"


def test_a_rolling_restart_loses_no_request() -> None:
    for name in ("imgopt-web", "imgopt-cdn"):
        deployment = found("Deployment")[name]["spec"]
        spec = deployment["template"]["spec"]
        assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, name
        [pause] = re.findall(
            r"sleep\D*(\d+)", " ".join(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"])
        )
        assert int(pause) >= 5, name
        assert spec["terminationGracePeriodSeconds"] >= int(pause) + 30, name
        assert found("PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1, name


def test_servers_scale_by_what_they_compute_and_workers_by_how_long_jobs_wait() -> None:
    [metric] = found("HorizontalPodAutoscaler")["imgopt-web"]["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert "replicas" not in found("Deployment")["imgopt-web"]["spec"], "two would fight over the number"
    [trigger] = found("ScaledObject")["imgopt-worker"]["spec"]["triggers"]
    assert "imgopt_jobs_oldest_wait_seconds" in trigger["metadata"]["query"]


def test_what_is_selected_is_there() -> None:
    labelled = {each["spec"]["template"]["metadata"]["labels"]["app"] for kind in ("Deployment", "Job")
                for each in found(kind).values()}  # fmt: skip
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, each in found(kind).items():
            wanted = each["spec"].get("selector") or each["spec"].get("podSelector") or {}
            app = (wanted.get("matchLabels") or wanted).get("app")
            assert app in labelled or name == "imgopt-closed", name


def test_nginx_is_the_same_as_in_compose() -> None:
    [nginx] = found("Deployment")["imgopt-cdn"]["spec"]["template"]["spec"]["containers"]
    assert f"image: {nginx['image']}" in TEXT
    template = (FOLDER / "nginx.conf").read_text()
    wanted = set(re.findall(r"\$\{(IMGOPT_NGINX_\w+)\}", template))
    assert {each["name"] for each in nginx["env"] if each["name"].startswith("IMGOPT_")} == wanted
