"""What Kubernetes and Compose start, as built and with what they set: it is started here, and nothing else is set."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from functools import cache
from http.client import HTTPConnection
from ipaddress import ip_address, ip_network
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot import __version__
from tests.conftest import PROJECT, library, program
from tests.counterparts.git_http import WRITER
from tests.counterparts.world import PATIENCE, TOKEN, ended, start
from tests.pages.markdown import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.counterparts.world import World
    from tests.examples.place import Place

    #: The names of components -> the objects that the page's kustomization makes with them.
    Build = Callable[..., list[Any]]

KUBERNETES = PROJECT / "deploy" / "kubernetes"
PAGE = (PROJECT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
REMOTE = "https://github.com/acme/gitops-bot"
#: Addresses that the bot needs to reach only if they are its user's own, and those that give away a machine's identity.
PRIVATE = ("10.1.2.3", "100.64.1.2", "172.20.1.2", "192.168.1.2", "fd12:3456::1")
METADATA = ("169.254.169.254", "169.254.170.23", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
#: Series of a bot that works, by name and label.
INFO, LAST, GOOD = (
    f"gitops_bot_{name}" for name in ("build_info", "last_cycle_timestamp_seconds", "config_last_reload_successful")
)
PARTIAL = 'gitops_bot_cycles_total|result="partial'
HEALTHY = {
    INFO: "1x120",
    LAST: "0+60x120",
    GOOD: "1x120",
    PARTIAL: "0x120",
    'gitops_bot_cycles_total|result="done': "0+0.2x120",
}
BRANCH = "gitops-bot/production/all"
COMPONENTS = sorted(path.parent.name for path in KUBERNETES.glob("*/kustomization.yaml"))
CHOICES = list(chain.from_iterable(combinations(COMPONENTS, count) for count in range(len(COMPONENTS) + 1)))
#: What people create, and the kinds that the Prometheus Operator brings along.
SECRETS, OPERATED = {"gitops-bot", "gitops-bot-registries"}, {"PodMonitor", "PrometheusRule"}

every_choice = pytest.mark.parametrize("components", CHOICES, ids=lambda names: "+".join(names) or "base")


def kustomize(folder: Path, env: dict[str, str] | None = None) -> list[Any]:
    words = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    @cache
    def made(*components: str) -> list[Any]:
        folder = tmp_path_factory.mktemp("overlay")
        (block,) = blocks(PAGE, "yaml")
        kustomization = yaml.safe_load(block)
        here = os.path.relpath(KUBERNETES, folder)
        kustomization |= {"resources": [here], "components": [f"{here}/{name}" for name in components]}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return kustomize(folder)

    return made


def of_kind(objects: Iterable[Any], *kinds: str) -> list[Any]:
    return [each for each in objects if each["kind"] in kinds]


def pod(objects: list[Any]) -> Any:
    """The template of the one workload."""
    (workload,) = of_kind(objects, "CronJob", "Deployment")
    return (workload["spec"].get("jobTemplate") or workload)["spec"]["template"]


def environment(place: Place, objects: list[Any], folder: Path) -> dict[str, str]:
    """What the container has: its variables, those of the ConfigMap and the Secret, and mounts below `folder`."""
    (container,) = pod(objects)["spec"]["containers"]
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(objects, "ConfigMap")}
    maps |= {"gitops-bot": {"GITHUB_TOKEN": TOKEN}}
    found = dict(place.forge)
    for source in container["envFrom"]:
        found |= maps[source[next(iter(source))]["name"]]
    for each in container["env"]:
        if "value" in each:
            found[each["name"]] = f"{folder}{each['value']}"
        else:
            key = each["valueFrom"]["configMapKeyRef"]
            found[each["name"]] = maps[key["name"]][key["key"]]
    registries = folder / "etc" / "registries"
    registries.mkdir(parents=True)
    (registries / "config.json").write_text(json.dumps({"auths": {}}))
    return {name: place.led(value) for name, value in found.items()}


def test_the_scheduled_job_proposes_what_is_newer(build: Build, place: Place, tmp_path: Path) -> None:
    digest = place.push("web", "v1.1.0")
    (container,) = pod(build("cronjob"))["spec"]["containers"]
    env = environment(place, build("cronjob"), tmp_path)
    done = ended(start(*container["args"], cwd=tmp_path, env=env))
    assert done.code == 0, done.err
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)


def test_the_deployment_proposes_answers_its_probes_and_ends_when_told(
    build: Build, place: Place, tmp_path: Path
) -> None:
    digest = place.push("web", "v1.1.0")
    objects = build("monitoring")
    (container,) = pod(objects)["spec"]["containers"]
    volume = tmp_path / "cache"
    volume.mkdir()
    volume.chmod(0o777)  # as an emptyDir is
    env = environment(place, objects, tmp_path)
    args = [
        each.replace("0.0.0.0:8080", "127.0.0.1:0").replace("--cache=", f"--cache={tmp_path}")
        for each in container["args"]
    ]
    with start(*args, cwd=tmp_path, env=env) as process:
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
        (monitor,) = of_kind(objects, "PodMonitor")
        assert monitor["spec"]["selector"]["matchLabels"].items() <= pod(objects)["metadata"]["labels"].items()
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == container["ports"][0]["name"]
        status, metrics = get(address, endpoint["path"])
        assert (status, 'gitops_bot_cycles_total{result="done"} 1.0' in metrics) == (200, True)
        (rules,) = of_kind(objects, "PrometheusRule")
        watched = set(re.findall(r"gitops_bot_[a-z_]+", json.dumps(rules) + PAGE))
        assert len(watched) == 6
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


def test_compose_starts_what_the_deployment_starts(build: Build) -> None:
    compose = yaml.safe_load((PROJECT / "examples/compose/compose.yaml").read_text(encoding="utf-8"))
    (service,) = compose["services"].values()
    (container,) = pod(build())["spec"]["containers"]
    variables = [each for found in of_kind(build(), "ConfigMap") for each in found["data"].items()]
    options = [f"--{name.removeprefix('GITOPS_BOT_').lower()}={value}" for name, value in variables]
    given = [each for each in container["args"] if not each.startswith("--cache=")]
    assert sorted(service["command"]) == sorted(given + options)
    assert service["mem_limit"].replace("m", "Mi") == container["resources"]["limits"]["memory"]
    assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "10001:10001")
    assert service["security_opt"] == ["no-new-privileges:true"]


@every_choice
def test_every_choice_of_components_is_whole_and_in_one_namespace(build: Build, components: tuple[str, ...]) -> None:
    objects = build(*components)
    schemas = library("kubernetes_validate")
    for each in objects:
        if each["kind"] not in OPERATED:
            schemas.validate(each, "1.37", strict=True)
    assert {each["metadata"]["namespace"] for each in objects} == {"gitops-bot"}
    assert len(of_kind(objects, "CronJob")) == ("cronjob" in components)
    assert len(of_kind(objects, *OPERATED)) == 2 * ("monitoring" in components)
    assert len(of_kind(objects, "NetworkPolicy")) == 1 + len({"monitoring", "private-network"} & {*components})
    spec, labels = pod(objects)["spec"], pod(objects)["metadata"]["labels"]
    assert spec["containers"][0]["image"] == f"ghcr.io/acme/gitops-bot:{__version__}"
    assert [spec["serviceAccountName"]] == [each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")]
    for policy in of_kind(objects, "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"] == labels
    given = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    assert named(spec, "configMapRef", "configMapKeyRef") == {
        name for name in given if "cronjob" not in components or "defaults" not in name
    }
    assert named(spec, "secretRef") | {each["name"] for each in spec["imagePullSecrets"]} == SECRETS


def named(spec: Any, *kinds: str) -> set[str]:
    """The objects that the environment of the containers refers to, none of which may be missing."""
    sources = [source for each in spec["containers"] for source in each["envFrom"]]
    sources += [entry["valueFrom"] for each in spec["containers"] for entry in each["env"] if "valueFrom" in entry]
    found = [value for source in sources for kind, value in source.items() if kind in kinds]
    assert not any(value.get("optional") for value in found)
    return {value["name"] for value in found}


@every_choice
def test_a_pod_has_no_rights_and_runs_as_any_user(build: Build, components: tuple[str, ...]) -> None:
    spec = pod(build(*components))["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    # No number: OpenShift gives each namespace its own, and refuses another.
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
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
    assert volumes["registries"]["secret"]["secretName"] in SECRETS
    (item,) = volumes["registries"]["secret"]["items"]
    assert item == {"key": ".dockerconfigjson", "path": "config.json"}


def test_the_base_alone_starts_nothing() -> None:
    objects = kustomize(KUBERNETES)
    spec = pod(objects)["spec"]
    # A host below .invalid is nobody's and never will be.
    assert [each["image"].partition("/")[0].rpartition(".")[2] for each in spec["containers"]] == ["invalid"]
    given = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap", "Secret", "Namespace")}
    assert named(spec, "configMapRef", "configMapKeyRef", "secretRef") - given == {"gitops-bot"}
    for file in KUBERNETES.rglob("*.yaml"):
        assert "acme" not in file.read_text(encoding="utf-8")


def test_the_kustomization_of_the_page_takes_base_and_component_from_git(worldwide: World, tmp_path: Path) -> None:
    files = {path.relative_to(PROJECT).as_posix(): path.read_bytes() for path in KUBERNETES.rglob("*.yaml")}
    remote = worldwide.git.create("acme/gitops-bot", files)
    remote.git("tag", f"v{__version__}", "main")
    (block,) = blocks(PAGE, "yaml")
    (tmp_path / "kustomization.yaml").write_text(block, encoding="utf-8")
    login = "{}:{}@".format(*WRITER)
    here = {"KEY_0": f"url.{remote.url.replace('://', f'://{login}')}.insteadOf", "VALUE_0": REMOTE, "COUNT": "1"}
    objects = kustomize(tmp_path, {f"GIT_CONFIG_{name}": value for name, value in here.items()})
    assert "PodMonitor" in {each["kind"] for each in objects}
    assert pod(objects)["spec"]["containers"][0]["image"] == f"ghcr.io/acme/gitops-bot:{__version__}"
    assert block.count(f"?ref=v{__version__}") == 2


def test_only_the_switch_opens_private_networks_and_nothing_opens_metadata_servers(build: Build) -> None:
    def reached(*components: str) -> dict[str, bool]:
        ranges = [
            block["ipBlock"]
            for policy in of_kind(build(*components), "NetworkPolicy")
            for rule in policy["spec"].get("egress", [])
            for block in rule.get("to", [])
        ]
        return {
            address: any(
                ip_address(address) in ip_network(block["cidr"])
                and not any(ip_address(address) in ip_network(each) for each in block.get("except", []))
                for block in ranges
            )
            for address in ("140.82.121.3", "2606:50c0::1", *PRIVATE, *METADATA)
        }

    public = {"140.82.121.3": True, "2606:50c0::1": True}
    never = dict.fromkeys(METADATA, False)
    assert reached() == public | dict.fromkeys(PRIVATE, False) | never
    assert reached("private-network") == public | dict.fromkeys(PRIVATE, True) | never


def test_the_page_tells_of_every_component_and_alert(build: Build) -> None:
    assert set(re.findall(r"^\| `deploy/kubernetes/([\w-]+)` \|", PAGE, re.MULTILINE)) == set(COMPONENTS)
    (rules,) = of_kind(build("monitoring"), "PrometheusRule")
    alerts = [rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(Gitops\w+)` \|", PAGE, re.MULTILINE) == alerts
    assert {name for _, _, fire in ALERTS for name in fire} == set(alerts)


#: name -> the series of a minute each, and the alerts that fire after two hours
ALERTS: list[tuple[str, dict[str, str], set[str]]] = [
    ("noop", {}, set()),
    ("nothing is scraped", dict.fromkeys(HEALTHY, "_x120"), {"GitopsBotDown"}),
    ("no cycle any more", {LAST: "0+60x60 3600x60"}, {"GitopsBotStuck"}),
    ("never a cycle", {LAST: "_x120"}, {"GitopsBotStuck"}),
    ("a restart just now", {LAST: "_x120", INFO: "_x115 1x5"}, set()),
    ("parts fail", {PARTIAL: "0+0.2x120"}, {"GitopsBotFailing"}),
    ("one part failed", {PARTIAL: "0x100 1x20"}, set()),
    ("an invalid configuration", {GOOD: "1x60 0x60"}, {"GitopsBotConfigInvalid"}),
]


@pytest.mark.parametrize(("series", "fire"), [row[1:] for row in ALERTS], ids=[row[0] for row in ALERTS])
def test_an_alert_fires_when_it_should(build: Build, tmp_path: Path, series: dict[str, str], fire: set[str]) -> None:
    (rules,) = of_kind(build("monitoring"), "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    at = '{namespace="gitops-bot",pod="gitops-bot-0"%s}'
    given = [
        {"series": name + at % (f',{label}"' if label else ""), "values": values}
        for (name, _, label), values in ((key.partition("|"), value) for key, value in (HEALTHY | series).items())
    ]
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "2h",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(fire)],
    }
    test = {"interval": "1m", "input_series": given, "promql_expr_test": [firing]}
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]})
    )
    words = [program("promtool"), "test", "rules", "test.yaml"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
