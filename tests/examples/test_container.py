"""The manifests for Kubernetes and compose: what they start is started here, with what they set and nothing else."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot import __version__
from tests.conftest import PROJECT, library, program
from tests.counterparts.world import PATIENCE, TOKEN, ended, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.examples.place import Place

KUBERNETES = PROJECT / "examples" / "kubernetes"
MANIFESTS = sorted(set(KUBERNETES.glob("*.yaml")) - {KUBERNETES / "kustomization.yaml"})
BRANCH = "gitops-bot/production/all"


def load(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pod(name: str) -> Any:
    (workload,) = (each for each in load(KUBERNETES / name) if each["kind"] in ("CronJob", "Deployment"))
    return (workload["spec"].get("jobTemplate") or workload)["spec"]["template"]["spec"]


def arguments(place: Place, container: Any) -> list[str]:
    return [place.led(each) for each in container["args"]]


def environment(place: Place, container: Any, folder: Path) -> dict[str, str]:
    """What the container has: its variables, secrets from where they are, and mounts below `folder`."""
    found = dict(place.forge)
    for each in container["env"]:
        secret = each.get("valueFrom", {}).get("secretKeyRef")
        found[each["name"]] = TOKEN if secret == {"name": "gitops-bot", "key": "token"} else f"{folder}{each['value']}"
    registries = folder / "etc" / "registries"
    registries.mkdir(parents=True)
    (registries / "config.json").write_text(json.dumps({"auths": {}}))
    return found


def test_the_scheduled_job_proposes_what_is_newer(place: Place, tmp_path: Path) -> None:
    digest = place.push("web", "v1.1.0")
    (container,) = pod("cronjob.yaml")["containers"]
    env = environment(place, container, tmp_path)
    done = ended(start(*arguments(place, container), cwd=tmp_path, env=env))
    assert done.code == 0, done.err
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)


def test_the_deployment_proposes_answers_its_probes_and_ends_when_told(place: Place, tmp_path: Path) -> None:
    digest = place.push("web", "v1.1.0")
    (container,) = pod("deployment.yaml")["containers"]
    volume = tmp_path / "cache"
    volume.mkdir()
    volume.chmod(0o777)  # as an emptyDir is
    args = [
        each.replace("0.0.0.0:8080", "127.0.0.1:0").replace("--cache=", f"--cache={tmp_path}")
        for each in arguments(place, container)
    ]
    with start(*args, cwd=tmp_path, env=environment(place, container, tmp_path)) as process:
        stop = threading.Timer(PATIENCE, process.kill)
        stop.start()
        events = told(process, "cycle.ended")
        assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)
        assert [each["event"] for each in events if each["event"] == "cache.unused"] == []
        address = next(each["listen"] for each in events if each["event"] == "run.started")
        probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
        assert {probe["port"] for probe in probes} == {container["ports"][0]["name"]}
        assert container["ports"][0]["containerPort"] == 8080
        assert [get(address, probe["path"])[0] for probe in probes] == [200, 200, 200]
        status, metrics = get(address, "/metrics")
        assert (status, 'gitops_bot_cycles_total{result="done"} 1.0' in metrics) == (200, True)
        page = (PROJECT / "docs" / "container.md").read_text(encoding="utf-8")
        watched = set(re.findall(r"gitops_bot_[a-z_]+", page))
        assert len(watched) == 5
        assert {name for name in watched if f"# TYPE {name} " not in metrics} == set()
        process.send_signal(signal.SIGTERM)
        assert ended(process).code == 0
        stop.cancel()


def told(process: subprocess.Popen[str], last: str) -> list[Any]:
    """The events of a process, up to and with the first that is called so."""
    assert process.stderr is not None
    found: list[Any] = []
    for line in process.stderr:
        found.append(json.loads(line))
        if found[-1]["event"] == last:
            return found
    raise AssertionError(found)


def get(address: str, path: str) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_compose_starts_what_the_deployment_starts() -> None:
    (service,) = load(PROJECT / "examples/compose/compose.yaml")[0]["services"].values()
    (container,) = pod("deployment.yaml")["containers"]
    assert service["command"] == [each for each in container["args"] if not each.startswith("--cache=")]
    assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "10001:10001")
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda path: path.stem)
def test_kubernetes_knows_every_field(file: Path) -> None:
    schemas = library("kubernetes_validate")
    for each in load(file):
        schemas.validate(each, "1.37", strict=True)


def test_kubernetes_would_refuse_what_it_does_not_know() -> None:
    schemas = library("kubernetes_validate")
    deployment = load(KUBERNETES / "deployment.yaml")[0]
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(schemas.ValidationError):
        schemas.validate(deployment, "1.37", strict=True)


@pytest.mark.parametrize("name", ["cronjob.yaml", "deployment.yaml"])
def test_a_pod_has_no_rights_and_may_run_where_only_restricted_ones_may(name: str) -> None:
    spec = pod(name)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert mounts["tmp"] == "/tmp"  # noqa: S108 - the only place that the bot needs to write to
    assert all("sizeLimit" in volume["emptyDir"] for volume in volumes.values() if "emptyDir" in volume)
    (item,) = volumes["registries"]["secret"]["items"]
    assert item == {"key": ".dockerconfigjson", "path": "config.json"}


@pytest.mark.parametrize("workload", ["deployment.yaml", "cronjob.yaml"])
def test_kustomize_puts_everything_into_one_namespace_with_one_version(workload: str, tmp_path: Path) -> None:
    for file in KUBERNETES.iterdir():
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(text.replace("- deployment.yaml", f"- {workload}"), encoding="utf-8")
    done = subprocess.run([program("kubectl"), "kustomize", str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in made} == {"gitops-bot"}
    images = [line.strip(" -") for line in done.stdout.splitlines() if "image: " in line]
    assert images == [f"image: ghcr.io/acme/gitops-bot:{__version__}"]
