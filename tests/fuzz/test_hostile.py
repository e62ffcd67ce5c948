"""Whatever files, answers and headers say, no command ends with exit 3: over real sockets, through real commands.

With GITOPS_BOT_LONG=1 forty times as many examples, and other ones each time.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitops_bot.demo.http import Server
from tests.counterparts.world import Deploy, overlay, run, world
from tests.fuzz import hostile
from tests.fuzz.hostile import Shelf, changes, headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import World

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"


def examples(number: int) -> settings:
    """So many examples, always the same ones; in a long run many more, and new ones."""
    return settings(
        max_examples=40 * number if LONG else number,
        derandomize=not LONG,
        deadline=None,
        database=None,
        # An example takes seconds, and what it takes is told: nothing is gained by hundreds of smaller ones.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


CONFIG = """\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
  builds: {pattern: "^.*$", order: newest}
environments:
  staging: {overlays: ["apps/*/staging"], policy: builds, propose: {as: commit}}
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
    policy: releases
    tag: release
    propose: {as: pull-request, labels: [release], auto_merge: true}
    records: github
    release_tags: true
"""


def files(image: str, digest: str | None = None) -> dict[str, bytes]:
    """An application in both environments."""
    pins = "newTag: 1.0.0" + (f"; digest: {digest}" if digest else "")
    places = (f"apps/web/{name}/kustomization.yaml" for name in ("staging", "production"))
    return {"gitops-bot.yaml": CONFIG.encode(), **{path: overlay([(image, pins)]) for path in places}}


def no_bug(deploy: Deploy, command: Sequence[str], image: str) -> None:
    """It does not end as a bug."""
    done = deploy.bot(*(word.replace("IMAGE", image) for word in command))
    assert done.code in (0, 1, 2, 4), (command, done.out[-2000:], done.err[-6000:])


@pytest.fixture(scope="module")
def worldwide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(scope="module")
def shelf() -> Any:
    """A registry; an example puts what it answers into `shelf[1]`."""

    def answer(request: Request) -> Answer:
        shelved: Shelf = now[1]
        return shelved.answer(request)

    now: list[Any] = []
    with Server(answer) as server:
        now[:] = [server, Shelf()]
        yield now


#: What people ask about a repository; IMAGE is an image of it.
ASKED = (
    ("plan",), ("audit", "--keep-list"), ("status",), ("history", "production"), ("doctor",), ("update",),
    ("explain", "staging", "IMAGE"), ("set", "staging", "IMAGE=1.1.0"), ("promote", "staging", "production"),
    ("rollback", "staging"), ("audit", "--export", "csv"), ("status", "--output", "html"),
)  # fmt: skip
asked = st.sampled_from(ASKED)


@examples(10)
@given(asked, changes, changes, changes, changes, headers)
def test_whatever_a_registry_answers(
    worldwide: World, shelf: Any, command: Any, lists: Any, one: Any, two: Any, three: Any, more: Any
) -> None:
    shelf[1] = Shelf(lists, one, two, three, more)
    image = f"{shelf[0].host}/acme/web"
    deploy = worldwide.deploy(lambda _: files(image, shelf[1].tag()))
    no_bug(deploy, command, image)


def own_files(deploy: Deploy) -> dict[str, bytes]:
    deploy.push("web", "1.0.0")
    deploy.push("web", "1.1.0")
    return files(deploy.image("web"))


@pytest.fixture(scope="module")
def proposed(worldwide: World) -> Deploy:
    """A repository with an open pull request, releases, and a newer tag."""
    deploy = worldwide.deploy(own_files)
    deploy.bot("update")
    deploy.bot("update")
    assert deploy.pulls(), deploy.bot("update")
    return deploy


#: Which request about the repository is answered otherwise, and how.
answers = st.lists(st.tuples(st.integers(0, 9), changes, headers), min_size=1, max_size=3)


@examples(16)
@given(asked, answers)
def test_whatever_github_answers(
    proposed: Deploy, command: Any, answers: list[tuple[int, Any, dict[str, str]]]
) -> None:
    numbers = count()

    def gate(_: Request, answer: Callable[[], Answer]) -> Answer:
        given, number = answer(), next(numbers)
        for at, other, more in answers:
            if at == number:
                given = hostile.mutated(given, other, more)
        return given

    proposed.gate(gate)
    try:
        no_bug(proposed, command, proposed.image("web"))
    finally:
        proposed.gate(None)


#: Parts of paths that git takes, and that are not easily shown, quoted or matched.
parts = st.sampled_from((
    b"a\tb", b"a\nb", b"\x1b[2J", b"\xff\xfe", b"-x",
    b'"', b"\\", b" ", b"*", b"[a", b"{x}", "\u202e\u00e9".encode(), b"x" * 200,
    b"staging", b"production", b"web", b"\x7f", b"a:b", b"~", b"\xed\xa0\x80", b"%s", b"kustomization.yaml",
))  # fmt: skip
names = st.sampled_from(
    (b"kustomization.yaml", b"values.yaml", b"compose.yaml", b".env", b"app.yaml", b"\xff.yaml", b"K\n.yaml")
)
pieces = st.sampled_from((
    b"images:\n", b"- name: IMAGE\n", b"  newTag: 1.0.0\n", b"  digest: sha256:abc\n",
    b'  newTag: "\\UFFFFFFFF"\n', b"- ", b": ",
    b'"\\ud800"\n', b"\x00", b"\xff", b"\t", b"\r", b"&a ", b"*a\n", b"<<: *a\n", b"? ", b"[[[[",
    b"}}", b"|\n", b"---\n", b"%YAML 9.9\n",
    b"!!binary ", b"services: {web: {image: 'IMAGE:1.0.0'}}\n",
    b"image: {repository: IMAGE, tag: 1.0.0}\n", b"apiVersion: v1\n",
    b"kind: Pod\n", b"spec: {containers: [{image: IMAGE:1.0.0}]}\n", b"X_IMAGE=IMAGE:1.0.0\n",
    b"${A:-", b"{{ .x }}", b"\xe2\x80\xa8",
    b"kind: List\nitems:\n", b"helm: {valuesObject: {image: IMAGE}}\n", b"\xf0\x9f\x98\x80",
    b"  newName: a b\n", b"0x10: 1e999\n",
))  # fmt: skip
#: An entry with any texts as its values, each written as YAML takes it.
entries = st.tuples(st.just("IMAGE") | hostile.texts, hostile.texts, hostile.texts).map(
    lambda words: "images:\n- name: {}\n  newTag: {}\n  digest: {}\n".format(*map(json.dumps, words)).encode()
)
contents = entries | st.lists(pieces | st.binary(max_size=6), max_size=12).map(b"".join)
trees = st.dictionaries(
    st.tuples(st.lists(parts, max_size=2), st.sampled_from((b"staging", b"production")), names).map(
        lambda path: b"/".join((b"apps", *path[0], path[1], path[2]))
    ),
    contents,
    max_size=4,
)


def commit(deploy: Deploy, tree: dict[bytes, bytes], message: bytes) -> None:
    """Commit these files on the base branch, whatever their names."""
    stream = [
        b"commit refs/heads/main\ncommitter \xff <\x1b> 99999999999999 +9999\ndata %d\n%b\n" % (len(message), message)
    ]
    stream.append(b"from refs/heads/main^0\n")
    for path, data in tree.items():
        quoted = b"".join(b"\\%03o" % byte for byte in path)
        stream.append(b'M 100644 inline "%b"\ndata %d\n%b\n' % (quoted, len(data), data))
    deploy.remote.git("fast-import", "--quiet", "--force", "--date-format=raw-permissive", stdin=b"".join(stream))


@examples(3)
@given(asked, trees, trees, st.binary(max_size=40).map(lambda text: text.replace(b"\0", b"")))
def test_whatever_files_and_commits_hold(
    worldwide: World, command: Any, first: Any, second: Any, message: bytes
) -> None:
    deploy = worldwide.deploy(own_files)
    config = CONFIG.replace("apps/*", "apps/**").encode()
    for tree in (first, {b"gitops-bot.yaml": config, **second}):
        named = {path: data.replace(b"IMAGE", deploy.image("web").encode()) for path, data in tree.items()}
        with suppress(Exception):  # what git itself refuses nobody can have
            commit(deploy, named, message)
    for each in (("plan",), ("audit",), command):
        no_bug(deploy, each, deploy.image("web"))
    checkout = deploy.folder / "checkout"
    deploy.remote.git("worktree", "add", "--quiet", "--detach", str(checkout), "main")
    for offline in (("check",), ("init", "--dry-run", "--offline")):
        done = run(*offline, cwd=checkout)
        assert done.code in (0, 1, 2), (offline, done.out[-2000:], done.err[-6000:])
    shutil.rmtree(checkout)


def test_unchanged_everything_is_as_it_should_be(worldwide: World, shelf: Any) -> None:
    shelf[1] = Shelf()
    image = f"{shelf[0].host}/acme/web"
    deploy = worldwide.deploy(lambda _: files(image, shelf[1].tag()))
    for command in ASKED[:4]:
        done = deploy.bot(*command)
        assert done.code == 0, (command, done)
