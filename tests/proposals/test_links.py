from __future__ import annotations

import pytest

from gitops_bot.proposals.text import markdown
from tests.tables import rows

OLD, NEW = "a" * 40, "b" * 40


def pages(source: str, tag: str) -> tuple[str, str, str]:
    there = markdown.source_repository(source)
    assert there is not None
    return there.compare(OLD, NEW), there.commit(NEW), there.release(tag)


def test_github_and_gitea_have_the_same_pages() -> None:
    for host in ("https://github.com", "https://codeberg.org", "http://git.acme.example:3000"):
        home = f"{host}/acme/web"
        assert pages(home, "v1.4.2") == (
            f"{home}/compare/{OLD}...{NEW}",
            f"{home}/commit/{NEW}",
            f"{home}/releases/tag/v1.4.2",
        )
        assert pages(home, "1.4.2")[2] == f"{home}/releases?q=1.4.2"


def test_gitlab_has_groups_within_groups_and_pages_of_its_own() -> None:
    home = "https://gitlab.acme.example/platform/team/web"
    assert pages(home, "v1.4.2") == (
        f"{home}/-/compare/{OLD}...{NEW}",
        f"{home}/-/commit/{NEW}",
        f"{home}/-/releases/v1.4.2",
    )
    assert pages(home, "1.4.2")[2] == f"{home}/-/releases"


@rows("source name", {
    "as it should be": ("https://github.com/acme/web", "github.com/acme/web"),
    "as it is cloned": ("https://github.com/acme/web.git", "github.com/acme/web"),
    "capital letters": ("HTTPS://GitHub.com/Acme/Web", "github.com/Acme/Web"),
    "a directory": ("https://github.com/acme/mono/tree/main/web", "github.com/acme/mono"),
    "groups within groups": ("https://gitlab.com/a/b/c/d", "gitlab.com/a/b/c/d"),
})  # fmt: skip
def test_a_repository_is_known_by_its_address(source: str, name: str) -> None:
    there = markdown.source_repository(source)
    assert there is not None
    assert (there.name, there.home) == (name, f"https://{name}")


@pytest.mark.parametrize(
    "source",
    [
        None,
        "git@github.com:acme/web.git",
        "ssh://git@github.com/acme/web",
        "https://github.com/acme",
        "https://github.com/acme/web/wiki",
        "https://user:secret@github.com/acme/web",
        "https://github.com/acme/web?x=1",
        "https://github.com/acme/web\n",
        "https://github.com/acme/../web",
        "https://github.com//web",
        "https://github.com/acme/web)",
        "https://github.com/acme/web-->",
        "https://github.com/acme/wéb",
        "https://127.0.0.1/acme/web",
        "https://[::1]/acme/web",
        "https://github.com:999999/acme/web",
        "https://bitbucket.org/acme/web",
        "https://github.com/acme/" + "x" * 101,
        "https://gitlab.com" + "/a" * 1_000,
    ],
)
def test_what_is_no_repository_of_a_forge_is_no_link(source: str | None) -> None:
    assert markdown.source_repository(source) is None


@rows("text expected", {
    "a short one": ("0123abc", "0123abc"),
    "too short": ("012345", None),
    "too long": ("a" * 65, None),
    "capital letters": ("A" * 40, None),
    "a line break": ("a" * 40 + "\n", None),
})  # fmt: skip
def test_a_revision_is_a_commit(text: str | None, expected: str | None) -> None:
    assert markdown.git_revision(text) == expected
