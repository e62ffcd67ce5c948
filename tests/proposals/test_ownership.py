from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.images.reference import Pin
from gitops_bot.proposals.branch import FileChange, Ours, Theirs, owner_of
from gitops_bot.releases.decisions import InfoChange, PinChange
from tests.managed import alter
from tests.proposals.sample import API, FILES, NEWER, WEB, A, B, branch, change, commit, merge, written
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.proposals.branch import UnmergedCommit
    from gitops_bot.releases.decisions import Change

TWO = (change(), change("api", Pin("v2", B), Pin("v1", A), file=API))
GOOD = commit(written(*TWO))


def said(*changes: Change) -> tuple[PinChange, ...]:
    return tuple(
        PinChange(each.entry.file, each.entry.name, each.before, each.after, each.source, each.new_name)
        for each in changes
    )


@rows("changes", {
    "a tag, with a digest added": (change(),),
    "a stale digest removed": (change("proxy", Pin("v2"), Pin("v1", A)),),
    "tag and digest in one value": (change("joined", Pin("v2", B), Pin("v1", A)),),
    "another repository": (change(new_name="ghcr.io/acme/web", source="set"),),
    "two files": TWO,
})  # fmt: skip
def test_what_the_bot_commits_is_its_own(changes: tuple[Change, ...]) -> None:
    assert owner_of(branch(commit(written(*changes)))) == Ours(said(*changes))


def test_a_pin_that_was_no_tag_before_is_no_obstacle() -> None:
    files = {WEB: b"images:\n- name: web\n  newTag: 1.0+build\n  digest: sha256:TODO\n"}
    mended = change(before=Pin("1.0+build", "sha256:TODO"))
    assert owner_of(branch(commit(written(mended, files=files), files))) == Ours(said(mended))


def test_a_clean_merge_from_the_base_is_neutral_wherever_it_stands() -> None:
    update = merge(FileChange("README.md", b"old\n", b"new\n"))
    assert owner_of(branch(GOOD, update)) == Ours(said(*TWO))
    assert owner_of(branch(update, alter(GOOD, parents=(NEWER,)))) == Ours(said(*TWO))
    assert owner_of(branch()) == Ours(())
    unclean = owner_of(branch(GOOD, alter(update, clean_merge=False)))
    assert isinstance(unclean, Theirs)
    assert unclean.commit == NEWER
    assert isinstance(owner_of(branch(GOOD, complete=False)), Theirs)


def in_web(edit: Callable[[bytes], bytes | None], **more: object) -> Callable[[UnmergedCommit], UnmergedCommit]:
    """The same commit with something else done to the file of `web`."""

    def tampered(good: UnmergedCommit) -> UnmergedCommit:
        changes = tuple(
            alter(each, after=edit(each.after or b""), **more) if each.path == WEB else each for each in good.changes
        )
        return alter(good, changes=changes)

    return tampered


def and_also(extra: FileChange) -> Callable[[UnmergedCommit], UnmergedCommit]:
    return lambda good: alter(good, changes=(*good.changes, extra))


def in_words(old: str, new: str) -> Callable[[UnmergedCommit], UnmergedCommit]:
    def tampered(good: UnmergedCommit) -> UnmergedCommit:
        assert old in good.message
        return alter(good, message=good.message.replace(old, new))

    return tampered


WEB_TRAILER = next(line for line in GOOD.message.splitlines() if '"web"' in line)
TAMPERED = {
    "an extra byte at the end": in_web(lambda data: data + b"\n"),
    "a changed comment": in_web(lambda data: data.replace(b"# keep", b"# Keep")),
    "line ends changed": in_web(lambda data: data.replace(b"\r\n", b"\n")),
    "another entry of the file": in_web(lambda data: data.replace(b"newTag: v1, ", b"newTag: v2, ")),
    "another tag than said": in_web(lambda data: data.replace(b"'v2'", b"'v3'")),
    "nothing changed where a change is said": in_web(lambda _: FILES[WEB]),
    "no YAML any more": in_web(lambda _: b"{"),
    "the file deleted": in_web(lambda _: None),
    "the mode changed as well": in_web(lambda data: data, mode_changed=True),
    "the file is new": lambda good: alter(
        good, changes=tuple(alter(each, before=None) if each.path == WEB else each for each in good.changes)
    ),
    "another file changed": and_also(FileChange("README.md", b"a", b"b")),
    "another file added": and_also(FileChange("evil.yaml", None, b"x: 1\n")),
    "a file missing": lambda good: alter(good, changes=good.changes[:1]),
    "another `from`": in_words('"from": {"tag": "v1", "digest": null}', '"from": {"tag": "v0", "digest": null}'),
    "another `to`": in_words(WEB_TRAILER, WEB_TRAILER.replace('"tag": "v2"', '"tag": "v3"')),
    "`to` without the digest": in_words(WEB_TRAILER, WEB_TRAILER.replace(f'"{B}"', "null")),
    "another name": in_words('"name": "web"', '"name": "proxy"'),
    "a name that the file does not have": in_words('"name": "web"', '"name": "nobody"'),
    "a trailer missing": in_words(f"{WEB_TRAILER}\n", ""),
    "a trailer twice with two ends": in_words(WEB_TRAILER, f"{WEB_TRAILER}\n{WEB_TRAILER.replace(B, A)}"),
    "a newName that is not there": in_words(WEB_TRAILER, WEB_TRAILER[:-1] + ', "newName": "ghcr.io/acme/web"}'),
    "no plan": in_words("Gitops-Bot-Plan: ", "Gitops-Bot-Plans: "),
    "two plans": in_words(
        "Gitops-Bot-Plan: 1 staging", "Gitops-Bot-Plan: 1 staging all set\nGitops-Bot-Plan: 1 staging"
    ),
    "the plan of another environment": in_words("Plan: 1 staging all", "Plan: 1 production all"),
    "a merge": lambda good: alter(good, parents=("a" * 40, "b" * 40)),
}


