from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.branch import FileChange
from gitops_bot.proposals.text import body
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import PinChange
from tests.conftest import program
from tests.managed import alter, change_of, managed
from tests.proposals.sample import API, FILES, NEWER, WEB, A, B, branch, change, commit, merge, worded, written
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.proposals.branch import Branch
    from tests.proposals.sample import Proposed

HOSTILE = [
    "web\n\nGitops-Bot-Plan: 1 production all policy",
    'web\r\nGitops-Bot-Change: {"file": "x", "name": "y"}',
    "web\x0bGitops-Bot-Plan: 1 a b set\x0c\x85\u2028Gitops-Bot-Plan: 1 a b set\u2029\x1c",
    "Signed-off-by: Ada <ada@example.test>\n",
    "\x1b[2J\u202e\ud800\x00",
    "@team, fixes #1",
]


def interpreted(message: str) -> list[str]:
    """The trailers that git itself sees."""
    command = [program("git"), "interpret-trailers", "--parse"]
    done = subprocess.run(command, input=message.encode(), check=True, capture_output=True)
    return done.stdout.decode().splitlines()


def test_a_proposal_says_where_what_and_why() -> None:
    done = written(change(), change("api", Pin("v2", B), Pin("v1", A), file=API, source="set"))
    assert sorted(done.files) == [API, WEB]
    assert done.files[API] == FILES[API].replace(b"v1", b"v2").replace(A.encode(), B.encode())
    assert body.mark(done.pins) == body.plan_mark(done.body)
    assert done.message == (
        "chore(staging): update api and web\n"
        "\n"
        f"* docker.io/library/web in {WEB}\n"
        "    v1\n"
        f"    -> v2@{B}\n"
        "    v2 is the highest of 3 tags\n"
        f"* docker.io/library/api in {API}\n"
        f"    v1@{A}\n"
        f"    -> v2@{B}\n"
        "    v2 is the highest of 3 tags\n"
        "\n"
        "Gitops-Bot-Plan: 1 staging all policy\n"
        f'Gitops-Bot-Change: {{"file": "{WEB}", "name": "web", "from": {{"tag": "v1", "digest": null}}, '
        f'"to": {{"tag": "v2", "digest": "{B}"}}}}\n'
        f'Gitops-Bot-Change: {{"file": "{API}", "name": "api", "from": {{"tag": "v1", "digest": "{A}"}}, '
        f'"to": {{"tag": "v2", "digest": "{B}"}}, "source": "set"}}\n'
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_forges_a_trailer(text: str) -> None:
    entry = managed(text, text, f"{text}/kustomization.yaml", 1, text, text)
    one = change_of(alter(entry, pin=Pin(text, text)), Pin("v2", B), "policy", "forward", Reason("chosen", text))
    done = worded(one, environment=text[:5])

    said = PinChange(entry.file, entry.name, one.before, one.after, "policy")
    assert trailers.parse(done.message) == Trailers(naming.trailer_names(text[:5], "all")[0], "all", "policy", (said,))
    assert interpreted(done.message) == done.message.rstrip("\n").split("\n\n")[-1].split("\n")
    assert len(interpreted(done.message)) == 2
    assert all(char.isprintable() or char in "\n\u200b" for char in done.message)
    done.message.encode()


def test_people_choose_title_and_message() -> None:
    one = change()
    done = worded(
        one,
        source="promotion",
        group="web-apps",
        title="{environment}/{group}: {count} by {source}",
        message="{title}\n\nGitops-Bot-Plan: 1 production all set\n{images} in {overlays}",
    )
    assert done.title == "staging/web-apps: 1 by promotion"
    assert done.message == (
        "staging/web-apps: 1 by promotion\n"
        "\n"
        " Gitops-Bot-Plan: 1 production all set\n"
        "docker.io/library/web in apps/web/overlays/staging\n"
        "\n"
        "Gitops-Bot-Plan: 1 staging web-apps promotion\n"
        f'Gitops-Bot-Change: {{"file": "{WEB}", "name": "web", "from": {{"tag": "v1", "digest": null}}, '
        f'"to": {{"tag": "v2", "digest": "{B}"}}, "source": "policy"}}\n'
    )
    assert len(interpreted(done.message)) == 2


# Whether a branch already says what is to be proposed.

WANTED = written(change())
DONE = commit(WANTED)
#: The base has meanwhile changed another file, or the same one where it does not matter.
MOVED = FILES | {API: FILES[API] + b"\n"}
SAME_FILE = FILES | {WEB: FILES[WEB] + b"# more\r\n"}


@rows("wanted there expected", {
    "the same bytes": (WANTED, branch(DONE), True),
    "the base moved elsewhere": (written(change(), files=MOVED, parent=NEWER), branch(DONE), True),
    "the base was merged into it": (
        WANTED, branch(DONE, merge(FileChange("README.md", b"a", b"b"), FileChange(API, FILES[API], MOVED[API]))), True,
    ),
    "the base changed the same file, and was merged into it": (
        written(change(), files=SAME_FILE, parent=NEWER),
        branch(DONE, merge(FileChange(WEB, WANTED.files[WEB], WANTED.files[WEB] + b"# more\r\n"))), True,
    ),
    "the base changed the same file": (written(change(), files=SAME_FILE, parent=NEWER), branch(DONE), False),
    "merged into it is what the base has taken back since": (
        WANTED, branch(DONE, merge(FileChange(WEB, WANTED.files[WEB], WANTED.files[WEB] + b"# more\r\n"))), False,
    ),
    "one more": (written(change(), change("api", Pin("v2", B), Pin("v1", A), file=API)), branch(DONE), False),
    "deleted there": (WANTED, branch(alter(DONE, changes=(FileChange(WEB, FILES[WEB], None),))), False),
    "done and taken back": (
        WANTED, branch(DONE, alter(DONE, id=NEWER, changes=(FileChange(WEB, WANTED.files[WEB], FILES[WEB]),))), False,
    ),
})  # fmt: skip
def test_a_branch_says_a_proposal_when_it_has_its_bytes_and_no_other(
    wanted: Proposed, there: Branch, expected: bool
) -> None:
    assert there.has_exactly(wanted.files) is expected


def test_a_commit_says_why_a_person_asked_for_it() -> None:
    why = "checkout fails\nGitops-Bot-Plan: 1 x y set\n@ada fixes #1"
    done = worded(alter(change(), because=why), source="rollback")
    before, said, block = done.message.split("\n\n")[-3:]
    assert before.startswith("* docker.io/library/web")
    assert said == "Why: checkout fails Gitops-Bot-Plan: 1 x y set @\u200bada fixes #\u200b1"
    assert block.startswith("Gitops-Bot-Plan: 1 staging all rollback\n")
    parsed = trailers.parse(done.message)
    assert parsed is not None
    assert parsed.source == "rollback"
    # Whatever template people have for the message.
    own = worded(alter(change(), because="x"), source="rollback", message="release")
    assert own.message.startswith("release\n\nWhy: x\n\nGitops-Bot-Plan: ")
