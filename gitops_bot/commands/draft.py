"""A first configuration for the environments that `init` found: policies by the formats of tags, and promotions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import TYPE_CHECKING, Final

from gitops_bot.images.formats import Format, format_of, policy_for
from gitops_bot.images.inference import infer
from gitops_bot.images.kinds import Follow, Policy
from gitops_bot.images.order import compare
from gitops_bot.images.reason import Unmanaged, unmanaged
from gitops_bot.images.reference import ImageName, fits, split
from gitops_bot.releases.layout.inference import place_of
from gitops_bot.results.checkout import Draft, EnvironmentDraft, Ignored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.images.owner import Owner
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import EntryKey, Managed
    from gitops_bot.results.checkout import FoundEnvironment

_WORD: Final = re.compile("[A-Za-z]+")
_DIGIT: Final = re.compile("[0-9]")
_NO_NAME: Final = re.compile("[^A-Za-z0-9.-]+")
#: Characters of an image in the name of a policy.
_LONGEST: Final = 40
_COMMIT: Final = Format("commits", ("commit", ""))
#: What is said of an image: a policy, `auto` or a name, or why it is ignored; nothing where its environment says it.
_Rule = str | Policy | Ignored | None
#: As long as an abbreviated or full commit; one in 27 has no letter in its first seven digits.
_COMMIT_LENGTHS: Final = (7, 8, 40)


def read_formats(entries: Iterable[Managed], owner: Owner) -> Mapping[EntryKey, Format | Unmanaged]:
    """The formats of these entries' tags.

    A word that stands in one tag only, and not in the name of the image, says nothing about the next tag: such a tag is
    a placeholder or of a branch that will be gone.
    """
    known = {
        entry.key: (entry, format_of(entry.pin, own=owner.owns(image), has_majors=image is None or image.is_official))
        for entry in entries
        for image in (entry.repository,)
    }
    commits = {
        entry.environment for entry, form in known.values() if isinstance(form, Format) and form.key == _COMMIT.key
    }
    tags: dict[tuple[str, ...], set[str | None]] = defaultdict(set)
    for entry, form in known.values():
        if isinstance(form, Format):
            tags[form.key].add(entry.pin.tag)

    def settle(entry: Managed, form: Format | Unmanaged) -> Format | Unmanaged:
        tag = entry.pin.tag or ""
        if tag.isdecimal() and len(tag) in _COMMIT_LENGTHS and entry.environment in commits:
            return _COMMIT
        if not isinstance(form, Format) or len(tags[form.key]) > 1:
            return form
        words = {word.lower() for word in form.words} - {word.lower() for word in _WORD.findall(entry.name)}
        return unmanaged("unordered", tag) if words else form

    return {key: settle(entry, form) for key, (entry, form) in known.items()}


def may_ship(formats: Mapping[EntryKey, Format | Unmanaged], source: Managed, target: Managed) -> bool:
    """Whether a promotion may put the source's pin into the target: one repository, and tags of one format.

    A placeholder of the target may be replaced; that of a source, and a tag that moves, is never copied.
    """
    has, gets = formats[source.key], formats[target.key]
    if source.repository != target.repository:
        return False
    match has, gets:
        case Format(), Format():
            return has.kind != "moving" and (has.kind, has.key) == (gets.kind, gets.key)
        case Format(), Unmanaged():
            return has.kind != "moving"
        case Unmanaged(why="digest"), Unmanaged(why="digest"):
            return True
        case _:
            return False


def is_ahead(formats: Mapping[EntryKey, Format | Unmanaged], source: Managed, target: Managed) -> bool:
    """Whether the source's pin may be shipped and is none that the target has left behind, as far as the tags tell."""
    if not may_ship(formats, source, target):
        return False
    form, tags = formats[source.key], (source.pin.tag or "", target.pin.tag or "")
    order: Policy | Unmanaged | None = infer(target.pin)
    if isinstance(order, Unmanaged):
        order = None
        if isinstance(form, Format) and isinstance(formats[target.key], Format):
            order = policy_for(tags, replace(form, major=None, kept=()))
    return order is None or compare(order, *tags) != -1


