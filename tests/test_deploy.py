"""The files in deploy/ fit their schemas and the program they start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from spherelinks.cli.main import parser

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
DOCUMENTED = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/configuration.md").read_text(), re.M))


def containers() -> list[dict[str, Any]]:
    return [
        container
        for manifest in MANIFESTS
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
    ]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']} {m['metadata']['name']}")
def test_manifests_fit_the_kubernetes_schema(manifest):
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_services_select_the_pods_that_exist():
    pods = [m["spec"]["template"]["metadata"]["labels"] for m in MANIFESTS if m["kind"] == "Deployment"]
    for manifest in MANIFESTS:
        if manifest["kind"] == "Service":
            wanted = manifest["spec"]["selector"].items()
            assert any(wanted <= labels.items() for labels in pods)


def test_every_container_starts_a_command_that_there_is():
    started = [service["command"] for service in COMPOSE["services"].values() if "command" in service]
    started += [container["args"] for container in containers()]
    for arguments in started:
        parser().parse_args(arguments)
    assert {arguments[0] for arguments in started} == {"web", "worker"}


def test_only_documented_settings_are_set():
    names = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    names |= {variable["name"] for container in containers() for variable in container.get("env", [])}
    ours = {name for name in names if not name.startswith(("AWS_", "POSTGRES_"))}
    assert ours
    assert ours <= DOCUMENTED


def test_stopping_takes_no_longer_than_the_containers_are_given():
    from spherelinks.config import Settings
    from spherelinks_server.web import DRAIN_S

    def seconds(text: str) -> float:
        return float(text.removesuffix("s"))

    services = COMPOSE["services"]
    assert seconds(services["worker"]["stop_grace_period"]) > Settings.drain_limit_s
    assert seconds(services["web"]["stop_grace_period"]) > DRAIN_S
    for manifest in MANIFESTS:
        if manifest["kind"] == "Deployment":
            least = Settings.drain_limit_s if manifest["metadata"]["name"].endswith("worker") else DRAIN_S
            assert manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > least


def test_memory_limits_hold_what_they_must():
    """The same in both, and room for what is decoded and generated at its worst (tests/core/jobs/test_decoding.py)."""
    from spherelinks.jobs import decoding, worker

    limits = {container["name"]: container["resources"]["limits"]["memory"] for container in containers()}
    assert {name: COMPOSE["services"][name]["mem_limit"] for name in limits} == {
        name: limit.replace("Gi", "g") for name, limit in limits.items()
    }
    gigabytes = {name: int(limit.removesuffix("Gi")) for name, limit in limits.items()}
    assert gigabytes["web"] * 1024 >= decoding._OWN_MB + 2 * decoding._EXPECTED_MB
    assert gigabytes["worker"] * 1024 - worker.OWN_MB >= 2 * 1024


def test_the_image_is_built_from_what_is_there():
    for sources in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M):
        for source in sources.split():
            assert (ROOT / source).exists(), source
    assert "EXPOSE 8000" in DOCKERFILE
