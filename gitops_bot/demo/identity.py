"""Users and repositories in the JSON format of GitHub's REST API; most fields are URLs."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.demo.hub import IDS

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Hub

Json = dict[str, Any]

#: `{name}_url` -> what follows the repository's URL.
_REPOSITORY_URLS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}
_USER_URLS = {
    "events": "/events{/privacy}",
    "followers": "/followers",
    "following": "/following{/other_user}",
    "gists": "/gists{/gist_id}",
    "organizations": "/orgs",
    "received_events": "/received_events",
    "repos": "/repos",
    "starred": "/starred{/owner}{/repo}",
    "subscriptions": "/subscriptions",
}
#: Fields that are the same for every repository of the demo.
_CONSTANT: Json = {
    "description": None,
    "disabled": False,
    "fork": False,
    "forks": 0,
    "forks_count": 0,
    "has_discussions": False,
    "has_downloads": False,
    "has_issues": True,
    "has_pages": False,
    "has_projects": False,
    "has_wiki": False,
    "homepage": None,
    "language": None,
    "license": None,
    "mirror_url": None,
    "size": 0,
    "stargazers_count": 0,
    "watchers": 0,
    "watchers_count": 0,
}


def node(kind: str, key: int | str) -> str:
    """The GraphQL node ID of an object."""
    return f"{kind[0]}_{base64.urlsafe_b64encode(f'{kind}:{key}'.encode()).decode().rstrip('=')}"


def repository_of(key: str) -> int | None:
    """The ID of the repository of the pull request with this node ID."""
    try:
        kind, _, number = base64.urlsafe_b64decode(key[2:] + "=" * (-len(key[2:]) % 4)).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    known = kind == "PullRequest" and number.isdecimal() and len(number) < 20 and node(kind, number) == key
    return int(number) // IDS if known else None


def user(api: str, site: str, login: str) -> Json:
    """A person, an organisation or a bot."""
    number, bot = zlib.crc32(login.encode()), login.endswith("[bot]")
    here = f"{api}/users/{quote(login)}"
    return {
        "login": login,
        "id": number,
        "node_id": node("User", number),
        "avatar_url": f"{site}/avatars/{number}",
        "gravatar_id": "",
        "url": here,
        "html_url": f"{site}/{quote(login)}",
        "type": "Bot" if bot else "User",
        "site_admin": False,
        **{f"{name}_url": here + tail for name, tail in _USER_URLS.items()},
    }


def repository(api: str, site: str, hub: Hub, default_branch: str) -> Json:
    """A repository as part of other answers."""
    here, page = f"{api}/repos/{hub.full_name}", f"{site}/{hub.full_name}"
    count = sum(1 for pull in hub.pulls.values() if pull.state == "open")
    return {
        "id": hub.id,
        "node_id": node("Repository", hub.id),
        "name": hub.name,
        "full_name": hub.full_name,
        "owner": user(api, site, hub.owner),
        "private": hub.private,
        "visibility": "private" if hub.private else "public",
        "html_url": page,
        "url": here,
        "clone_url": f"{page}.git",
        "git_url": f"git:{site.removeprefix('http:')}/{hub.full_name}.git",
        "ssh_url": f"git@127.0.0.1:{hub.full_name}.git",
        "svn_url": page,
        "default_branch": default_branch,
        "open_issues": count,
        "open_issues_count": count,
        "created_at": hub.created_at,
        "updated_at": hub.created_at,
        "pushed_at": hub.created_at,
        "archived": hub.settings.archived,
        "allow_auto_merge": hub.settings.allow_auto_merge,
        "allow_merge_commit": hub.settings.allow_merge_commit,
        "allow_rebase_merge": hub.settings.allow_rebase_merge,
        "allow_squash_merge": hub.settings.allow_squash_merge,
        "delete_branch_on_merge": hub.settings.delete_branch_on_merge,
        **_CONSTANT,
        **{f"{name}_url": here + tail for name, tail in _REPOSITORY_URLS.items()},
    }
