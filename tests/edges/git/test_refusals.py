"""The words of git, http-backend, ssh and GitHub, as they were seen."""

from __future__ import annotations

import pytest

from gitops_bot.edges.git.refusals import lacks_ref, may_pass, out_of_reach, quote, refusal, wanted_format
from gitops_bot.edges.github.server import Server
from gitops_bot.errors import LostRace

WHERE = "https://github.com/acme/deploy (branch main)"
REJECTED = "!\tabc:refs/heads/main\t"

LOST = {
    "the lease": f"{REJECTED}[rejected] (stale info)",
    "behind": f"{REJECTED}[rejected] (fetch first)",
    "not forward": f"{REJECTED}[rejected] (non-fast-forward)",
    "moved during the push": f"{REJECTED}[remote rejected] (cannot lock ref 'refs/heads/main': is at "
    "1111111111111111111111111111111111111111 but expected 2222222222222222222222222222222222222222)",
    "made during the push": f"{REJECTED}[remote rejected] (reference already exists)",
    "deleted during the push": f"{REJECTED}[remote rejected] (cannot lock ref 'refs/heads/x': unable to resolve "
    "reference 'refs/heads/x')",
    "held by another push": "remote: error: cannot lock ref 'refs/heads/main': Unable to create "
    f"'/srv/r.git/./refs/heads/main.lock': File exists.\n{REJECTED}[remote rejected] (failed to update ref)",
    "newer words of git": f"{REJECTED}[remote rejected] (incorrect old value provided)",
}
REFUSED = {
    "this machine's limit of processes": (
        "error: cannot fork() for remote-http: Resource temporarily unavailable",
        "cannot be reached: this machine cannot start more processes",
    ),
    "this machine's limit of threads": (
        "fatal: unable to create thread: Resource temporarily unavailable\nfatal: invalid index-pack output",
        "this machine cannot start more processes",
    ),
    "a partial clone": (
        (
            "remote: warning: lazy fetching disabled; some objects may not be available\n"
            "remote: fatal: could not fetch 920d4f0f0284503eae72f9ea1e9948ecbead44c7 from promisor remote\n"
            "fatal: protocol error: bad pack header"
        ),
        "is a partial clone, which lacks files",
    ),
    "GH006": (
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: error: At least 1 "
            "approving review is required by reviewers with write access.\n"
            f"{REJECTED}[remote rejected] (protected branch hook declined)"
        ),
        "protects this branch",
    ),
    "pull request required": (
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: \nremote: - Changes "
            f"must be made through a pull request.\n{REJECTED}[remote rejected] (protected branch hook declined)"
        ),
        "only through pull requests",
    ),
    "merge queue required": (
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: error: Changes must be "
            "made through the merge queue Changes must be made through a pull request.\n"
            f"{REJECTED}[remote rejected] (protected branch hook declined)"
        ),
        "only through its merge queue",
    ),
    "merge queue required by a ruleset": (
        (
            "remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: \nremote: - Changes "
            "must be made through a merge queue\n"
            f"{REJECTED}[remote rejected] (push declined due to repository rule violations)"
        ),
        "only through its merge queue",
    ),
    "queued": (
        (
            "remote: error: GH006: Protected branch update failed for refs/heads/main.\nremote: error: A pull request "
            "for this branch has been added to a merge queue. Branches that\nremote: are queued for merging cannot be "
            "updated. To modify this branch, dequeue the\nremote: associated pull request.\n"
            f"{REJECTED}[remote rejected] (protected branch hook declined)"
        ),
        "in its merge queue",
    ),
    "signatures": (
        (
            "remote: error: GH013: Repository rule violations found for refs/heads/main.\nremote: Review all "
            "repository rules at https://github.com/acme/deploy/rules\nremote: \nremote: - Commits must "
            "have verified signatures.\nremote:   Found 1 violation:\nremote: \nremote:   "
            "027faa7121ee9df79db623e1a2848d2cc88a8dba\n"
            f"{REJECTED}[remote rejected] (push declined due to repository rule violations)"
        ),
        "requires signed commits",
    ),
    "archived": (
        (
            "remote: This repository was archived so it is read-only.\nfatal: unable to access "
            "'https://github.com/acme/deploy/': The requested URL returned error: 403"
        ),
        "is archived",
    ),
    "archived, by ssh": (
        "ERROR: This repository was archived so it is read-only.\nfatal: Could not read from remote repository.",
        "is archived",
    ),
    "protected at GitLab": (
        (
            "remote: GitLab: You are not allowed to push code to protected branches on this project.\n"
            f"{REJECTED}[remote rejected] (pre-receive hook declined)"
        ),
        "protects this branch",
    ),
    "GH013": (
        (
            "remote: error: GH013: Repository rule violations found for refs/heads/main.\n"
            f"{REJECTED}[remote rejected] (push declined due to repository rule violations)"
        ),
        "protects this branch",
    ),
    "hook": (f"{REJECTED}[remote rejected] (pre-receive hook declined)", "a hook declined it"),
    "workflow": (
        (
            f"{REJECTED}[remote rejected] (refusing to allow a GitHub App to create or update workflow "
            "`.github/workflows/x.yml` without `workflows` permission)"
        ),
        "workflow files",
    ),
    "gitolite": (
        (
            "FATAL: W any deploy bot DENIED by fallthru\n(or you mis-spelled the reponame)\n"
            "fatal: Could not read from remote repository."
        ),
        "no permission",
    ),
    "token without write": (
        (
            "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/acme/deploy/'"
            ": The requested URL returned error: 403"
        ),
        "no permission",
    ),
    "another account": (
        (
            "remote: Permission to acme/deploy.git denied to github-actions[bot].\nfatal: unable to access "
            "'https://github.com/acme/deploy/': The requested URL returned error: 403"
        ),
        "no permission",
    ),
    "deploy key": ("ERROR: The key you are authenticating with has been marked as read only.", "no permission"),
    "no login": (
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "refused the login",
    ),
    "wrong token": (
        (
            "remote: Invalid username or token. Password authentication is not supported for Git operations.\n"
            "fatal: Authentication failed for 'https://github.com/acme/deploy/'"
        ),
        "refused the login",
    ),
    "no key": (
        (
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease "
            "make sure you have the correct access rights\nand the repository exists."
        ),
        "refused the login",
    ),
    "unknown host key": (
        "Host key verification failed.\nfatal: Could not read from remote repository.",
        "host key",
    ),
    "not found": (
        "remote: Repository not found.\nfatal: repository 'https://github.com/acme/deploy/' not found",
        "does not exist",
    ),
    "not found by ssh": (
        "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
        "does not exist",
    ),
    "a name in the way": (
        (
            f"{REJECTED}[remote rejected] (cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create "
            "'refs/heads/a/b')"
        ),
        "conflicts with",
    ),
    "web page": (
        "fatal: https://example.test/x/info/refs not valid: is this a git repository?",
        "smart protocol",
    ),
    "private authority": (
        (
            "fatal: unable to access 'https://git.acme.test/x/': SSL certificate problem: unable to get local issuer "
            "certificate"
        ),
        "TLS",
    ),
    "no ssh": ("sh: 1: ssh: not found\nfatal: Could not read from remote repository.", "is not installed"),
    "redirect": (
        "fatal: unable to access 'https://github.com/old/name/': The requested URL returned error: 301",
        "redirect",
    ),
}
UNREACHABLE = {
    "no such host": "fatal: unable to access 'https://nosuch.test/': Could not resolve host: nosuch.test",
    "no such host by ssh": "ssh: Could not resolve hostname nosuch: Name or service not known\nfatal: Could not read "
    "from remote repository.",
    "nobody listens": "fatal: unable to access 'https://h/': Failed to connect to h port 443: Couldn't connect",
    "bad gateway": "fatal: unable to access 'https://h/': The requested URL returned error: 502",
    "broken line": "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: the remote end hung up "
    "unexpectedly",
    "reset before the TLS handshake": "fatal: unable to access 'https://h/': OpenSSL SSL_connect: SSL_ERROR_SYSCALL in "
    "connection to h:443",
    "an answer that ends early": "fatal: expected flush after ref listing",
    "stalled": "error: RPC failed; curl 28 Operation too slow. Less than 1000 bytes/sec transferred the last 60 s",
}


