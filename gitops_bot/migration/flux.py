"""Flux: `ImageRepository`, `ImagePolicy`, `ImageUpdateAutomation`, and the markers in any YAML file."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from gitops_bot.images import expression
from gitops_bot.migration import rules
from gitops_bot.migration.rules import EVERY_TAG, Gap, ImageRule, Read, Tracked, gap, resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.kinds import OnMove, PinShape
    from gitops_bot.targets.yaml_values import Placed

Field = Literal["", "name", "tag", "digest"]

#: What a file with markers contains.
MARK: Final = b'"$imagepolicy"'
_KEY: Final = "$imagepolicy"
#: Bytes of a file, and of a line, beyond which nobody wrote it by hand.
_MOST_BYTES: Final = 1 << 20
_MOST_COLUMNS: Final = 2000
_SETTER: Final = re.compile(r"([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})(?::(name|tag|digest))?")

#: `$name` and `${name}`, alone: what of the tag is ordered.
_EXTRACT: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]{1,100})\}|([A-Za-z0-9_]{1,100}))")
_LITERAL: Final = re.compile(r"\^([A-Za-z0-9_][A-Za-z0-9_-]{0,127})\$")
_ON_MOVE: Final[dict[str, OnMove]] = {"Always": "follow", "IfNotPresent": "hold"}
#: What an `ImageRepository` leaves out where it says nothing: signatures.
_SIGNATURES: Final = r"^.*\.sig$"
#: What a file has to contain to be read.
MARKS: Final = (b"image.toolkit.fluxcd.io/", b"source.toolkit.fluxcd.io/")
#: Lines between two parts of one entry, which each have a marker.
_NEAR: Final = 4
_KINDS: Final = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation", "GitRepository")
#: Settings of an automation that have no counterpart, and what to do about them.
_UNREAD: Final = {
    ("git", "push", "refspec"): "",
    ("git", "push", "options"): "",
    ("git", "commit", "signingKey"): "set `commits: {gpg_key: ID}`, or `commits: api`",
    ("git", "commit", "messageTemplate"): "see `propose.title` and `propose.message`",
    ("policySelector", "matchExpressions"): "every policy of the namespace is taken",
}
_LOGINS: Final = ("secretRef", "serviceAccountName", "certSecretRef", "proxySecretRef")


@dataclass(frozen=True, slots=True)
class Marker:
    """A value that follows an `ImagePolicy`: the whole image, or one part of it."""

    file: str
    line: int
    #: The namespace and the name of its policy.
    key: tuple[str, str]
    field: Field


def markers(file: str, data: bytes) -> Iterator[Marker]:
    """The markers of a file, in their order."""
    if MARK not in data or len(data) > _MOST_BYTES:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if _KEY in line and len(line) <= _MOST_COLUMNS and (marker := _marker(file, number, line)) is not None:
            yield marker


def _marker(file: str, number: int, line: str) -> Marker | None:
    at = line.index(_KEY)
    start, end = line.rfind("{", 0, at), line.find("}", at)
    before = line[: max(start, 0)]
    # A comment on a line of its own marks nothing.
    if "#" not in before or not before.partition("#")[0].strip():
        return None
    try:
        written = json.loads(line[start : end + 1])
    except ValueError:
        return None
    text = written.get(_KEY) if isinstance(written, dict) else None
    setter = _SETTER.fullmatch(text) if isinstance(text, str) else None
    return Marker(file, number, (setter[1], setter[2]), cast("Field", setter[3] or "")) if setter else None


def rule_of(policy: Placed, repository: Placed, gaps: list[Gap]) -> ImageRule:
    """The rule for an `ImagePolicy`; what of it has no counterpart goes to `gaps`."""
    name = policy.at("metadata", "name").text
    spec = policy.at("spec")
    chosen = spec.at("policy")
    reflection = spec.at("digestReflectionPolicy").text
    try:
        written = _policy(chosen, spec.at("filterTags"))
        excluded = repository.at("spec", "exclusionList").texts
        if not excluded and written.get("pattern") == EVERY_TAG:
            excluded = (_SIGNATURES,)
        if excluded:
            written["exclude"] = list(excluded)
        if reflection == "Always" and (tag := _LITERAL.fullmatch(str(written.get("pattern", "")))):
            written = {"digest": tag[1]}
        rules.check(written)
    except ValueError as why:
        gaps.append(gap(chosen, f"ImagePolicy {name[:100]}: {why}", "write a policy for it by hand"))
        return ImageRule(None)
    pin: PinShape | None = None if reflection in _ON_MOVE else "tag"
    # What a moving tag points to is followed in any case.
    on_move = None if "digest" in written else _ON_MOVE.get(reflection)
    return ImageRule(written, rules.as_name(name, "image"), pin, on_move=on_move)


def _policy(chosen: Placed, filtered: Placed) -> dict[str, Any]:
    """The policy as it is written; a ValueError says why none of ours means the same."""
    pattern, extract = filtered.at("pattern").text, filtered.at("extract").text
    if pattern:
        expression.check(pattern)
        group = _EXTRACT.fullmatch(extract)
        if not extract:
            pattern = rules.without_names(pattern)
        elif group is None or (keyed := rules.with_key(pattern, group[1] or group[2])) is None:
            raise ValueError(f"extract {extract[:100]!r} is more than one group of the pattern")
        else:
            pattern = keyed
    if chosen.has("semver"):
        return {"semver": chosen.at("semver", "range").text} | ({"pattern": pattern} if pattern else {})
    for order in ("alphabetical", "numerical"):
        if chosen.has(order):
            if chosen.at(order, "order").text.lower() == "desc":
                raise ValueError(f"{order} in descending order has no counterpart")
            return {"pattern": pattern or EVERY_TAG, "order": order}
    raise ValueError("it has none of semver, alphabetical and numerical")


@dataclass(frozen=True, slots=True)
class _Resource:
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


@dataclass(slots=True)
class _Reader:
    """The resources by their kinds, and what of them has no counterpart."""

    by_kind: Mapping[str, list[_Resource]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    gaps: list[Gap] = field(default_factory=list)

    def find(self, kind: str, namespace: str, name: str) -> _Resource | None:
        """The resource of that name; without a namespace of its own where only one is called so."""
        called = [resource for resource in self.by_kind[kind] if resource.name == name]
        exact = [resource for resource in called if resource.namespace == namespace]
        return exact[0] if exact else called[0] if len(called) == 1 and "" in (called[0].namespace, namespace) else None

    def image_and_rule(self, policy: _Resource) -> tuple[str, ImageRule]:
        """The image that a policy is about, and its rule."""
        reference = policy.at("imageRepositoryRef")
        namespace, name = reference.at("namespace").text or policy.namespace, reference.at("name").text
        repository = self.find("ImageRepository", namespace, name)
        if repository is None:
            self.gaps.append(gap(reference, f"the ImageRepository {name[:100]} is not in this checkout"))
            repository = _Resource(reference.emptied)
        for key in _LOGINS:
            if not (login := repository.at(key)).empty:
                what = f"{key} of the ImageRepository {repository.name[:100]} is in the cluster"
                self.gaps.append(gap(login, what, "log in where the bot runs, or name the login under `registries`"))
        return repository.at("image").text, rule_of(policy.value, repository.value, self.gaps)

    def automation(self, resource: _Resource) -> _Automation:
        """What an `ImageUpdateAutomation` writes, and where."""
        source = resource.at("sourceRef")
        git = self.find("GitRepository", source.at("namespace").text or resource.namespace, source.at("name").text)
        known = git.at("ref", "branch").text if git else ""
        checkout = resource.at("git", "checkout", "ref", "branch").text or known
        push = resource.at("git", "push", "branch").text
        path = posixpath.normpath(resource.at("update", "path").text.strip().lstrip("/") or ".")
        for keys, advice in _UNREAD.items():
            if not (setting := resource.at(*keys)).empty:
                what = f"{keys[-1]} of the ImageUpdateAutomation {resource.name[:100]} has no counterpart"
                self.gaps.append(gap(setting, what, advice))
        if resource.at("suspend").text == "true":
            what = f"the ImageUpdateAutomation {resource.name[:100]} is suspended, so its images are ignored"
            self.gaps.append(gap(resource.at("suspend"), what, "remove `ignore` to keep them current"))
        return _Automation(resource, path, checkout, {} if push and push != (checkout or "main") else {"as": "commit"})


def read(files: Sequence[tuple[str, bytes]], marked: Sequence[Marker]) -> Read:
    """What Flux keeps current: these markers, by the manifests among the files."""
    reader = _Reader()
    for resource in resources(files, reader.gaps):
        if (kind := resource.at("kind").text) in reader.by_kind:
            reader.by_kind[kind].append(_Resource(resource))
    automations = [reader.automation(resource) for resource in reader.by_kind["ImageUpdateAutomation"]]
    policies = reader.by_kind["ImagePolicy"]
    ruled = {id(policy): reader.image_and_rule(policy) for policy in policies}
    tracked: list[Tracked] = []
    missing: dict[tuple[str, str], Marker] = {}
    used: set[int] = set()
    for marker, pin in _pins(marked):
        policy = reader.find("ImagePolicy", *marker.key)
        if policy is None:
            missing.setdefault(marker.key, marker)
            continue
        used.add(id(policy))
        image, rule = ruled[id(policy)]
        # Of a tag that is followed, only the digest changes.
        rule = replace(rule, pin=None if "digest" in (rule.policy or ()) else pin or rule.pin)
        tracked.append(_track(marker, image, rule, automations, policy, reader.gaps))
    for marker in missing.values():
        what = f"the ImagePolicy {'/'.join(marker.key)} is not in this checkout"
        advice = "write a policy for the image of this line by hand"
        reader.gaps.append(Gap(marker.file, marker.line, what, advice))
    for policy in policies:
        if id(policy) not in used:
            name = policy.value.at("metadata", "name")
            reader.gaps.append(gap(name, f"no marker in this checkout names the ImagePolicy {policy.name[:100]}"))
    branches = tuple(automation.checkout for automation in automations if automation.checkout)
    return Read(bool(marked or policies or automations), tuple(tracked), tuple(reader.gaps), branches)


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


def _track(
    marker: Marker, image: str, rule: ImageRule, automations: Sequence[_Automation], policy: _Resource, gaps: list[Gap]
) -> Tracked:
    chosen = policy.at("policy")
    covering = [automation for automation in automations if automation.covers(marker.file, policy)]
    if not covering and automations:
        what = f"no ImageUpdateAutomation covers this marker of {'/'.join(marker.key)}"
        gaps.append(Gap(marker.file, marker.line, what, "Flux left it as it is; gitops-bot keeps it current"))
    tracked = Tracked(marker.file, image, rule, (chosen.file, chosen.line), within=(marker.file, marker.line))
    if not covering:
        return replace(tracked, propose={"as": "commit"})
    first = max(covering, key=lambda automation: len(automation.path))
    if first.resource.at("suspend").text == "true":
        rule = replace(rule, ignore=True)
    hints = (first.resource.name, first.path, first.resource.value.file)
    return replace(tracked, rule=rule, hints=hints, propose=first.propose)
