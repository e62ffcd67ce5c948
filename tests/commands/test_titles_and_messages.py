"""What people read: titles and messages as they want them, and what the images say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.commands.conftest import API, WEB, pinned
from tests.commands.scene import configure, news

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
OLD, NEW = "1" * 40, "2" * 40


def test_title_and_message_are_written_as_the_templates_say_with_the_trailers_below(shop: Deploy) -> None:
    title = "{{x}} {environment}/{group}: {summary} ({count} of {source})"
    message = "{title}\\n\\n{images} in {overlays}\\n\\n{changes}"
    configure(shop, f'{{title: "{title}", message: "{message}"}}')
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    assert shop.bot("update").code == 0
    headline = "{x} production/all: update api and web (2 of policy)"
    assert shop.pull()["title"] == headline
    lines = shop.message(BRANCH).splitlines()
    assert lines[0] == headline
    assert lines[2] == f"{shop.image('api')}, {shop.image('web')} in apps/api/production, apps/web/production"
    assert sum(line.startswith("Gitops-Bot-Plan: ") for line in lines) == 1
    assert "Gitops-Bot-Plan: 1 production all policy" in lines
    # The commit is known as the bot's own by that: a newer tag refreshes it.
    shop.push("web", "1.2.0")
    assert shop.bot("update").code == 0
    assert news(shop, BRANCH) == {"web/web": "1.2.0", "api/api": "1.1.0"}


def test_reviewers_read_what_is_in_the_image_and_how_to_go_back(shop: Deploy) -> None:
    # Links lead to servers that are reached safely; commits are asked of the bot's own server.
    ours = f"{shop.world.forge.url}/{shop.name}"
    sources = {"web": "https://github.com/acme/web", "api": ours}
    digests: dict[str, list[str]] = {}
    files = shop.files("main")
    for name, path in (("web", WEB), ("api", API)):
        for tag, revision, created, platforms, layer in (
            ("1.0.9", OLD, "2026-01-02T03:04:05Z", ["linux/amd64", "linux/arm64"], 4000),
            ("1.1.0", NEW, "2026-02-03T04:05:06Z", ["linux/amd64"], 9000),
        ):
            said = {"source": sources[name], "revision": revision}
            pushed = shop.world.registry.push_image(
                f"{shop.name}/{name}",
                tag,
                platforms=platforms,
                labels={f"org.opencontainers.image.{key}": text for key, text in said.items()},
                created=created,
                layers=[layer],
            )
            digests.setdefault(name, []).append(pushed)
        there = next(line.split()[1] for line in files[path].decode().splitlines() if "digest: " in line)
        files[path] = pinned(files[path], ("newTag: 1.0.0", "newTag: 1.0.9"), (there, digests[name][0]))
    shop.remote.commit("main", {path: files[path] for path in (WEB, API)})
    subjects = ["fix: a `tick` | and <b>@all</b>", "feat: more\n\nat length"]

    def compared(request: Request, go: Callable[[], Answer]) -> Answer:
        if f"/compare/{OLD}...{NEW}" not in request.path:
            return go()
        commits = [{"commit": {"message": subject}} for subject in subjects]
        return Answer.json(200, {"total_commits": len(commits), "commits": commits})

    shop.gate(compared)
    # A tag of an image that lost a platform would be held; who names the digest gets it, and reviewers are warned.
    done = shop.bot("set", "production", *(f"{shop.image(name)}=1.1.0@{digests[name][1]}" for name in sources))
    assert (done.code, done.err) == (0, "")
    body = shop.pull()["body"]
    for words in (
        "built 2026-02-03 04:05 UTC, previously 2026-01-02 03:04 UTC",
        f" | [`1.0.9` → `1.1.0`](https://github.com/acme/web/compare/{OLD}...{NEW}) | ",
        " | `1.0.9` → `1.1.0` | ",
        "https://github.com/acme/web/releases?q=1.1.0",
        "platforms: `linux/amd64`; **no longer `linux/arm64`**",
        "> [!WARNING]",
        "- size: 1 layer, ",
        "kB to pull for `linux/amd64`, previously 1 layer, ",
        f"docker pull {shop.image('web')}@{digests['web'][1]}",
        f"gitops-bot rollback production --image {shop.image('api')} --image {shop.image('web')}",
        "- fix: a `tick` \\| and \\<b\\>@\u200ball",
        "feat: more",
    ):
        assert words in body
    for words in ("at length", "<b>", "@all", f"]({ours}", "\\`"):
        assert words not in body
    assert len(body) <= 65_536

    # What can no longer be told of an image takes nothing from its proposal.
    shop.world.registry.delete(f"{shop.name}/web", digests["web"][0])
    shop.push("web", "1.2.0")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    assert news(shop, BRANCH) == {"web/web": "1.2.0", "api/api": "1.1.0"}