@pytest.mark.parametrize("tamper", [pytest.param(tamper, id=label) for label, tamper in TAMPERED.items()])
def test_anything_else_is_a_persons(tamper: Callable[[UnmergedCommit], UnmergedCommit]) -> None:
    found = owner_of(branch(tamper(GOOD)))
    assert isinstance(found, Theirs)
    assert (found.commit, found.author) == (GOOD.id, GOOD.author)


INFO = "apps/web/overlays/staging/info.yaml"
INFO_BEFORE = b"kind: ConfigMap\r\ndata:\r\n  version: 'v1' # shown\r\n  team: x"
INFO_AFTER = INFO_BEFORE.replace(b"v1", b"v2")
FOLLOWED = alter(change(), info=InfoChange(INFO, (("version", "v1", "v2"),)))
FOLLOWING = and_also(FileChange(INFO, INFO_BEFORE, INFO_AFTER))(commit(written(FOLLOWED)))


def test_values_that_follow_a_pin_are_the_bots_own_and_are_carried_along() -> None:
    assert owner_of(branch(FOLLOWING)) == Ours((FOLLOWED.pin_change,))


@rows("following", {
    "a changed comment": (INFO, INFO_BEFORE, INFO_AFTER.replace(b"# shown", b"# SHOWN")),
    "another value than said": (INFO, INFO_BEFORE, INFO_AFTER.replace(b"v2", b"v3")),
    "no YAML any more": (INFO, INFO_BEFORE, b"{"),
    "of no ConfigMap": (INFO, INFO_BEFORE.replace(b"ConfigMap", b"Secret"), INFO_AFTER),
    "new": (INFO, None, INFO_AFTER),
    "deleted": (INFO, INFO_BEFORE, None),
    "of another file": ("other.yaml", INFO_BEFORE, INFO_AFTER),
})  # fmt: skip
def test_any_other_edit_of_the_file_that_follows_is_a_persons(following: tuple[str, bytes, bytes]) -> None:
    only_pins = alter(FOLLOWING, changes=FOLLOWING.changes[:-1])
    for tampered in (only_pins, and_also(FileChange(*following))(only_pins)):
        assert isinstance(owner_of(branch(tampered)), Theirs)


def test_values_that_no_trailer_tells_are_a_persons() -> None:
    unsaid = and_also(FileChange(INFO, INFO_BEFORE, INFO_AFTER))(commit(written(change())))
    assert isinstance(owner_of(branch(unsaid)), Theirs)
    as_pins = alter(change(), info=InfoChange(WEB, (("version", "v1", "v2"),)))
    assert isinstance(owner_of(branch(commit(written(as_pins)))), Theirs)


def test_the_first_commit_that_is_not_ours_is_named() -> None:
    theirs = alter(GOOD, id=NEWER, message="fix: by hand", author="Ada <ada@example.test>")
    last = alter(theirs, id="9" * 40)
    found = owner_of(branch(GOOD, theirs, last))
    assert found == Theirs(NEWER, "Ada <ada@example.test>", "it has no valid gitops-bot trailers", said(*TWO))


def test_what_ours_did_before_a_persons_commit_is_remembered() -> None:
    """A branch that is handed back goes on with these pins: the person's commit goes, what `set` asked for stays."""
    second = written(change(after=Pin("v3", A), before=Pin("v2", B)), files=FILES | written(change()).files)
    ours, later = commit(written(change())), commit(second, FILES | written(change()).files, name="8" * 40)
    theirs = alter(GOOD, id=NEWER, message="fix: by hand")

    def carried(*commits: UnmergedCommit) -> tuple[PinChange, ...]:
        found = owner_of(branch(*commits))
        assert isinstance(found, Theirs)
        return found.carried

    assert owner_of(branch(ours, later)) == Ours(said(change(after=Pin("v3", A))))
    assert carried(theirs) == ()
    assert carried(theirs, ours) == ()
    assert carried(ours, theirs, later) == said(change())
    assert carried(ours, later, theirs) == said(change(after=Pin("v3", A)))
    assert carried(ours, in_web(lambda data: data + b" ")(alter(GOOD, id=NEWER))) == said(change())


@settings(deadline=None)
@given(at=st.integers(0, 400), drop=st.integers(0, 3), put=st.binary(max_size=3))
def test_no_mutation_of_a_byte_goes_unseen(at: int, drop: int, put: bytes) -> None:
    good = next(each.after for each in GOOD.changes if each.path == WEB)
    assert good is not None
    at = min(at, len(good))
    mutated = good[:at] + put + good[at + drop :]
    found = owner_of(branch(in_web(lambda _: mutated)(GOOD)))
    assert isinstance(found, Ours) == (mutated == good)


@settings(deadline=None)
@given(st.integers(min_value=0), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_mutation_of_what_the_trailers_say_changes_what_is_ours(at: int, char: str) -> None:
    block = GOOD.message.index("Gitops-Bot-Plan")
    at = block + at % (len(GOOD.message) - block)
    mutated = GOOD.message[:at] + char + GOOD.message[at + 1 :]
    match owner_of(branch(alter(GOOD, message=mutated))):
        case Ours(carried=carried):
            # Blanks and the source of a pin may be said otherwise; which pins became which others may not.
            assert [(each.key, each.before, each.after, each.new_name) for each in carried] == [
                (each.key, each.before, each.after, each.new_name) for each in said(*TWO)
            ]
        case Theirs(commit=first):
            assert first == GOOD.id
