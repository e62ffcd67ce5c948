"""The images in values of Helm: found by their shape, in files and in resources, and edited alone."""

from __future__ import annotations

import pytest

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget, ImagePaths, path
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
K3S = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: web}\nspec:\n  chart: web\n"
#: Which edit of `image` makes which text of which.
EDITS = {
    "a tag beside its repository": ("image:\n  repository: ghcr.io/acme/web   # ours\n  tag: 'v1' # c\n", Pin("v2"),
        "image:\n  repository: ghcr.io/acme/web   # ours\n  tag: 'v2' # c\n"),
    "an empty digest": ('image:\n  repository: web\n  tag: v1\n  digest: ""\n', Pin("v2", OTHER),
        f'image:\n  repository: web\n  tag: v2\n  digest: "{OTHER}"\n'),
    "a stale digest": (f"image:\n  repository: web\n  tag: v1\n  digest: {DIGEST} # c\n", Pin("v2"),
        'image:\n  repository: web\n  tag: v2\n  digest: "" # c\n'),
    "a bare digest": (f"image:\n  repository: web\n  tag: v1\n  sha: {'a' * 64}\n", Pin("v2", OTHER),
        f"image:\n  repository: web\n  tag: v2\n  sha: {'b' * 64}\n"),
    "a digest alone": (f"image:\r\n  repository: web\r\n  digest: {DIGEST}", Pin(None, OTHER),
        f"image:\r\n  repository: web\r\n  digest: {OTHER}"),
    "a tag with its digest": (f"image:\n  repository: web\n  tag: v1@{DIGEST}\n", Pin("v2", OTHER),
        f"image:\n  repository: web\n  tag: v2@{OTHER}\n"),
    "one text": ('image: "web:v1"\n', Pin("v2", OTHER), f'image: "web:v2@{OTHER}"\n'),
    "another commit beside it": ("image: {repository: web, tag: v1, sha: 3f2a1b4}\n", Pin("v2"),
        "image: {repository: web, tag: v2, sha: 3f2a1b4}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "pin", "after"), EDITS.values(), ids=EDITS)
def test_an_edit_changes_the_pin_alone(before: str, pin: Pin, after: str) -> None:
    pins = HelmTarget().read(before.encode(), "values.yaml")
    assert edit(pins, [Assignment("image", pin)]) == after.encode()


@rows("values entries", {
    "at the top": ("{repository: quay.io/a/b, tag: v1}", [("tag", "quay.io/a/b")]),
    "registry": ("image: {registry: ghcr.io, repository: acme/web, tag: v1}", [("image", "ghcr.io/acme/web")]),
    "lists": (
        "jobs: [{image: 'a:1'}, {image: {repository: b, tag: v1}}]",
        [("jobs.0.image", "docker.io/library/a"), ("jobs.1.image", "docker.io/library/b")],
    ),
    "the tag of the chart": ('image: {repository: web, tag: ""}', []),
    "null": ("image: {repository: web, tag: null}", []),
    "a text without a tag": ("image: web", []),
    "a text that is no reference": ("image: 'see below: none'", []),
    "sources": ("git: {repository: 'https://github.com/acme/web', tag: v1}", []),
})  # fmt: skip
def test_images_are_found_by_their_shape(values: str, entries: list[tuple[str, str]]) -> None:
    found = HelmTarget().read(values.encode(), "values.yaml").entries
    assert [(entry.name, str(entry.image)) for entry in found] == entries


@rows("values old new", {
    "a name": ("image: {name: ghcr.io/acme/web, tag: v1}", [], [("image", "ghcr.io/acme/web")]),
    "an image": ("web: {image: acme/web, tag: v1}", [], [("web", "docker.io/acme/web")]),
    "a registry": ("image: {registry: ghcr.io, name: web, tag: v1}", [], [("image", "ghcr.io/web")]),
    "a digest": (f"image: {{name: acme/web, digest: '{DIGEST}'}}", [], [("image", "docker.io/acme/web")]),
    "key": ("{kanikoImage: 'a:1', base_image: 'b:1'}", [],
        [("kanikoImage", "docker.io/library/a"), ("base_image", "docker.io/library/b")]),
    "both": ("{image: {repository: a, tag: v1, name: x/y}, sideImage: 'b:1'}", [("image", "docker.io/library/a")],
        [("image", "docker.io/library/a"), ("sideImage", "docker.io/library/b")]),
    "a label": ("image: {name: web, tag: v1}", [], []),
    "an address": ("{git: {name: 'https://example.com/a/b', tag: v1}, image: {name: '/a', tag: v1}}", [], []),
    "a pin of its own": ("web: {image: 'a/b:v1', tag: v2}", [("web.image", "docker.io/a/b")],
        [("web.image", "docker.io/a/b")]),
    "a build order": ("{image: ghcr.io/acme/web, tag: v1, buildArgs: {A: b}}", [], []),
})  # fmt: skip
def test_more_shapes_are_found_from_reads_2_on(
    values: str, old: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    for reads, entries in ((1, old), (2, new)):
        found = HelmTarget(reads=reads).read(values.encode(), "values.yaml").entries
        assert [(entry.name, str(entry.image)) for entry in found] == entries


@rows("before after", {
    "a name": ("image:\n  name: ghcr.io/acme/web # ours\n  tag: 'v1' # c\n",
        "image:\n  name: ghcr.io/acme/web # ours\n  tag: 'v2' # c\n"),
    "a key": ("a: &x 1\r\nkanikoImage: web:v1   # c\r\nb: *x", "a: &x 1\r\nkanikoImage: web:v2   # c\r\nb: *x"),
    "a chart of K3s": (
        K3S + "  valuesContent: |-\n    # ours\n    image: {repository: web, tag: v1} # c\n",
        K3S + "  valuesContent: |-\n    # ours\n    image: {repository: web, tag: v2} # c\n",
    ),
})  # fmt: skip
def test_an_edit_of_these_changes_the_pin_alone(before: str, after: str) -> None:
    name = "web.yaml" if before.startswith(K3S) else "values.yaml"
    pins = targets.read(before.encode(), name, reads=2)
    assert edit(pins, [Assignment(pins.entries[0].name, Pin("v2"))]) == after.encode()
    assert not targets.read(before.encode(), name).entries


def test_entries_keep_their_names_where_further_ones_are_found() -> None:
    """A file of two releases of which `reads: 1` finds images in one, which need no label then."""
    release = "kind: HelmRelease\napiVersion: v2\nmetadata: {{name: {}}}\nspec: {{values: {{{}}}}}\n"
    data = "---\n".join([release.format("a", "image: 'a:1'"), release.format("b", "initImage: 'b:1'")]).encode()
    for reads, names in ((1, ["image"]), (2, ["image", "b.initImage"])):
        assert [entry.name for entry in HelmTarget(reads=reads).read(data, "a.yaml").entries] == names


@rows("values pin", {
    "tag": (f"image: {{repository: web, digest: '{DIGEST}'}}", Pin("v2")),
    "sha512": ("image: {repository: web, tag: v1, sha: ''}", Pin("v2", "sha512:" + "a" * 128)),
})  # fmt: skip
def test_what_it_has_no_room_for_is_refused(values: str, pin: Pin) -> None:
    with pytest.raises(EditError, match="has no place for"):
        edit(HelmTarget().read(values.encode(), "values.yaml"), [Assignment("image", pin)])


@rows("values reason", {
    "tag": ("tag: &t v1\nimage: {repository: web, tag: *t}", "tag is shared by an alias"),
    "anchor": ("image: {repository: web, tag: &t v1}", "tag has an anchor"),
    "template": ("image: {repository: web, tag: '{{ .tag }}'}", "tag holds a template placeholder"),
    "twice above": ("a: {}\na: {image: {repository: web, tag: v1}}", "a stands there twice"),
    "repository": ("image: {repository: '${R}/web', tag: v1}", "repository holds a template"),
    "twice": ("image: {repository: web, tag: v1, tag: v2}", "tag stands there twice"),
    "both": (f"image: {{repository: web, tag: v1@x, digest: '{DIGEST}'}}", "tag carries a digest"),
})  # fmt: skip
def test_what_cannot_be_edited_without_a_doubt_is_refused(values: str, reason: str) -> None:
    (entry,) = HelmTarget().read(values.encode(), "values.yaml").entries
    assert entry.refusal is not None
    assert entry.refusal.message.startswith(reason)


def test_a_repository_may_be_an_alias() -> None:
    data = b"a: &r ghcr.io/acme/web\nimage: {repository: *r, tag: v1}\n"
    pins = HelmTarget().read(data, "values.yaml")
    assert edit(pins, [Assignment("image", Pin("v2"))]) == data.replace(b"v1", b"v2")
    with pytest.raises(EditError, match="no place for a new name"):
        edit(pins, [Assignment("image", Pin("v2"), "quay.io/acme/web")])


def test_a_new_name_is_divided_as_the_old_one_was() -> None:
    data = b"image:\n  registry: ghcr.io\n  repository: acme/web\n  tag: v1\n"
    pins = HelmTarget().read(data, "values.yaml")
    after = edit(pins, [Assignment("image", Pin("v2"), "localhost:5000/x/web")])
    assert after == b"image:\n  registry: localhost:5000\n  repository: x/web\n  tag: v2\n"


def test_numbers_that_may_be_printed_in_another_form_are_told() -> None:
    values = "{a: {repository: a, tag: 1.10}, b: {repository: b, tag: 1.25}, c: {repository: c, tag: 20250131}}"
    pins = HelmTarget().read(values.encode(), "values.yaml")
    told = [problem.message for _, problem in pins.type_mistakes()]
    assert told == [
        "tag: 1.10 is a number, and may be printed in another form",
        "tag: 20250131 is a number, and may be printed in another form",
    ]


@rows("paths before after", {
    "a literal name, and no tag yet": (
        ImagePaths(name="ghcr.io/acme/web", tag=path(".web.version")), "web: {version: ''}\n", "web: {version: 'v2'}\n",
    ),
    "RFC 6901": (
        ImagePaths(repository=path("/a.b/0/x~1y"), tag=path("/a.b/0/tag")), "a.b:\n- x/y: web\n  tag: v1\n",
        "a.b:\n- x/y: web\n  tag: v2\n",
    ),
    "one text": (ImagePaths(image=path("web.img")), "web: {img: web}", "web: {img: web:v2}"),
})  # fmt: skip
def test_configured_paths_say_where_an_image_stands(paths: ImagePaths, before: str, after: str) -> None:
    pins = HelmTarget((("web", paths), ("other", paths.__class__(name="x", tag=path(".x"))))).read(before.encode(), "v")
    assert [entry.name for entry in pins.entries] == ["web"]
    assert edit(pins, [Assignment("web", Pin("v2"))]) == after.encode()


def test_a_configured_digest_is_added_behind_the_tag() -> None:
    keys = ImagePaths(repository=path(".image.repository"), tag=path(".image.tag"), digest=path(".image.digest"))
    data = b"image:\r\n  tag: v1 # c\r\n  repository: web\r\n"
    pins = HelmTarget((("web", keys),)).read(data, "values.yaml")
    assert pins.entries[0].says is None
    after = edit(pins, [Assignment("web", Pin("v2", DIGEST))])
    assert after == b"image:\r\n  tag: v2 # c\r\n  digest: %b\r\n  repository: web\r\n" % DIGEST.encode()
    assert edit(pins, [Assignment("web", Pin("v2"))]) == data.replace(b"v1", b"v2")


def test_a_configured_tag_is_added_behind_the_repository() -> None:
    keys = ImagePaths(repository=path(".image.repository"), tag=path(".image.tag"), digest=path(".image.digest"))
    target, data = HelmTarget((("web", keys),)), f"image:\n  repository: web\n  digest: {DIGEST}\n"
    after = edit(target.read(data.encode(), "values.yaml"), [Assignment("web", Pin("v2", DIGEST))])
    assert after.decode() == data.replace("web\n", "web\n  tag: v2\n")
    with pytest.raises(EditError, match="has no key 'tag' yet"):
        edit(
            target.read(f"image: {{digest: '{DIGEST}'}}".encode(), "values.yaml"),
            [Assignment("web", Pin("v2", DIGEST))],
        )


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    helm:
      parameters:
        - {name: side.image.repository, value: ghcr.io/acme/side}
        - name: side.image.tag
          value: "1.0"   # c
      valuesObject:
        web: {image: {repository: ghcr.io/acme/web, tag: v1}}
      values: |%s
          # inside
          db:
            image:
              repository: acme/db # d

              tag: v1
              digest: ""
%s  destination: {}
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("header", "end"), [("", ""), ("-", "\n"), ("+", "\n   \n"), ("4-", ""), ("+4 # x", "\n")], ids=repr
)
def test_an_application_has_values_in_three_forms(header: str, end: str, newline: str) -> None:
    text = (APPLICATION % (header, end)).replace("\n", newline)
    pins = targets.read(text.encode(), "web.yaml")
    found = [(entry.name, str(entry.image), str(entry.pin)) for entry in pins.entries]
    assert found == [
        ("side.image", "ghcr.io/acme/side", "1.0"),
        ("web.image", "ghcr.io/acme/web", "v1"),
        ("db.image", "docker.io/acme/db", "v1"),
    ]
    lines = text.split(newline)
    assert [lines[entry.line - 1][entry.column - 1 :][:2] for entry in pins.entries] == ['"1', "v1", "v1"]
    edits = [
        Assignment("side.image", Pin("1.1")),
        Assignment("web.image", Pin("v2")),
        Assignment("db.image", Pin("v2", DIGEST)),
    ]
    expected = text.replace("v1", "v2").replace("v2alpha", "v1alpha").replace('"1.0"', '"1.1"')
    assert edit(pins, edits) == expected.replace('digest: ""', f'digest: "{DIGEST}"').encode()


@rows("values name reason", {
    "folded": (">\n    image: {repository: web, tag: v1}", "image", "values is folded text"),
    "anchor": ("&v |\n    image: {repository: web, tag: v1}", "image", "values has an anchor"),
    "template": ("|\n    image: {{ .image }}\n    {{ x }}", "values", "the file is not YAML"),
})  # fmt: skip
def test_a_text_of_values_that_cannot_be_edited_is_refused_where_it_stands_and_the_rest_goes_on(
    values: str, name: str, reason: str
) -> None:
    data = (
        f"apiVersion: x/v1\nkind: Application\nspec:\n source:\n  helm:\n   values: {values}\n"
        "   parameters: [{name: side.image, value: 'side:v1'}]\n"
    )
    pins = HelmTarget().read(data.encode(), "a.yaml")
    refused, other = sorted(pins.entries, key=lambda entry: entry.refusal is None)
    assert refused.refusal is not None
    assert (refused.name, refused.refusal.message[: len(reason)]) == (name, reason)
    assert refused.line == refused.refusal.line in range(6, 10)
    assert edit(pins, [Assignment(other.name, Pin("v2"))]) == data.replace("side:v1", "side:v2").encode()
    with pytest.raises(EditError) as caught:
        edit(pins, [Assignment(name, Pin("v2"))])
    assert caught.value.problem == refused.refusal


def test_a_set_of_applications_and_a_release_of_flux_have_values_too() -> None:
    data = b"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: set}
spec: {template: {spec: {sources: [
  {ref: x}, {chart: redis, helm: {valuesObject: {image: {repository: a, tag: v1}}}},
  {helm: {releaseName: job, valuesObject: {image: {repository: c, tag: v1}}}}]}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  values: {image: {repository: b, tag: v1}}
"""
    pins = targets.read(data, "all.yaml")
    assert [entry.name for entry in pins.entries] == ["redis.image", "job.image", "web.image"]
    after = edit(pins, [Assignment("web.image", Pin("v2"))])
    assert after == data.replace(b"b, tag: v1", b"b, tag: v2")


def test_a_kustomization_offers_the_values_of_its_charts_beside_its_images() -> None:
    data = b"""\
images:
- {name: web, newTag: v1}
helmCharts:
- name: redis
  valuesInline:
    image: {repository: redis, tag: v1}
"""
    pins = targets.read(data, "kustomization.yaml")
    assert [entry.name for entry in pins.entries] == ["web", "redis.image"]
    assert edit(pins, [Assignment("redis.image", Pin("v2"))]) == data.replace(b"redis, tag: v1", b"redis, tag: v2")
    both = edit(pins, [Assignment("redis.image", Pin("v2")), Assignment("web", Pin("v2"))])
    assert both == data.replace(b"ag: v1", b"ag: v2").replace(b"newTag: v1", b"newTag: v2")
    assert targets.TARGETS[0].count(data) == 2


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *((name, True) for name in ("values.yaml", "values-prod.yml", "values.staging.yaml", "web-values.yaml")),
        *((name, True) for name in ("webvalues.yaml", "Values_dev.yaml", "prod.values.eu.yaml")),
        *((name, False) for name in ("values.json", "value.yaml", "valuesets.yaml", "values.yaml.tpl", "web.yaml")),
    ],
)
def test_names_tell_values_files(name: str, *, known: bool) -> None:
    assert (targets.target_of(name) == HelmTarget()) == known


@pytest.mark.parametrize(
    "data",
    [
        b"services:\n  web:\n    image: nginx:1\n",
        b"apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx:1}]}\n",
        b"apiVersion: x/v1\nkind: Kafka\nspec: {image: {repository: a, tag: v1}}\n",
        b"# CI\nstages: [build]\nbuild:\n  image: alpine:3\n",
        b"- image: alpine:3\n",
        b'{"image": "alpine:3"}',
        b"replicas: 1\n",
    ],
)
def test_other_files_are_not_taken_for_values(data: bytes) -> None:
    assert HelmTarget().count(data) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"a: [" + b"{image: 'x:1'}," * 10_001 + b"]", "more than 10,000 images", id="images"),
        pytest.param(
            b"apiVersion: a/v1\nkind: Application\nspec: {source: {helm: {parameters: ["
            + b"{name: a.tag, value: v1},"  * 1_001 + b"]}}}", "more than 1,000 parameters", id="parameters",
        ),
        pytest.param(
            b"apiVersion: a/v1\nkind: Application\nspec:\n source:\n  helm:\n   values: |\n    image: a:1\n"
            + b"    # more\n" * 40_000, "more than 262,144 characters", id="text",
        ),
    ],
)  # fmt: skip
def test_hostile_files_are_bounded(data: bytes, message: str) -> None:
    with pytest.raises(EditError, match=message):
        HelmTarget().read(data, "values.yaml")