def draft(found: Sequence[FoundEnvironment], ignored: Mapping[EntryKey, Ignored], owner: Owner) -> Draft:
    """The configuration for these environments. `ignored` says of entries why they are left alone."""
    entries = [entry for environment in found for entry in environment.entries]
    formats = read_formats(entries, owner)
    tags: dict[Format, list[str]] = defaultdict(list)
    images: dict[Format, set[str]] = defaultdict(set)
    for form, entry in ((formats[entry.key], entry) for entry in entries):
        if isinstance(form, Format):
            tags[form].append(entry.pin.tag or "")
            images[form].add(entry.image)
    writing = _Writing(formats, tags, images)
    travelling = [environment for environment in found if place_of(environment.name)]
    last = travelling[-1] if len(travelling) > 1 else None
    earlier = travelling[:-1]
    environments = [
        writing.environment(environment, ignored, earlier if environment is last else ()) for environment in found
    ]
    return Draft(writing.policies, tuple(environments))


@dataclass(slots=True)
class _Writing:
    formats: Mapping[EntryKey, Format | Unmanaged]
    #: The tags of each format, and the images that have it, in the whole repository.
    tags: Mapping[Format, Sequence[str]]
    images: Mapping[Format, Collection[str]]
    policies: dict[str, Policy] = field(default_factory=dict)
    followed: set[EntryKey] = field(default_factory=set)

    def environment(
        self,
        found: FoundEnvironment,
        ignored: Mapping[EntryKey, Ignored],
        earlier: Sequence[FoundEnvironment] = (),
    ) -> EnvironmentDraft:
        """Write one environment, and the policies that no environment before it has.

        The last one must not overtake `earlier` ones: it gets no rule for builds of an image that these run too.
        """
        sources = found.pairs if found.promote else {}
        # Of the entries that the source has too, some keep to a policy of their own.
        promoted = {
            entry.key
            for entry in found.entries
            if entry.key in sources and all(may_ship(self.formats, source, entry) for source in sources[entry.key])
        }
        own = [entry for entry in found.entries if entry.key not in promoted]
        tried = {entry.image for environment in earlier for entry in environment.entries}
        why = f"{earlier[-1].name} runs them first: add `promote_from: {earlier[-1].name}`" if earlier else ""
        first = {entry.key: why for entry in own if entry.image in tried and self._is_build(entry)}
        own = [entry for entry in own if entry.key not in first]
        wanted = {entry.key: self._wanted(self.formats[entry.key], entry) for entry in own}
        rest = [wanted[entry.key] for entry in own if entry.key not in sources]
        common = Counter(policy for policy in rest if isinstance(policy, str))
        policy = max(common, key=lambda name: (common[name], name == "auto"), default="auto" if rest else None)
        wishes: dict[EntryKey, _Rule] = {}
        for entry in found.entries:
            wish = wanted.get(entry.key)
            if wish is not None and entry.key not in sources:
                wish = self._rule(self.formats[entry.key], wish, policy)
            if entry.key in first and policy not in (None, "auto"):
                wish = Ignored(why)
            wishes[entry.key] = ignored.get(entry.key, wish)
        names = _names(found.entries, wishes, policy, {*sources, *ignored})
        rules = self._by_name(found, names, wishes, policy)
        if isinstance(only := next(iter(rules.values()), None), Ignored) and set(rules.values()) == {only}:
            return EnvironmentDraft(found, None, {}, ignored=only)
        followed, left = self._covered(found, names, rules, policy, wanted, first)
        texts: dict[str, set[str]] = defaultdict(set)
        for entry in found.entries:
            texts[names[entry.key]].update((entry.name, entry.image))
        return EnvironmentDraft(found, policy, dict(_fold(rules, texts)), left=left, followed=followed)

    def _is_build(self, entry: Managed) -> bool:
        """Whether the tag is of a build or a commit: the newest of these is whatever was pushed last."""
        form = self.formats[entry.key]
        return isinstance(form, Format) and form.kind in ("builds", "commits", "dates")

    def _by_name(
        self,
        found: FoundEnvironment,
        names: Mapping[EntryKey, str],
        wishes: Mapping[EntryKey, _Rule],
        policy: str | None,
    ) -> Mapping[str, _Rule]:
        """The rule of each image; of entries that no name tells apart, one for all."""
        by_name: dict[str, Counter[_Rule]] = defaultdict(Counter)
        ordered: dict[str, set[_Rule]] = defaultdict(set)
        paired = {names[key] for key in found.pairs if key in names} if found.promote else set[str]()
        for entry in found.entries:
            form, name, rule = self.formats[entry.key], names[entry.key], wishes[entry.key]
            by_name[name][rule] += 1
            if isinstance(form, Format) and form.kind != "moving" and not isinstance(rule, Ignored):
                ordered[name].add(rule)
        careful = {name: None if policy == "auto" and name not in paired else "auto" for name in by_name}
        return {name: _one_for_all(counter, ordered[name], careful[name]) for name, counter in by_name.items()}

    def _covered(
        self,
        found: FoundEnvironment,
        names: Mapping[EntryKey, str],
        rules: Mapping[str, _Rule],
        policy: str | None,
        wanted: Collection[EntryKey],
        first: Mapping[EntryKey, str],
    ) -> tuple[int, Mapping[str, Mapping[str, Sequence[Pin]]]]:
        """How many entries are kept current, and those that `auto` leaves alone, by the reason and the image."""
        followed = 0
        left: dict[str, dict[str, list[Pin]]] = defaultdict(lambda: defaultdict(list))
        for entry in found.entries:
            form, name = self.formats[entry.key], names[entry.key]
            rule = rules[name]
            if entry.key in first:
                if rule is None:
                    left[first[entry.key]][name].append(entry.pin)
                continue
            by_itself = entry.key in wanted and (rule or policy or "auto") == "auto"
            if by_itself and isinstance(infer(entry.pin), Unmanaged):
                # A policy for what names no repository would be refused.
                if isinstance(form, Unmanaged) and rule is None and entry.repository is not None:
                    left[form.alike][name].append(entry.pin)
            elif not (isinstance(rule, Ignored) or entry.repository is None or entry.refusal or entry.pin.malformed):
                # What is promoted from an entry that no rule moves is not moved either.
                sources = () if entry.key in wanted else found.pairs[entry.key]
                if all(source.key in self.followed for source in sources):
                    self.followed.add(entry.key)
                    followed += 1
        return followed, left

    def _rule(self, form: Format | Unmanaged, own: str | Policy | Ignored, policy: str | None) -> _Rule:
        """What is said of an image that wants `own` in an environment with a policy; None where that is enough."""
        if isinstance(form, Format):
            return own if own != policy else None
        # `auto` says itself why nothing is followed; a word may give way to the first tag that has a format.
        by_format = policy is not None and policy != "auto" and not isinstance(self.policies[policy], Follow)
        waits = by_format and form.why in ("placeholder", "unordered")
        return None if not policy or policy == "auto" or waits else own

    def _wanted(self, form: Format | Unmanaged, entry: Managed) -> str | Policy | Ignored:
        """The policy for tags of one format: `auto`, a name, or one that only this image has; or why there is none.

        Of several policies of one kind, those after the first are named after the first of the images that have them.
        """
        if isinstance(form, Unmanaged):
            return Ignored(form.alike)
        if form.kind == "auto":
            return "auto"
        tags = self.tags[form]
        policy = policy_for(tags, form)
        if policy is None:
            return Ignored(unmanaged("counter", tags[0]).alike)
        if isinstance(policy, Follow) and (len(tags) == 1 or _DIGIT.search(policy.tag)):
            return policy
        for name, other in self.policies.items():
            if other == policy:
                return name
        kind = _NO_NAME.sub("-", policy.tag) if isinstance(policy, Follow) else form.kind
        if kind in self.policies and len(self.images[form]) == 1:
            return policy
        image = _NO_NAME.sub("-", entry.image.rpartition("/")[2])[:_LONGEST].strip("-.")
        numbers = (f"{kind}-{number}" for number in range(2, len(self.policies) + 3))
        names = chain((kind, f"{kind}-{image}") if image else (kind,), numbers)
        name = next(name for name in names if name not in self.policies and name != "auto")
        self.policies[name] = policy
        return name


