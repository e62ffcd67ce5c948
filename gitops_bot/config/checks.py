"""Checks for contradictions between the settings of a configuration, each of which may be right by itself.

They read the text, not the validated values: if one part is wrong, the others are still checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.config import checks_environment
from gitops_bot.config.document import Scalar, Section
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import meant
from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitops_bot.config.document import Document

#: How many environments of a circle are listed.
_MOST_NAMED = 10


def check(document: Document) -> None:
    """Add a problem for each contradiction."""
    file = Section(document)
    environments, policies, registries = map(file.below, ("environments", "policies", "registries"))
    _apart(environments, checks_environment.slug, "its branches would have the same names as those of")
    _apart(registries, host, "it is the same registry as")
    if "auto" in policies:
        message = "`auto` is the policy that follows the format of the present tag"
        policies.below("auto").report(message, "choose another name")
    for environment in environments.values():
        _apart(environment.below("images"), _repository, "it is the same image as")
        for rules in (environment, *environment.below("images").values()):
            _policy(policies, environment, rules)
        checks_environment.check(environment)
    checks_environment.check_records(file)
    for policy in policies.values():
        _one_choice(policy)
    for circle in _circles(_sources(environments)):
        _report_circle(environments, circle)
    for registry in registries.values():
        _login(registry)
        _mirror(registries, registry)
    for hold in file.below("holds").items():
        _environment(hold.below("environment"), environments)


def host(key: str) -> str | None:
    """A registry, normalised like the names of images; None if it is not a host."""
    name = ImageName.of(f"{key}/any/any")
    return name.registry if name is not None and name.path == "any/any" else None


def _repository(key: str) -> str | None:
    name = ImageName.of(key)
    return str(name) if name is not None else None


def _apart(section: Section, meaning: Callable[[str], str | None], why: str) -> None:
    """Report keys that are written differently but mean the same."""
    known: dict[str, str] = {}
    for key in section:
        means = meaning(key)
        first = known.setdefault(means, key) if means is not None else key
        if first != key:
            line = section.document.key((*section.path, first)).line
            message = f"{quoted(key)}: {why} {quoted(first)} in line {line}"
            section.below(key).report(message, "rename or remove one of the two")


def _environment(section: Section, known: Iterable[str]) -> Scalar | None:
    """The environment that is named there; if it is unknown, report it and return None."""
    name, others = section.word, list(known)
    if name is None or name in others:
        return name
    advice = meant(section.document, name, "environments", others) or "write it under `environments`"
    section.report(f"there is no environment {quoted(name)}", advice, at_key=False)
    return None


def _policy(policies: Section, environment: Section, rules: Section) -> None:
    """Report policies that do not exist or can never write anything."""
    _one_choice(rules.below("policy"))
    if (name := rules.below("policy").word) and name != "auto" and policies[name] is None:
        write = f"write it under `policies`, as in `policies: {{{name[:60]}: {{semver: ^1.2}}}}`"
        advice = meant(policies.document, name, "policies", policies) or write
        rules.below("policy").report(f"there is no policy {quoted(name)}", advice, at_key=False)
    own, own_pin = rules["policy"], rules["pin"]
    policy = own if own is not None else environment["policy"]
    if isinstance(policy, Scalar):
        policy = policies[policy]
    pin = own_pin if own_pin is not None else environment["pin"]
    follows = isinstance(policy, dict) and next((word for word in KINDS if word in policy), None) == "digest"
    if follows and pin == "tag" and (own is not None or own_pin is not None):
        message = "a policy that follows the digest of a tag has nothing to write with `pin: tag`"
        advice = "choose another `pin`, or another policy"
        rules.below("policy" if own is not None else "pin").report(message, advice, at_key=False)


def _one_choice(policy: Section) -> None:
    """Report policies that select tags in two ways."""
    if {"semver", "pattern", "prefer"} <= set(policy):
        message = "`pattern` and `prefer` cannot be used together"
        policy.below("prefer").report(message, "remove one; a pattern can include the suffix")


def _login(registry: Section) -> None:
    by_password, has_role = registry["password_env"] is not None, registry["aws_role"] is not None
    if registry["username"] is not None and not by_password:
        advice = "set the variable that holds its password, as in `password_env: GHCR_TOKEN`"
        registry.below("username").report("`username` alone is not enough to log in", advice)
    if has_role and not re.search(r"\.dkr[.-]ecr", str(registry.path[-1])):
        registry.below("aws_role").report("`aws_role` is for registries of Amazon ECR only", "remove it")
    elif has_role and by_password:
        message = "`aws_role` and `password_env` are two ways to log in"
        registry.below("aws_role").report(message, "remove one of the two")


def _mirror(registries: Section, registry: Section) -> None:
    """A mirror has its own entry with its own login, and has no mirror itself."""
    if (written := registry.below("mirror").word) is None:
        return
    mirror_host = written.partition("/")[0]
    for key in set(registry) - {"mirror"}:
        message = f"`{key}` has no effect with `mirror`, because only the mirror is queried"
        registry.below(key).report(message, f"write it under `registries: {{{mirror_host}: ...}}`")
    if any(host(str(other.path[-1])) == host(mirror_host) and "mirror" in other for other in registries.values()):
        message = f"the mirror {quoted(mirror_host)} is this registry, or has a mirror itself"
        registry.below("mirror").report(message, "give the host that stores the images", at_key=False)


def _sources(environments: Section) -> dict[str, str]:
    """The environments that promote, each with its source."""
    sources: dict[str, str] = {}
    for name in environments:
        written = environments.below(name, "promote_from")
        if written.word == name:
            advice = "set the environment that runs a pin first, or remove `promote_from`"
            written.report(f"{quoted(name)} cannot be promoted from itself", advice, at_key=False)
        elif source := _environment(written, (other for other in environments if other != name)):
            sources[name] = str(source)
    return sources


def _circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Circles: environments that each promote from the next, and the last from the first. Visits each once."""
    circles: list[list[str]] = []
    done: set[str] = set()
    for start in sources:
        visited: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in visited:
            visited[name] = None
            name = sources.get(name)
        if name in visited:
            names = list(visited)
            circles.append(names[names.index(name) :])
        done |= visited.keys()
    return circles


def _report_circle(environments: Section, circle: Sequence[str]) -> None:
    """Report it at each of its environments: any of them may be the wrong one."""
    for at, name in enumerate(circle):
        named = [quoted(circle[(at + step) % len(circle)]) for step in range(min(len(circle), _MOST_NAMED))]
        last = quoted(name) if len(circle) <= _MOST_NAMED else "..."
        advice = "remove `promote_from` from the environment that gets new pins first"
        message = f"promotions go in a circle: {' from '.join([*named, last])}"
        environments.below(name, "promote_from").report(message, advice, at_key=False)
