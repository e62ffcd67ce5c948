"""The branches of an environment by groups: what each group goes on with, and what it must leave to other branches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.branches import BotBranch, Branches, Competing, Left, Own, Yielding
from gitops_bot.releases.decisions import Held
from tests.engine.bot_branches import API_ENTRY, ENTRIES, PROXY_ENTRY, STAGING, WEB_ENTRY, to
from tests.proposals.sample import BASE, NEWER, branch, commit, pull, written

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


@pytest.mark.parametrize(
    ("known", "decisions", "expected"),
    [
        pytest.param(branches(), (), [], id="nothing"),
        pytest.param(branches(), (WEB_V2, API_V2, PROXY_V2), ["api", "proxy", "web"], id="of decisions, in order"),
        pytest.param(branches(), (WAITS,), ["web"], id="held or not"),
        pytest.param(branches(own("web", WEB_V2)), (), ["web"], id="of what is carried"),
        pytest.param(branches(own("web")), (), ["web"], id="of a branch that carries nothing any more"),
        pytest.param(branches(own("all", WEB_V2)), (), ["web", "all"], id="a group that is only a branch comes last"),
        pytest.param(branches(own("all")), (WEB_V2,), ["web", "all"], id="though it carries nothing"),
        pytest.param(branches(left("rollback-web", WEB_V2)), (), ["web"], id="of what is rolled back"),
        pytest.param(branches(Competing(of("web", WEB_V2))), (), [], id="not of what competes"),
        pytest.param(branches(Yielding(of("web", WEB_V2))), (), [], id="nor of what yields"),
        pytest.param(branches(own("all"), group_of=TOGETHER), (WEB_V2, API_V2), ["all"], id="one for all"),
    ],
)
def test_groups_are_those_of_decisions_and_own_branches(
    known: Branches, decisions: tuple[Change | Held, ...], expected: list[str]
) -> None:
    planned = known.groups(decisions)
    assert [group.name for group in planned] == expected
    assert [item for group in planned for item in group.decisions] == sorted(
        decisions, key=lambda item: known.group_of[item.entry.key]
    )


@pytest.mark.parametrize(
    ("known", "carried", "shown", "locked"),
    [
        pytest.param(branches(own("web", WEB_V2)), {"web"}, {"web"}, set(), id="its own branch"),
        pytest.param(branches(own("web", WEB_V2, state=None)), {"web"}, set(), set(), id="not shown yet"),
        pytest.param(branches(own("web", WEB_V2, left_alone=WHY)), {"web"}, {"web"}, set(), id="people keep its own"),
        pytest.param(branches(own("all", WEB_V2, API_V2)), {"web"}, {"web"}, set(), id="another group's, that moved"),
        pytest.param(branches(own("all", WEB_V2, left_alone=WHY)), set(), set(), {"web"}, id="people keep it"),
        pytest.param(branches(left("rollback-all", WEB_V2)), set(), set(), {"web"}, id="rolled back"),
        pytest.param(branches(left("rollback-all", API_V2)), set(), set(), set(), id="another entry is rolled back"),
        pytest.param(branches(Competing(of("all", WEB_V2, left_alone=WHY))), set(), set(), set(), id="it competes"),
        pytest.param(branches(Yielding(of("all", WEB_V2, left_alone=WHY))), set(), set(), set(), id="it yields"),
        pytest.param(branches(waits={WEB_ENTRY.key: WHY, API_ENTRY.key: WHY}), set(), set(), {"web"}, id="it waits"),
    ],
)
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


@pytest.mark.parametrize(
    ("roles", "watched", "expected"),
    [
        pytest.param((), False, ["rollback-web"], id="a rollback may come"),
        pytest.param((), True, ["rollback-failed-web", "rollback-web"], id="and one after a failure"),
        pytest.param((own("all", WEB_V2), own("api", API_V2)), False, ["all", "rollback-web"], id="of sources"),
        pytest.param((own("all", API_V2),), False, ["rollback-web"], id="not where none come from"),
        pytest.param((Competing(of("all", WEB_V2)),), False, ["all", "rollback-web"], id="what it takes entries from"),
        pytest.param((Competing(replace(of("all", WEB_V2), pending=())),), False, ["rollback-web"], id="it is done"),
        pytest.param((left("rollback-all", WEB_V2),), False, ["rollback-web"], id="not what locks it"),
    ],
)
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


@pytest.mark.parametrize(
    ("role", "is_changing"),
    [
        pytest.param(own("web", WEB_V2), True, id="own"),
        pytest.param(own("web", WEB_V2, left_alone=WHY), True, id="people keep it"),
        pytest.param(own("web", WEB_V2, state=None), True, id="about to be opened"),
        pytest.param(own("web", WEB_V2, state="closed"), False, id="closed"),
        pytest.param(left("rollback-web", WEB_V2), True, id="a rollback"),
        pytest.param(Competing(of("web", WEB_V2)), True, id="it competes"),
        pytest.param(Yielding(of("web", WEB_V2)), False, id="it yields"),
    ],
)
def test_an_entry_is_changing_while_anything_but_what_yields_proposes_it(role: Role, is_changing: bool) -> None:
    assert branches(role).changing == ({WEB_ENTRY.key} if is_changing else set())