def _names(
    entries: Sequence[Managed], wishes: dict[EntryKey, _Rule], policy: str | None, placed: Collection[EntryKey]
) -> Mapping[EntryKey, str]:
    """How the rules of an environment name its images; `placed` has entries whose place decides, and not their image.

    By the repository where most of its entries want one rule, so that the next container of the image has it, too; the
    others then get a rule of their own. Else by the names of entries, and always where these are names of images.
    """
    repositories: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, Counter[_Rule]] = defaultdict(Counter)
    for entry in entries:
        repositories[entry.name].add(entry.image)
        wanted[entry.image][wishes[entry.key]] += 1
    by_name: dict[str, set[_Rule]] = defaultdict(set)
    for entry in entries:
        by_name[entry.name].add(wishes[entry.key])
    mixed = {entry.image for entry in entries if entry.key in placed or len(by_name[entry.name]) > 1}
    common = {image: rules.most_common(1)[0] for image, rules in wanted.items()}

    def name(entry: Managed) -> str:
        (rule, count), every = common[entry.image], wanted[entry.image]
        is_image = entry.entry.new_name is not None or ImageName.of(split(entry.name)[0]) == entry.repository
        if len(repositories[entry.name]) > 1:
            return entry.image
        if is_image or entry.key in placed or (len(every) > 1 and (rule is None or entry.image in mixed)):
            return entry.name
        if len(every) == 1 or (2 * count > every.total() and wishes[entry.key] == rule):
            return entry.image
        if 2 * count > every.total() and wishes[entry.key] is None:
            wishes[entry.key] = policy or "auto"
        return entry.name

    return {entry.key: name(entry) for entry in entries}


