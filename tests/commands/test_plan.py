from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import WEB

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy


def test_plan_shows_a_table_and_a_diff_of_the_pins_and_writes_nothing(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.bot("plan")
    assert seen.nothing
    assert (done.code, done.err) == (0, "")
    assert f"{shop.name} main at {shop.branches['main'][:10]}" in done.out
    row = next(line for line in done.out.splitlines() if shop.image("web") in line and "1.1.0@" in line)
    assert f"1.1.0@{digest[:19]}" in row
    assert f"  {WEB}:7  " in row
    removed = [line for line in done.out.splitlines() if line.startswith("-") and not line.startswith("---")]
    added = [line for line in done.out.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert [line.split()[1] for line in removed] == ["newTag:", "digest:"]
    assert added == ["+    newTag: 1.1.0", f"+    digest: {digest}"]
    assert "would open a pull request gitops-bot/production/all" in done.out
    assert done.out.splitlines()[-1] == "1 change in 1 pull request"
    assert shop.bot("update").out.splitlines()[-1] == "written: 1 change in 1 pull request"
    assert shop.bot("update").out.splitlines()[-1] == "written: no changes, 1 proposed already"


def test_exit_code_four_says_that_something_would_be_written_and_one_beats_it(shop: Deploy) -> None:
    assert shop.bot("plan", "--exit-code").code == 0
    shop.push("web", "1.1.0")
    assert shop.ask("plan", "--exit-code").code == 4

    # Without the option it is 0; with a failure it is 1, and the rest of the plan is there all the same.
    shop.remote.commit("main", {"apps/api/production/kustomization.yaml": b"images: [{name: a, newTag: [}]\n"})
    done = shop.ask("plan", "--exit-code")
    assert done.code == 1
    assert not done.json["complete"]
    (environment,) = done.json["environments"]
    assert environment["proposals"][0]["action"] == "open"
    (failed,) = environment["failed"]
    assert (failed["entry"], failed["problem"]["file"]) == (None, "apps/api/production/kustomization.yaml")
    assert failed["problem"]["line"] == 1
