"""Each row of the comparison says of this project what a test or a page of the documentation shows."""

from __future__ import annotations

import re

import pytest

from tests.conftest import PROJECT
from tests.pages.markdown import anchors, sections

#: What shows it, by the row: `FILE::test` or `PAGE.md#heading`.
PROOFS = {
    "Runs": "docs/ci.md#gitlab",
    "State": "tests/commands/test_crashes.py",
    "Edits": "docs/targets.md#any-other-file",
    "`newTag` and `digest` side by side": "tests/commands/test_update.py"
    "::test_a_new_tag_becomes_a_pull_request_that_changes_only_the_pins",
    "Formatting": "tests/targets/test_proof.py::test_a_good_edit_is_proved",
    "Pull requests on": "docs/roadmap.md#later-if-people-need-it",
    "A newer version while a pull request is open": "tests/commands/test_groups.py"
    "::test_a_newer_tag_refreshes_its_own_group_on_the_same_branch_and_no_other",
    "Promotion between environments": "tests/commands/test_promote.py"
    "::test_the_pins_of_the_source_are_proposed_with_their_release_and_no_other_byte",
    "Soak time": "tests/commands/test_promote_from.py"
    "::test_a_pin_soaks_from_the_commit_that_brought_it_and_the_rest_goes_on",
    "Rollback": "tests/commands/test_step_back.py"
    "::test_the_pin_that_was_left_is_not_proposed_again_unless_a_person_says_so_and_a_newer_one_is",
    "Health checks before promoting": "tests/commands/test_gates.py"
    "::test_what_argo_cd_and_flux_write_opens_and_closes_the_gate",
    "Signed or verified commits": "tests/commands/test_signed_commits.py"
    "::test_a_commit_of_the_api_passes_the_rule_and_changes_nothing_but_the_pin",
    "Verifies image signatures": "docs/roadmap.md#next",
    "Webhooks": "docs/roadmap.md#later-if-people-need-it",
    "User interface": "tests/report/test_page.py::test_a_screen_reader_finds_its_way",
}
COMPARISON = sections((PROJECT / "docs" / "comparison.md").read_text(encoding="utf-8"))
#: What the page says of this project, by the row.
_CELLS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", COMPARISON["At a glance"], re.MULTILINE)
ROWS = {row: ours for row, ours in _CELLS if row.strip()}


def test_every_row_has_its_proof() -> None:
    assert ROWS.keys() == PROOFS.keys()


@pytest.mark.parametrize("row", PROOFS)
def test_what_shows_it_is_there(row: str) -> None:
    name, _, place = re.sub("::", "#", PROOFS[row]).partition("#")
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not place or (place in anchors(text) if name.endswith(".md") else f"\ndef {place}(" in text)


def test_what_is_lacking_is_no_yes_of_the_table() -> None:
    """What a gate reads is there; what only the cluster knows is not."""
    assert ROWS["Health checks before promoting"].startswith("[yes](gates.md)")
    assert ROWS["Verifies image signatures"] == ROWS["Webhooks"] == "no"
    lacking = COMPARISON["What gitops-bot lacks today"]
    assert all(words in lacking for words in ("Signature verification", "Webhooks", "(gates.md)"))
    assert "not for Argo CD's health" not in lacking