def _one_for_all(wishes: Counter[_Rule], ordered: set[_Rule], careful: _Rule) -> _Rule:
    """The rule of entries that no name tells apart: what most want, but a tag with an order keeps its format."""
    if len(ordered) > 1:
        return careful
    return max(ordered or wishes, key=lambda rule: (wishes[rule], not isinstance(rule, Ignored)))


def _fold(
    rules: Mapping[str, _Rule], texts: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str | Policy | Ignored]]:
    """The rules by globs that match all images of one rule, and no other image, where there are such globs."""
    groups: dict[str | Policy | Ignored, list[str]] = defaultdict(list)
    for name, rule in rules.items():
        if rule is not None:
            groups[rule].append(name)
    for rule, names in groups.items():
        others = {text for name, meant in texts.items() if name not in names for text in meant}
        parts: Iterable[list[str]] = [names]
        if isinstance(rule, Ignored):  # of manifests, those of one kind: `Deployment/*`
            parts = [list(own) for _, own in groupby(sorted(names), lambda name: name.partition("/")[0])]
        for part in parts:
            glob = _glob(part)
            if len(part) > 1 and glob != "*" and not any(fits(glob, text) for text in others):
                yield glob, rule
            else:
                yield from ((name, rule) for name in sorted(part))


def _glob(names: Sequence[str]) -> str:
    """What the names begin with, up to a whole part, and `*`."""
    first, last = min(names), max(names)
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return f"{first[: max(first.rfind(char, 0, same) for char in '/-_.') + 1]}*"
