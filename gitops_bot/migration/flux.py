"""Flux: `ImageRepository`, `ImagePolicy`, `ImageUpdateAutomation`, and the markers in any YAML file."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.migration.flux_policy import rule_of
from gitops_bot.migration.rules import Read, Rule, Tracked
from gitops_bot.releases.layout.inventory import Gap
from gitops_bot.targets.placed import Placed, documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.rules import PinShape
    from gitops_bot.migration.markers import Marker

#: What a file has to contain to be read.
MARKS: Final = (b"image.toolkit.fluxcd.io/", b"source.toolkit.fluxcd.io/")
#: Lines between two parts of one entry, which each have a marker.
_NEAR: Final = 4
_KINDS: Final = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "GitRepository")
_LOGINS: Final = ("secretRef", "serviceAccountName", "certSecretRef", "proxySecretRef")


@dataclass(frozen=True, slots=True)
class _Resource:
    file: str
    value: Placed

    @property
    def name(self) -> str:
        return self.value.at("metadata", "name").text

    @property
    def namespace(self) -> str:
        return self.value.at("metadata", "namespace").text

    def at(self, *keys: str) -> Placed:
        return self.value.at("spec", *keys)


@dataclass(frozen=True, slots=True)
class _Automation:
    """What writes: below this path, from and to these branches."""

    resource: _Resource
    path: str
    checkout: str
    propose: Mapping[str, Any]

    def covers(self, file: str, policy: _Resource) -> bool:
        """Whether it updates the markers of a policy in a file."""
        own, other = self.resource.namespace, policy.namespace
        wanted = self.resource.at("policySelector", "matchLabels").entries
        labels = policy.value.at("metadata", "labels")
        return (
            (self.path == "." or f"{file}/".startswith(f"{self.path}/"))
            and (not own or not other or own == other)
            and all(labels.at(key).text == value.text for key, value in wanted)
        )


@dataclass(frozen=True, slots=True)
class _Resources:
    by_kind: Mapping[str, Sequence[_Resource]] = field(default_factory=dict)

    def find(self, kind: str, namespace: str, name: str) -> _Resource | None:
        """The resource of that name; without a namespace of its own where only one is called so."""
        called = [resource for resource in self.by_kind.get(kind, ()) if resource.name == name]
        exact = [resource for resource in called if resource.namespace == namespace]
        return exact[0] if exact else called[0] if len(called) == 1 and "" in (called[0].namespace, namespace) else None


def read(files: Sequence[tuple[str, bytes]], marked: Sequence[Marker]) -> Read:
    """What Flux keeps current: these markers, by the manifests among the files."""
    gaps: list[Gap] = []
    by_kind: dict[str, list[_Resource]] = {kind: [] for kind in _KINDS}
    for file, data in files:
        found = documents(data.decode("utf-8", "replace"))
        if found is None:
            gaps.append(Gap(file, 1, "this file cannot be read as YAML", "move what it says by hand"))
        for document in found or ():
            if (kind := document.at("kind").text) in by_kind:
                by_kind[kind].append(_Resource(file, document))
    resources = _Resources(by_kind)
    automations = [_automation(each, resources, gaps) for each in by_kind["ImageUpdateAutomation"]]
    ruled = {id(each): _ruled(each, resources, gaps) for each in by_kind["ImagePolicy"]}
    tracked: list[Tracked] = []
    missing: set[tuple[str, str]] = set()
    used: set[int] = set()
    for marker, pin in _pins(marked):
        policy = resources.find("ImagePolicy", *marker.key)
        if policy is None:
            if marker.key not in missing:
                what = f"the ImagePolicy {marker.namespace}/{marker.policy} is not in this checkout"
                gaps.append(Gap(marker.file, marker.line, what, "write a policy for the image of this line by hand"))
            missing.add(marker.key)
            continue
        used.add(id(policy))
        image, rule = ruled[id(policy)]
        # Of a tag that is followed, only the digest changes.
        shape = None if "digest" in (rule.policy or ()) else pin or rule.pin
        tracked.append(_tracked(marker, image, replace(rule, pin=shape), automations, policy, gaps))
    for policy in by_kind["ImagePolicy"]:
        if id(policy) not in used:
            line = policy.value.at("metadata", "name").line
            gaps.append(Gap(policy.file, line, f"no marker in this checkout names the ImagePolicy {policy.name[:100]}"))
    seen = bool(marked or by_kind["ImagePolicy"] or automations)
    branches = tuple(each.checkout for each in automations if each.checkout)
    return Read(seen, tuple(tracked), tuple(gaps), branches)


def _pins(marked: Sequence[Marker]) -> Iterator[tuple[Marker, PinShape | None]]:
    """One marker for each entry, and what is written there where the markers tell: the whole image, tag, or digest."""
    lines = {(marker.file, marker.key, marker.field, marker.line) for marker in marked}

    def near(marker: Marker, wanted: str) -> bool:
        around = range(marker.line - _NEAR, marker.line + _NEAR + 1)
        return any((marker.file, marker.key, wanted, line) in lines for line in around)

    for marker in marked:
        match marker.field:
            case "":
                yield marker, None
            case "tag":
                yield marker, "tag+digest" if near(marker, "digest") else "tag"
            case "digest" if not near(marker, "tag"):
                yield marker, "digest"
            case _:
                pass


def _tracked(
    marker: Marker, image: str, rule: Rule, automations: Sequence[_Automation], policy: _Resource, gaps: list[Gap]
) -> Tracked:
    source = (policy.file, policy.at("policy").line)
    covering = [automation for automation in automations if automation.covers(marker.file, policy)]
    if not covering:
        if automations:
            what = f"no ImageUpdateAutomation covers this marker of {marker.namespace}/{marker.policy}"
            gaps.append(Gap(marker.file, marker.line, what, "Flux left it as it is; gitops-bot keeps it current"))
        return Tracked(marker.file, image, rule, source, within=(marker.file, marker.line), propose={"as": "commit"})
    first = max(covering, key=lambda automation: len(automation.path))
    if first.resource.at("suspend").text == "true":
        rule = replace(rule, ignore=True)
    hints = (first.resource.name, first.path, first.resource.file)
    return Tracked(
        marker.file, image, rule, source, within=(marker.file, marker.line), hints=hints, propose=first.propose
    )


def _ruled(policy: _Resource, resources: _Resources, gaps: list[Gap]) -> tuple[str, Rule]:
    """The image that a policy is about, and its rule."""
    reference = policy.at("imageRepositoryRef")
    namespace = reference.at("namespace").text or policy.namespace
    repository = resources.find("ImageRepository", namespace, reference.at("name").text)
    if repository is None:
        what = f"the ImageRepository {reference.at('name').text[:100]} is not in this checkout"
        gaps.append(Gap(policy.file, reference.line, what))
        repository = _Resource(policy.file, Placed(reference.line))
    for key in _LOGINS:
        if not (login := repository.at(key)).empty:
            what = f"{key} of the ImageRepository {repository.name[:100]} is in the cluster"
            advice = "log in where the bot runs, or name the login under `registries`"
            gaps.append(Gap(repository.file, login.line, what, advice))
    rule, unfit = rule_of(policy.value, repository.value, policy.file)
    gaps += unfit
    return repository.at("image").text, rule


def _automation(resource: _Resource, resources: _Resources, gaps: list[Gap]) -> _Automation:
    source = resource.at("sourceRef")
    namespace = source.at("namespace").text or resource.namespace
    git = resources.find("GitRepository", namespace, source.at("name").text)
    known = git.at("ref", "branch").text if git else ""
    checkout = resource.at("git", "checkout", "ref", "branch").text or known
    push = resource.at("git", "push", "branch").text
    path = posixpath.normpath(resource.at("update", "path").text.strip().lstrip("/") or ".")
    for keys, advice in (
        (("git", "push", "refspec"), ""),
        (("git", "push", "options"), ""),
        (("git", "commit", "signingKey"), "gitops-bot does not sign commits"),
        (("git", "commit", "messageTemplate"), "see `propose.title` and `propose.message`"),
        (("policySelector", "matchExpressions"), "every policy of the namespace is taken"),
    ):
        if not (setting := resource.at(*keys)).empty:
            what = f"{keys[-1]} of the ImageUpdateAutomation {resource.name[:100]} has no counterpart"
            gaps.append(Gap(resource.file, setting.line, what, advice))
    if resource.at("suspend").text == "true":
        what = f"the ImageUpdateAutomation {resource.name[:100]} is suspended, so its images are ignored"
        gaps.append(Gap(resource.file, resource.at("suspend").line, what, "remove `ignore` to keep them current"))
    other = push and push != (checkout or "main")
    return _Automation(resource, path, checkout, {} if other else {"as": "commit"})
