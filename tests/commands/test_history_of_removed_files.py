"""Releases of files that have been removed, renamed or moved since: they stay what they were when they were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from gitops_bot.commands.history import Wanted, history
from gitops_bot.wiring.options import Options
from gitops_bot.wiring.world import open_world
from tests.counterparts.git_http import Remote
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: It makes a repository for each way to remove a file.
pytestmark = pytest.mark.slow

OLD, NEW = (f"1.{number}.0@sha256:{str(number) * 64}" for number in (1, 2))
HOME, AWAY = "hosts/a", "hosts/b"
#: A manifest beside, so that the environment never is without any file.
REST: Final = {
    "hosts/rest/web.yaml": b"apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'ghcr.io/acme/rest:1.0.0'}]}\n"
}


@dataclass(frozen=True, slots=True)
class Case:
    """Files of one directory with a pin, which `{}` stands for, how the environment reads them, and what it is called.

    `renamed` are the names that the same files may get instead.
    """

    files: Mapping[str, str]
    renamed: Mapping[str, str]
    changes: tuple[tuple[str, str], ...]
    settings: str = ""
    overlays: str = "hosts/*"

    def written(self, pin: str, directory: str = HOME, names: Mapping[str, str] | None = None) -> dict[str, bytes]:
        tag, digest = pin.split("@")
        return {
            f"{directory}/{(names or {}).get(name, name)}": text.replace("<T>", tag).replace("<D>", digest).encode()
            for name, text in self.files.items()
        }

    @property
    def gone(self) -> dict[str, bytes | None]:
        return dict.fromkeys(f"{HOME}/{name}" for name in self.files)

    @property
    def config(self) -> bytes:
        lines = [
            "version: 1",
            "release_tags: true",
            "environments:",
            "  production:",
            f"    overlays: ['{self.overlays}']",
        ]
        lines += ["    propose: {as: commit}", *(f"    {line}" for line in self.settings.splitlines())]
        return "\n".join(lines).encode()


IMAGE = "ghcr.io/acme/web:<T>@<D>"
POD = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: web\n    image: {IMAGE}\n"
CASES: Final = {
    "compose with variables": Case(
        {
            "compose.yaml": "services:\n  web:\n    image: ghcr.io/acme/web:${WEB_TAG}@${WEB_DIGEST}\n",
            ".env": "SECRET=x\nWEB_TAG=<T>\nWEB_DIGEST=<D>\n",
        },
        {"compose.yaml": "docker-compose.yml"},
        ((".env", "WEB_TAG"),),
    ),
    "helm by a setting": Case(
        {"settings.yaml": "web:\n  tag: <T>\n  digest: <D>\n"},
        {"settings.yaml": "settings-web.yaml"},
        (("settings.yaml", "web"),),
        "targets:\n- kind: helm\n  files: ['settings*.yaml']\n"
        "  images: {web: {repository: ghcr.io/acme/web, tag: .web.tag, digest: .web.digest}}",
        "hosts/**",
    ),
    "manifest": Case({"web.yaml": POD}, {"web.yaml": "pod.yaml"}, (("web.yaml", "Pod/web"),)),
    "pattern": Case(
        {"job.hcl": 'image = "ghcr.io/acme/web:<T>@<D>"\n'},
        {"job.hcl": "web.hcl"},
        (("job.hcl", "web"),),
        "targets:\n- kind: pattern\n  files: ['*.hcl']\n  patterns:\n    web:\n      repository: ghcr.io/acme/web\n"
        '      pattern: \'image = "ghcr.io/acme/web:(?P<tag>[^@"]+)@(?P<digest>sha256:[0-9a-f]+)"\'',
    ),
}


WAYS = ("renamed", "moved", "one after the other")


def options(remote: Remote) -> tuple[str, ...]:
    return ("--repository", str(remote.path), "--output", "json")


def ask(remote: Remote, *args: str) -> Any:
    done = run(*args, *options(remote), cwd=remote.path.parent)
    assert done.code == 0, (done.json["problems"], done.err)
    return done.json


def releases(remote: Remote, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(remote, "history", "production", *args)["releases"]
    return found


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, "removed") for name in CASES),
        *(("compose with variables", way) for way in WAYS),
    ],
)
def test_releases_stay_what_they_were(name: str, way: str, tmp_path: Path) -> None:
    case = CASES[name]
    remote = Remote.create(tmp_path / "r.git", {"gitops-bot.yaml": case.config, **REST})
    remote.commit("main", case.written(OLD))
    remote.commit("main", case.written(NEW))
    ask(remote, "update")
    before = releases(remote, "--verify")
    pins = [dict(zip(("tag", "digest"), pin.split("@"), strict=True)) for pin in (OLD, NEW)]
    first, newest = (
        [(change["name"], change["from"], change["to"]) for change in release["changes"]] for release in before[1::-1]
    )
    assert newest == [(entry, *pins) for _, entry in case.changes]
    assert first == [(entry, None, pins[0]) for _, entry in case.changes]
    assert before[0]["kind"] == "manual"
    assert before[0]["config"] == []

    match way:
        case "removed":
            remote.commit("main", case.gone)
        case "renamed":
            remote.commit("main", {**case.gone, **case.written(NEW, names=case.renamed)})
        case "moved":
            remote.commit("main", {**case.gone, **case.written(NEW, AWAY)})
        case _:
            for path in reversed(case.gone):
                remote.commit("main", {path: None})

    after = releases(remote, "--verify")
    assert after[-3:] == before
    left = [change for release in after for change in release["changes"] if change["to"] is None]
    assert {(change["overlay"], change["name"], change["from"]["tag"]) for change in left} == {
        (HOME, entry, "1.2.0") for file, entry in case.changes if way != "renamed" or file in case.renamed
    }
    shown = ask(remote, "history", "production", "--show", "3", "--export", str(tmp_path / "export"))
    assert shown["releases"][0]["changes"] == before[0]["changes"]
    exported = tmp_path / "export" / HOME
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == {
        path.rpartition("/")[2]: data for path, data in case.written(NEW).items()
    }


def told(remote: Remote) -> list[tuple[list[tuple[str, str]], list[str]]]:
    """Of each release, the newest first: the tags of its pins before and after, and its configuration."""
    return [
        (
            [tuple((change[side] or {}).get("tag") for side in ("from", "to")) for change in release["changes"]],
            release["config"],
        )
        for release in run("history", "production", *options(remote), cwd=remote.path.parent).json["releases"]
    ]


WEB = f"{HOME}/web.yaml"
CONFIG_MAP = b"apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n"


def pod(pin: str) -> bytes:
    return CASES["manifest"].written(pin)[WEB]


@rows("newest changes", {
    "rewritten": ({WEB: CONFIG_MAP}, [("1.2.0", None)]),
    "taken over": ({f"{HOME}/kustomization.yaml": b"resources: [web.yaml]\n"}, []),
    "taken over from above": ({"hosts/kustomization.yaml": b"resources: [a]\n"}, None),
    "both": (
        {WEB: pod(f"1.3.0@sha256:{'3' * 64}"), f"{HOME}/kustomization.yaml": b"resources: [web.yaml]\n"},
        [("1.2.0", "1.3.0")],
    ),
})  # fmt: skip
def test_a_file_that_holds_no_pins_any_more_held_them_before(
    newest: Mapping[str, bytes], changes: list[tuple[str, str]] | None, tmp_path: Path
) -> None:
    config = CASES["manifest"].config.replace(b"release_tags: true\n", b"")
    remote = Remote.create(tmp_path / "r.git", {"gitops-bot.yaml": config, **REST})
    remote.commit("main", {WEB: pod(OLD)})
    remote.commit("main", {WEB: pod(NEW)})
    before = told(remote)
    assert before[:2] == [([("1.1.0", "1.2.0")], []), ([(None, "1.1.0")], [WEB])]
    remote.commit("main", newest)
    released = [] if changes is None else [(changes, [path for path in newest if path != WEB or len(newest) == 1])]
    assert told(remote) == [*released, *before]
    remote.commit("main", {WEB: pod(OLD)})
    assert told(remote)[1:] == [*released, *before]


def test_the_files_of_a_kustomization_never_held_pins(tmp_path: Path) -> None:
    """A patch has an image, too, and goes with its kustomization, before it or after it."""
    config = CASES["manifest"].config
    patches = {f"hosts/{name}/patch.yaml": pod(OLD) for name in "abc"}
    kustomizations = {f"hosts/{name}/kustomization.yaml": b"patches: [{path: patch.yaml}]\n" for name in "abc"}
    remote = Remote.create(tmp_path / "r.git", {"gitops-bot.yaml": config, **REST, **patches, **kustomizations})
    remote.commit("main", {path: pod(NEW) for path in patches})
    remote.commit("main", {"hosts/a/patch.yaml": None, "hosts/a/kustomization.yaml": None})
    remote.commit("main", {"hosts/b/patch.yaml": None})
    remote.commit("main", {"hosts/b/kustomization.yaml": None})
    assert [changes for changes, _ in told(remote)] == [[], [], [], [], [(None, "1.0.0")]]


def test_variables_held_pins_as_long_as_a_compose_file_said_so(tmp_path: Path) -> None:
    case = CASES["compose with variables"]
    remote = Remote.create(tmp_path / "r.git", {"gitops-bot.yaml": case.config, **REST})
    remote.commit("main", case.written(OLD))
    remote.commit("main", case.written(NEW))
    remote.commit("main", {f"{HOME}/compose.yaml": None})
    before = told(remote)
    assert [changes for changes, _ in before] == [[], [("1.1.0", "1.2.0")], [(None, "1.1.0")], [(None, "1.0.0")]]
    remote.commit("main", {f"{HOME}/.env": None})
    assert told(remote)[1:] == before


@pytest.mark.parametrize(("limit", "value"), [("VERSION_LIMIT", 2), ("BYTE_LIMIT", len(pod(OLD)) * 2 + 20)])
def test_only_so_many_versions_are_looked_into(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote.create(tmp_path / "r.git", {"gitops-bot.yaml": CASES["manifest"].config, **REST})
    for pin in (OLD, NEW):
        remote.commit("main", {f"hosts/{name}/web.yaml": pod(pin) + f"# {name}\n".encode() for name in "abc"})
    remote.commit("main", {f"hosts/{name}/web.yaml": None for name in "abc"})
    monkeypatch.setattr(f"gitops_bot.edges.git.line.HELD_{limit}", value)
    with open_world(Options(repository=str(remote.path)), ("production",), history=True) as (world, scope):
        newest = history(world, scope, Wanted()).body.releases[0].record
    assert 0 < len(newest.changes) < 3
    assert len(newest.config) == 3
