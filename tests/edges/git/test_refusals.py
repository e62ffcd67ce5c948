"""The words of git, http-backend, ssh and GitHub, as they were seen."""

from __future__ import annotations

import pytest

from gitops_bot.edges.git.refusals import may_pass, out_of_reach, quote, refusal, wanted_format
from gitops_bot.edges.github.server import Server
from gitops_bot.errors import LostRace
from tests.tables import rows

WHERE = "https://github.com/acme/deploy (branch main)"
REMOTE_REJECTED = "!\tabc:refs/heads/main\t[remote rejected]"
UNREAD = "fatal: Could not read from remote repository."
GH006 = "remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: error: "
GH013 = "remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: \nremote: - "
BY_HOOK = f"\n{REMOTE_REJECTED} (protected branch hook declined)"
BY_RULE = f"\n{REMOTE_REJECTED} (push declined due to repository rule violations)"
BY_PRE_RECEIVE = f"\n{REMOTE_REJECTED} (pre-receive hook declined)"
FORBIDDEN = "The requested URL returned error: 403"
ACCESS = "fatal: unable to access 'https://h/': "


@rows("said", {
    "the lease": "!\tabc:refs/heads/main\t[rejected] (stale info)",
    "not forward": "!\tabc:refs/heads/main\t[rejected] (non-fast-forward)",
    "moved during the push": f"{REMOTE_REJECTED} (cannot lock ref 'refs/heads/main': is at {'1' * 40} but expected "
    f"{'2' * 40})",
    "made during the push": f"{REMOTE_REJECTED} (reference already exists)",
    "deleted during the push": f"{REMOTE_REJECTED} (cannot lock ref 'refs/heads/x': unable to resolve reference)",
    "held by another push": "remote: error: cannot lock ref 'refs/heads/main': Unable to create "
    f"'/srv/r.git/./refs/heads/main.lock': File exists.\n{REMOTE_REJECTED} (failed to update ref)",
    "newer words of git": f"{REMOTE_REJECTED} (incorrect old value provided)",
})  # fmt: skip
def test_a_lost_race_is_to_be_planned_again(said: str) -> None:
    assert isinstance(refusal(said, WHERE, Server.REFUSALS), LostRace)


