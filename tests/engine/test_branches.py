"""The branches of an environment by groups: what each group goes on with, and what it must leave to other branches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.branches import BotBranch, Branches, Competing, Left, Own, Yielding
from gitops_bot.releases.decisions import Held
from tests.engine.bot_branches import API_ENTRY, ENTRIES, PROXY_ENTRY, STAGING, WEB_ENTRY, to
from tests.proposals.sample import BASE, NEWER, branch, commit, pull, written
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.branches import Group, Role
    from gitops_bot.releases.decisions import Change, EntryKey

WEB_V2, PROXY_V2, API_V2 = (to(entry, "v2") for entry in (WEB_ENTRY, PROXY_ENTRY, API_ENTRY))
WHY = Reason("held.label", "on hold")
WAITS = Held(WEB_ENTRY, None, WHY)
#: Where images are proposed one by one; a person named the group `front`.
BY_IMAGE = {WEB_ENTRY.key: "web", PROXY_ENTRY.key: "proxy", API_ENTRY.key: "api"}
TOGETHER = dict.fromkeys(ENTRIES, "all")


def of(name: str, *changes: Change, state: str | None = "open", left_alone: Reason | None = None) -> BotBranch:
    """The branch of a group that changes this, and its pull request in a state, if it has one."""
    name = f"gitops-bot/staging/{name}"
    pins = tuple(change.pin_change for change in changes)
    remote = branch(commit(written(*changes)), name=name) if changes else None
    if remote is not None:  # who made the commits is of no account here
        message = remote.commits[0].message.replace("1 staging all ", f"1 staging {name.rpartition('/')[2]} ")
        remote = replace(remote, commits=(replace(remote.commits[0], message=message),))
    pulls = (replace(pull(state), branch=name),) if state is not None else ()
    return BotBranch(name, remote, pulls, pins, left_alone)


def own(name: str, *changes: Change, state: str | None = "open", left_alone: Reason | None = None) -> Own:
    there = of(name, *changes, state=state, left_alone=left_alone)
    return Own(there, there.pending)


def left(name: str, *changes: Change) -> Left:
    there = of(name, *changes)
    return Left(there, there.pending, WHY)


def branches(
    *roles: Role, group_of: Mapping[EntryKey, str] = BY_IMAGE, waits: Mapping[EntryKey, Reason] | None = None
) -> Branches:
    by_name = {role.branch.name: role for role in roles}
    return Branches(STAGING, BASE, ENTRIES, group_of, by_name, waits or {})


def groups(known: Branches, *decisions: Change | Held) -> dict[str, Group]:
    return {group.name: group for group in known.groups(decisions)}


@rows("known decisions expected", {
    "nothing": (branches(), (), []),
    "of decisions, in order": (branches(), (WEB_V2, API_V2, PROXY_V2), ["api", "proxy", "web"]),
    "held or not": (branches(), (WAITS,), ["web"]),
    "of what is carried": (branches(own("web", WEB_V2)), (), ["web"]),
    "of a branch that carries nothing any more": (branches(own("web")), (), ["web"]),
    "a group that is only a branch comes last": (branches(own("all", WEB_V2)), (), ["web", "all"]),
    "though it carries nothing": (branches(own("all")), (WEB_V2,), ["web", "all"]),
    "of what is rolled back": (branches(left("rollback-web", WEB_V2)), (), ["web"]),
    "not of what competes": (branches(Competing(of("web", WEB_V2))), (), []),
    "nor of what yields": (branches(Yielding(of("web", WEB_V2))), (), []),
    "one for all": (branches(own("all"), group_of=TOGETHER), (WEB_V2, API_V2), ["all"]),
})  # fmt: skip
def test_groups_are_those_of_decisions_and_own_branches(
    known: Branches, decisions: tuple[Change | Held, ...], expected: list[str]
) -> None:
    planned = known.groups(decisions)
    assert [group.name for group in planned] == expected
    assert [item for group in planned for item in group.decisions] == sorted(
        decisions, key=lambda item: known.group_of[item.entry.key]
    )


@rows("known carried shown locked", {
    "its own branch": (branches(own("web", WEB_V2)), {"web"}, {"web"}, set()),
    "not shown yet": (branches(own("web", WEB_V2, state=None)), {"web"}, set(), set()),
    "people keep its own": (branches(own("web", WEB_V2, left_alone=WHY)), {"web"}, {"web"}, set()),
    "another group's, that moved": (branches(own("all", WEB_V2, API_V2)), {"web"}, {"web"}, set()),
    "people keep it": (branches(own("all", WEB_V2, left_alone=WHY)), set(), set(), {"web"}),
    "rolled back": (branches(left("rollback-all", WEB_V2)), set(), set(), {"web"}),
    "another entry is rolled back": (branches(left("rollback-all", API_V2)), set(), set(), set()),
    "it competes": (branches(Competing(of("all", WEB_V2, left_alone=WHY))), set(), set(), set()),
    "it yields": (branches(Yielding(of("all", WEB_V2, left_alone=WHY))), set(), set(), set()),
    "it waits": (branches(waits={WEB_ENTRY.key: WHY, API_ENTRY.key: WHY}), set(), set(), {"web"}),
})  # fmt: skip
def test_a_group_goes_on_with_its_pins_and_leaves_those_that_others_keep(
    known: Branches, carried: set[str], shown: set[str], locked: set[str]
) -> None:
    group = groups(known, WAITS)["web"]
    assert {pin.name for pin in group.carried} == carried
    assert {pin.name for pin in group.shown} == shown
    assert {key.name for key in group.locked} == locked
    assert all(reason == WHY for reason in group.locked.values())
    assert isinstance(group.own, Own)
    assert group.own.branch.name == "gitops-bot/staging/web"


def test_a_pin_of_the_own_branch_wins_over_one_that_moved_there() -> None:
    newer = to(WEB_ENTRY, "v3")
    for roles in ((own("all", WEB_V2), own("web", newer)), (own("web", newer), own("all", WEB_V2))):
        assert [pin.after.tag for pin in groups(branches(*roles), WAITS)["web"].carried] == ["v2", "v3"]


@rows("roles watched expected", {
    "a rollback may come": ((), False, ["rollback-web"]),
    "and one after a failure": ((), True, ["rollback-failed-web", "rollback-web"]),
    "of sources": ((own("all", WEB_V2), own("api", API_V2)), False, ["all", "rollback-web"]),
    "not where none come from": ((own("all", API_V2),), False, ["rollback-web"]),
    "what it takes entries from": ((Competing(of("all", WEB_V2)),), False, ["all", "rollback-web"]),
    "it is done": ((Competing(replace(of("all", WEB_V2), pending=())),), False, ["rollback-web"]),
    "not what locks it": ((left("rollback-all", WEB_V2),), False, ["rollback-web"]),
})  # fmt: skip
def test_a_group_depends_on_the_pull_requests_of_other_branches(
    roles: tuple[Role, ...], watched: bool, expected: list[str]
) -> None:
    known = branches(*roles)
    if watched:
        known = replace(known, environment=replace(STAGING, on_failure="rollback"))
    beside = groups(known, WAITS)["web"].beside
    assert sorted(beside) == [f"gitops-bot/staging/{name}" for name in expected]
    by_name = {role.branch.name: role.branch.pulls for role in roles}
    assert all(pulls == by_name.get(name, ()) for name, pulls in beside.items())


def test_a_rollback_depends_on_the_updates_of_its_entries() -> None:
    group_of = {key: f"rollback-{name}" for key, name in BY_IMAGE.items()}
    known = branches(group_of=group_of)
    assert list(groups(known, WAITS)["rollback-web"].beside) == ["gitops-bot/staging/web"]


def test_what_is_proposed_is_known_by_entry() -> None:
    promoted = to(API_ENTRY, "v2", "promotion")
    there = to(PROXY_ENTRY, "v1")  # what the base branch has by now means nothing
    known = branches(own("web", WEB_V2), left("rollback-api", promoted), own("proxy", there), Yielding(of("x", WEB_V2)))
    assert known.proposed == {WEB_ENTRY.key: WEB_V2.after, API_ENTRY.key: promoted.after, PROXY_ENTRY.key: there.after}
    assert known.promoted == {API_ENTRY.key: promoted.after}


def test_what_was_proposed_on_this_very_commit_needs_no_second_look_at_history() -> None:
    role = own("web", WEB_V2)
    assert role.branch.remote is not None
    older = replace(role.branch, remote=replace(role.branch.remote, fork=NEWER))
    assert branches(role).proposed_at_this_commit == {(WEB_ENTRY.key, WEB_V2.after)}
    assert branches(replace(role, branch=older)).proposed_at_this_commit == frozenset()
    assert branches(Competing(role.branch)).proposed_at_this_commit == frozenset()


@rows("role is_changing", {
    "own": (own("web", WEB_V2), True),
    "people keep it": (own("web", WEB_V2, left_alone=WHY), True),
    "about to be opened": (own("web", WEB_V2, state=None), True),
    "closed": (own("web", WEB_V2, state="closed"), False),
    "a rollback": (left("rollback-web", WEB_V2), True),
    "it competes": (Competing(of("web", WEB_V2)), True),
    "it yields": (Yielding(of("web", WEB_V2)), False),
})  # fmt: skip
def test_an_entry_is_changing_while_anything_but_what_yields_proposes_it(role: Role, is_changing: bool) -> None:
    assert branches(role).changing == ({WEB_ENTRY.key} if is_changing else set())
