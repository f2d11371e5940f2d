"""What comes with the project, judged by the tools of those who will use it."""

import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

from peers import PROJECT, binary

BIN = pathlib.Path(sys.executable).parent


@pytest.mark.parametrize("file", sorted((PROJECT / "config").glob("*.yaml")), ids=lambda file: file.name)
def test_every_example_configuration_is_valid(file):
    result = subprocess.run([binary(), "check", "--no-files", "--config", file], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stdout + result.stderr


def manifests():
    """Every Kubernetes document of `deploy/`."""
    return [file for file in sorted((PROJECT / "deploy/kubernetes").rglob("*.yaml")) if file.name != "kustomization.yaml"]


@pytest.mark.parametrize("file", manifests(), ids=lambda file: file.name)
def test_manifests_hold_against_the_kubernetes_schema(file):
    check = subprocess.run([BIN / "kubernetes-validate", "--strict", file], capture_output=True, text=True, timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_configuration_inside_of_the_manifests_is_valid(tmp_path):
    found = 0
    for file in manifests():
        for document in yaml.safe_load_all(file.read_text()):
            for name, text in (document.get("data") or {}).items() if document["kind"] == "ConfigMap" else ():
                if name.endswith("claimgate.yaml"):
                    inner = tmp_path / name
                    inner.write_text(text)
                    result = subprocess.run([binary(), "check", "--no-files", "--config", inner], capture_output=True, text=True, timeout=20)
                    assert result.returncode == 0, result.stdout + result.stderr
                    found += 1
    assert found


def test_the_configuration_of_the_compose_example_is_valid():
    file = PROJECT / "deploy/compose/claimgate.yaml"
    result = subprocess.run([binary(), "check", "--no-files", "--config", file], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stdout + result.stderr
    compose = yaml.safe_load((PROJECT / "deploy/compose/compose.yaml").read_text())
    assert {"claimgate", "application", "prometheus"} <= compose["services"].keys()
    assert "ports" not in compose["services"]["application"], "the application is reached through the gate only"


def test_the_dockerfile_passes_hadolint():
    check = subprocess.run([BIN / "hadolint", PROJECT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr


def test_prometheus_rules_hold():
    assert shutil.which("promtool"), "promtool comes with the package `prometheus`"
    for file in sorted((PROJECT / "deploy/prometheus").glob("*rules.yaml")):
        check = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=20)
        assert check.returncode == 0, check.stdout + check.stderr
    for file in sorted((PROJECT / "deploy/prometheus").glob("*test.yaml")):
        check = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=20)
        assert check.returncode == 0, check.stdout + check.stderr