@rows(
    "said means way_out",
    {
        "this machine's limit of processes": (
            "error: cannot fork() for remote-http: Resource temporarily unavailable",
            "cannot be reached: this machine cannot start more processes",
            "ulimit",
        ),
        "this machine's limit of threads": (
            "fatal: unable to create thread: Resource temporarily unavailable\nfatal: invalid index-pack output",
            "this machine cannot start more processes",
            "ulimit",
        ),
        "a full disk": (
            "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
            "no space left in TMPDIR", "another disk"),
        "a full disk while objects are written": (
            "error: file write error: No space left on device\nfatal: unable to write loose object file",
            "no space left in TMPDIR", "another disk"),
        "a full disk while branches are written": (
            "error: cannot update ref 'refs/remotes/x/main': couldn't write '/tmp/refs/remotes/x/main.lock'",
            "no space left in TMPDIR", "another disk"),
        "a partial clone": (
            "remote: fatal: could not fetch 920d4f0f0284503eae72f9ea1e9948ecbead44c7 from promisor remote\nfatal: ...",
            "is a partial clone, which lacks files",
            "--repository",
        ),
        "GH006": (f"{GH006}At least 1 approving review is required.{BY_HOOK}", "protects this branch",
            "If the branch starts with gitops-bot/"),
        "GH013": (f"{GH013}{BY_RULE}", "protects this branch", "bypass"),
        "GH001": ("error: GH001: Large files detected.", "because of its size", "size limit"),
        "pull request required": (f"{GH013}Changes must be made through a pull request.{BY_RULE}",
            "only through pull requests", "`propose: {as: pull-request}`"),
        "merge queue required": (
            f"{GH006}Changes must be made through the merge queue Changes must be made through a pull request.",
            "only through its merge queue",
            "`auto_merge: true`",
        ),
        "queued": (
            f"{GH006}Branches that\nremote: are queued for merging cannot be updated.{BY_HOOK}",
            "in its merge queue",
            "from the queue",
        ),
        "signatures": (
            f"{GH013}Commits must have verified signatures.{BY_RULE}",
            "requires signed commits",
            "Set `commits: api` or a key that the server knows, or let the bot bypass the rule. If the branch",
        ),
        "archived": (f"remote: This repository was archived so it is read-only.\n{ACCESS}{FORBIDDEN}",
            "is archived", "Unarchive it"),
        "protected at GitLab": (
            f"remote: GitLab: You are not allowed to push code to protected branches on this project.{BY_PRE_RECEIVE}",
            "protects this branch",
            "bypass",
        ),
        "archived elsewhere": ("remote: You can't push code to an archived project.", "is archived", "Unarchive it"),
        "a ticket": (f"remote: commit message must contain an issue key, e.g. ABC-123\n{BY_PRE_RECEIVE}",
            "a hook asks for another commit message", '`title: "OPS-123 {summary}"`'),
        "a push rule": (f"remote: Commit message does not follow the pattern '^[A-Z]+-'\n{BY_PRE_RECEIVE}",
            "a hook asks for another commit message", "where `message` is set"),
        "hook": (BY_PRE_RECEIVE, "a hook declined it", "Read its message"),
        "workflow": (
            f"{REMOTE_REJECTED} (refusing to allow a GitHub App to create or update workflow `.github/x.yml`)",
            "workflow files",
            "workflows: write",
        ),
        "gitolite": (f"FATAL: W any deploy bot DENIED by fallthru\n{UNREAD}", "no permission", "contents: write"),
        "another account": (
            f"remote: Permission to acme/deploy.git denied to x[bot].\n{ACCESS}{FORBIDDEN}",
            "no permission",
            "`contents: write`",
        ),
        "deploy key": ("ERROR: The key you are authenticating with has been marked as read only.", "no permission",
            "contents: write"),
        "no login": ("fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            "refused the login", "a token"),
        "no key": (f"git@github.com: Permission denied (publickey).\n{UNREAD}", "refused the login", "a key for ssh"),
        "unknown host key": (f"Host key verification failed.\n{UNREAD}", "host key", "known_hosts"),
        "not found": ("fatal: repository 'https://github.com/acme/deploy/' not found", "does not exist", "spelling"),
        "not found by ssh": (f"ERROR: Repository not found.\n{UNREAD}", "does not exist", "spelling"),
        "a name in the way": (
            f"{REMOTE_REJECTED} (cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create it)",
            "conflicts with",
            "rename or delete",
        ),
        "web page": ("fatal: https://example.test/x/info/refs not valid: is this a git repository?", "smart protocol",
            "web page"),
        "private authority": (f"{ACCESS}SSL certificate problem: unable to get local issuer certificate", "TLS",
            "GIT_SSL_CAINFO"),
        "no ssh": (f"sh: 1: ssh: not found\n{UNREAD}", "is not installed", "https URL"),
        "redirect": (f"{ACCESS}The requested URL returned error: 301", "redirect", "current URL"),
    },
)  # fmt: skip
def test_a_refusal_says_what_it_means_and_the_way_out(said: str, means: str, way_out: str) -> None:
    failure = refusal(said, WHERE, Server.REFUSALS)

    assert failure is not None
    assert not isinstance(failure, LostRace)
    assert failure.problem.code == "failed.git"
    assert failure.problem.message.startswith(WHERE)
    assert means in failure.problem.message
    assert way_out in failure.problem.next


@rows("said", {
    "no such host": f"{ACCESS}Could not resolve host: nosuch.test",
    "no such host by ssh": f"ssh: Could not resolve hostname nosuch: Name or service not known\n{UNREAD}",
    "nobody listens": f"{ACCESS}Failed to connect to h port 443: Couldn't connect",
    "bad gateway": f"{ACCESS}The requested URL returned error: 502",
    "broken line": "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: the remote end",
    "reset before the TLS handshake": f"{ACCESS}OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:443",
    "an answer that ends early": "fatal: expected flush after ref listing",
    "stalled": "error: RPC failed; curl 28 Operation too slow.",
})  # fmt: skip
def test_a_broken_connection_is_no_refusal(said: str) -> None:
    assert refusal(said, WHERE, Server.REFUSALS) is None
    failure = out_of_reach(said, WHERE)
    assert failure is not None
    assert "cannot be reached" in failure.problem.message
    assert may_pass(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "fatal: could not fetch 920d4f0f0284503eae72f9ea1e9948ecbead44c7 from promisor remote",
        "error: object file is empty",
        # Of the remote's machine, not of this one.
        "remote: error: cannot fork() for pack-objects: Resource temporarily unavailable",
    ],
)
def test_trouble_of_the_copy_or_of_the_remotes_machine_is_neither(said: str) -> None:
    assert refusal(said, WHERE, Server.REFUSALS) is None
    assert out_of_reach(said, WHERE) is None
    assert not may_pass(said)


def test_only_what_tells_something_is_quoted_and_not_without_end() -> None:
    said = "To https://h/x\nremote: \nremote: error: no\nerror: failed to push some refs to 'https://h/x'\nDone"

    assert quote(said) == ": remote: error: no"
    assert quote("") == ""
    assert len(quote("x" * 100_000)) < 1000


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("fatal: mismatched algorithms: client sha1; server sha256", "sha256"),
        ("fatal: mismatched algorithms: client sha256; server sha1", "sha1"),
        ("fatal: Server does not support this repository's object format", "sha256"),
        ("fatal: mismatched algorithms: client sha1; server md5", None),
    ],
)
def test_the_object_format_is_told(said: str, expected: str | None) -> None:
    assert wanted_format(said) == expected
