"""What a repository and its base branch ask of a merge, as far as the token can see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.rules import kind_of, of_branch

if TYPE_CHECKING:
    from gitops_bot.config.propose import MergeMethod

_METHODS: tuple[MergeMethod, ...] = ("merge", "squash", "rebase")


@dataclass(frozen=True, slots=True)
class Base:
    """`checks`: a merge waits for checks. `rules`: there is any rule at all, or one may be hidden from the token.

    `seen`: the token may see the rules. `default` is the method that the repository merges by unless told otherwise.
    """

    auto_merge: bool
    queue: bool
    checks: bool
    rules: bool
    seen: bool
    methods: tuple[MergeMethod, ...]
    default: MergeMethod


def read_node(repository: Any, *, hidden: bool) -> Base:
    """Read what `documents` asks of the base branch; `hidden` is whether the token may not see some of it.

    Raises:
        ValueError: it is not as GitHub describes it.
    """
    try:
        ref, queue = repository["ref"], repository["mergeQueue"]
        protection = ref["refUpdateRule"] if ref is not None else None
        contexts = (protection["requiredStatusCheckContexts"] or ()) if protection is not None else ()
        rules = ref["rules"] if ref is not None else None
        listed = [each for each in (rules["nodes"] if rules is not None else None) or () if each is not None]
        kinds = {kind_of(each) for each in listed}
        return Base(
            auto_merge=repository["autoMergeAllowed"] is True,
            queue=queue is not None or "queue" in kinds,
            checks=any(contexts) or "checks" in kinds,
            rules=protection is not None or bool(listed) or ref is None or hidden,
            seen=not hidden,
            **_methods(
                {method: repository[f"{field}Allowed"] is True for method, field in _FIELDS.items()},
                str(repository["viewerDefaultMergeMethod"]).lower(),
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(error) from error


_FIELDS: dict[MergeMethod, str] = {"merge": "mergeCommit", "squash": "squashMerge", "rebase": "rebaseMerge"}


def read(repository: Any, branch: Any, rules: Any) -> Base:
    """The same from REST: the repository, the branch, and its rules (None where the server has none or hides them).

    A token without write access is told neither the methods nor whether auto-merge is allowed: then GitHub will say.

    Raises:
        ValueError: it is not as GitHub describes it.
    """
    try:
        kinds = {kind_of(each) for each in rules or ()}
        return Base(
            auto_merge=repository.get("allow_auto_merge") is not False,
            queue="queue" in kinds,
            checks=bool(of_branch(branch).checks) or "checks" in kinds,
            rules=branch.get("protected") is not False or bool(kinds),
            seen=True,
            **_methods(
                {
                    "merge": repository.get("allow_merge_commit") is not False,
                    "squash": repository.get("allow_squash_merge") is not False,
                    "rebase": repository.get("allow_rebase_merge") is not False,
                },
                "",
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(error) from error


def _methods(allowed: dict[MergeMethod, bool], default: str) -> dict[str, Any]:
    methods = tuple(method for method in _METHODS if allowed[method])
    if not methods:
        raise ValueError(allowed)
    return {"methods": methods, "default": default if default in methods else methods[0]}