@pytest.mark.parametrize("said", LOST.values(), ids=LOST)
def test_a_lost_race_is_to_be_planned_again(said: str) -> None:
    assert isinstance(refusal(said, WHERE, Server.REFUSALS), LostRace)


@pytest.mark.parametrize(("said", "means"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_what_it_means_and_the_way_out(said: str, means: str) -> None:
    failure = refusal(said, WHERE, Server.REFUSALS)

    assert failure is not None
    assert not isinstance(failure, LostRace)
    assert failure.problem.code == "failed.git"
    assert failure.problem.message.startswith(WHERE)
    assert means in failure.problem.message
    assert failure.problem.next


WAYS_OUT = {
    "archived": "Unarchive it",
    "queued": "from the queue",
    "merge queue required": "`auto_merge: true`",
    "pull request required": "`propose: {as: pull-request}`",
    "signatures": "Set `commits: api` or a key that the server knows, or let the bot bypass the rule. If the branch",
    "GH006": "If the branch starts with gitops-bot/",
    "token without write": "`contents: write`",
}


@pytest.mark.parametrize(("name", "way_out"), WAYS_OUT.items(), ids=WAYS_OUT)
def test_the_way_out_is_that_of_the_rule(name: str, way_out: str) -> None:
    failure = refusal(REFUSED[name][0], WHERE, Server.REFUSALS)

    assert failure is not None
    assert way_out in failure.problem.next


@pytest.mark.parametrize("said", UNREACHABLE.values(), ids=UNREACHABLE)
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
        "fatal: bad object 123",
        "error: object file is empty",
        "fatal: not a tree object",
    ],
)
def test_trouble_of_the_copy_is_neither(said: str) -> None:
    assert refusal(said, WHERE, Server.REFUSALS) is None
    assert out_of_reach(said, WHERE) is None
    assert not may_pass(said)


def test_a_limit_of_the_remotes_machine_is_not_taken_for_one_of_this() -> None:
    assert refusal("remote: error: cannot fork() for pack-objects: Resource temporarily unavailable", WHERE) is None


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
        ("fatal: couldn't find remote ref refs/heads/x", None),
    ],
)
def test_the_object_format_is_told(said: str, expected: str | None) -> None:
    assert wanted_format(said) == expected


def test_a_missing_branch_is_told() -> None:
    assert lacks_ref("fatal: couldn't find remote ref refs/heads/x")
    assert not lacks_ref("fatal: repository 'x' not found")
