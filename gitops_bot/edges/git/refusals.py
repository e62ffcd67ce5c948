"""What git, git http-backend, ssh and servers say when they refuse, and what the user can do about it. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.edges.environment import CHECK_PROXY
from gitops_bot.edges.facts import LOGIN_REFUSED, PROTECTED, TOO_LARGE, Refusal
from gitops_bot.edges.patience import PASSING_STATUSES
from gitops_bot.errors import RAISE_THE_LIMIT, GitError, LostRace, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTE_LIMIT = 600
NO_SPACE: Final = "no space left in TMPDIR, or in the folder of --cache"
#: One commit of 20,000 overlays takes 8 MiB, and their history several times that.
MAKE_SPACE: Final = "Free some, or set TMPDIR to a folder on another disk: a clone needs about 50 MiB."
_CONFLICT = "has another branch that conflicts with this name"


#: The first match counts, so specific patterns come first: a ruleset's refusal also ends in
#: "pre-receive hook declined", and a name that is taken also "cannot lock ref".
REFUSALS = (
    # By git itself; the remote's machine says it behind `remote: `.
    Refusal(
        r"(?<!remote: )(?:error|fatal): (?:cannot fork|(?:cannot|unable to) create (?:async )?(?:thread|process))",
        "cannot be reached: this machine cannot start more processes",
        RAISE_THE_LIMIT,
    ),
    Refusal(
        r"(?<!remote: )(?:error|fatal): .{0,300}: (?:No space left on device|Disk quota exceeded|couldn't write ')",
        f"cannot be copied: {NO_SPACE}",
        MAKE_SPACE,
    ),
    Refusal(
        r"(?:repository|project|repo)\b[^\n]{0,60} (?:was|is|has been) archived|archived so (?:it )?is read.only"
        r"|archived (?:repository|project)\b",
        "is archived: nobody can write to it",
        "Unarchive it in its settings, or stop running the bot for it.",
    ),
    Refusal(
        r"protected branch hook declined|protected branch update failed"
        r"|not allowed to (?:force )?push (?:code )?to (?:a )?protected branch",
        *PROTECTED,
    ),
    Refusal(
        r"commit[ _-]?(?:message|subject|title)s?\b[^\n]{0,200}"
        r"\b(?:must|should|need|require|match|follow|contain|pattern)"
        r"|\b(?:jira|issue|ticket)s? (?:key|id|number|reference)s?\b",
        "refused the push: a hook asks for another commit message",
        'Write what it asks for into `title` of `propose`, as in `title: "OPS-123 {summary}"`; where `message` is set, '
        "there.",
    ),
    Refusal(r"object is too large|exceeds the maximum (?:allowed|size)", *TOO_LARGE),
    Refusal(
        r"refusing to update checked out branch|branch is currently checked out",
        "has this branch checked out in a work tree: the push was refused",
        "Push to a bare repository, or use `propose: {as: pull-request}`.",
    ),
    Refusal(
        r"(?:exists; cannot create|refname conflict|cannot process '[^'\n]*' and)",
        _CONFLICT,
        "A branch a cannot exist beside a branch a/b: rename or delete the other one.",
    ),
    Refusal(
        r"stale info|fetch first|non-fast-forward|remote ref updated since checkout|needs force"
        r"|reference already exists|incorrect old value provided|is at [0-9a-f]{7,64} but expected"
        r"|unable to resolve reference|remote ref does not exist|deleting a non-existent ref"
        r"|(?:cannot|unable to|failed to) lock ref|\.lock': File exists",
        "moved on before the push",
        "Somebody else pushed first: run again.",
        lost_race=True,
    ),
    Refusal(
        r"write access to repository not granted|permission to .{1,200} denied|marked as read.only"
        r"|read-only file system|returned error: 403|HTTP 403|not allowed to (?:push|upload)|not authorized to push"
        r"|DENIED by ",
        "refused: no permission",
        "Give the token `contents: write` on this repository (`contents: read` is enough for plan).",
    ),
    Refusal(
        LOGIN_REFUSED,
        "refused the login, or requires one",
        "Give git a login for this repository: a token, or a key for ssh.",
    ),
    Refusal(
        r"ssh: (?:command )?not found|cannot run ssh",
        "needs ssh, which is not installed",
        "Install an ssh client, or use the https URL with a token.",
    ),
    Refusal(
        r"host key verification failed",
        "has a host key that ssh does not know",
        "Add the host to known_hosts, for example with `ssh-keyscan`, after checking its fingerprint.",
    ),
    Refusal(
        r"repository not found|repository '[^'\n]*' not found|does not appear to be a git repository"
        r"|returned error: 404|HTTP 404|project you were looking for could not be found",
        "does not exist, or this login cannot see it",
        "Check the spelling or the path; a private repository needs a token with `contents: read` on it.",
    ),
    Refusal(
        r"remote: (?:warning: lazy fetching disabled|fatal: could not fetch [0-9a-f]{40,64} from promisor)",
        "is a partial clone, which lacks files",
        "Read the repository that it was cloned from: give its address with --repository.",
    ),
    Refusal(
        r"dubious ownership",
        "belongs to another user",
        "Run as its owner, or pass --repository to confirm that you trust it.",
    ),
    Refusal(
        r"returned error: 30\d|HTTP 30\d|unable to update url base from redirection",
        "answered with a redirect, which is not followed with credentials",
        "Use the repository's current URL (after a rename, or with `.git` if the server requires it).",
    ),
    Refusal(r"transport '[^'\n]*' not allowed", "uses a protocol that is not allowed", "Use https, ssh, or a path."),
    Refusal(
        r"pre-receive hook declined|hook declined",
        "refused the push: a hook declined it",
        "Read its message; `propose: {as: pull-request}` may be allowed where a direct commit is not.",
    ),
    Refusal(
        r"dumb http transport|not valid: is this a git repository|does not support shallow",
        "does not speak git's smart protocol",
        "Is this the URL of the repository rather than of a web page?",
    ),
    Refusal(
        r"SSL certificate|certificate verif|self.signed certificate|server certificate|SSL_ERROR_(?!SYSCALL)"
        r"|TLS connect error",
        "has a TLS certificate that cannot be verified",
        "For a private CA, set GIT_SSL_CAINFO to its certificate file.",
    ),
)
#: Connection failures. They are not in `REFUSALS`: the remote may have finished the push before the connection broke.
_OUT_OF_REACH = re.compile(
    r"could not resolve|failed to connect|couldn't connect|connection (?:refused|reset|timed out|closed)|timed out"
    r"|operation too slow|returned error: 5\d\d|HTTP 5\d\d|RPC failed|remote end hung up|early EOF|empty reply"
    r"|network is unreachable|no route to host|unexpected disconnect|unable to access|could not read from remote"
    # An answer that is cut off, but ends as a whole one does.
    r"|fatal: expected |still expected|length header were received|protocol error|error processing shallow info",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?:returned error:|HTTP) (\d{3})\b")
_WAIT = re.compile(rb"<= Recv header: retry-after: *([^\r\n]{1,100})", re.IGNORECASE)
_MISMATCHED_FORMAT = re.compile(
    r"mismatched algorithms: client \w+; server (sha1|sha256)|support this repository's object"
)


def refusal(output: str, remote: str, own: Sequence[Refusal] = ()) -> GitError | None:
    """The error for a known refusal in the output of git; else None.

    `own`: what only the server of a forge says, in its order; it comes first. `remote` names the repository and the
    branch; `output` must be printable already.
    """
    for known in (*own, *REFUSALS):
        if re.search(known.pattern, output, re.IGNORECASE):
            kind = LostRace if known.lost_race else GitError
            message = known.means if known.whole else f"{remote} {known.means}{quote(output)}"
            return kind(Problem("failed.git", message, known.advice))
    return None


def tag_refusal(failure: GitError) -> GitError:
    """The same for new tags: what refuses them is a rule for tags, or another tag, and no branch."""
    problem = failure.problem
    if _CONFLICT in problem.message:
        message = problem.message.replace(_CONFLICT, "has another tag that conflicts with this name")
        advice = "A tag a cannot exist beside a tag a/b: delete the one that git names, or remove `release_tags`."
        return GitError(replace(problem, message=message, next=advice))
    if "propose: {as: pull-request}" not in problem.next:
        return failure
    advice = "Let the bot create tags `release/**` in the rules of the repository, or remove `release_tags`."
    message = problem.message.replace(PROTECTED[0], "protects its tags")
    return GitError(replace(problem, message=message, next=advice))


def out_of_reach(output: str, remote: str, through: str = "") -> GitError | None:
    """The error for a connection that failed or broke, according to the output of git; else None.

    `through` names the proxy that is in between.
    """
    if not _OUT_OF_REACH.search(output):
        return None
    means = f"cannot be reached {through}".rstrip()
    advice = CHECK_PROXY if through else "Check the network and try again."
    if "returned error: 429" in output or "HTTP 429" in output:
        means, advice = "limits the number of requests", "Run again later."
    return GitError(Problem("failed.git", f"{remote} {means}{quote(output)}", advice))


def may_pass(output: str) -> bool:
    """Whether a failure that is no refusal may be gone the next time: of the connection, or of the server."""
    status = _STATUS.search(output)
    return int(status[1]) in PASSING_STATUSES if status is not None else _OUT_OF_REACH.search(output) is not None


def requested_wait(trace: bytes) -> str | None:
    """The `Retry-After` of the last answer in a trace of git's HTTP."""
    match = _WAIT.search(trace.rpartition(b"<= Recv header: HTTP/")[2])
    return match[1].decode("ascii", "replace") if match else None


def wanted_format(output: str) -> str | None:
    """The object format of the remote if a fetch failed because the copy has another one; else None."""
    match = _MISMATCHED_FORMAT.search(output)
    # Protocol version 0 does not name it; a copy starts as sha1, so it is the other one.
    return (match[1] or "sha256") if match else None


def quote(output: str) -> str:
    """What git printed, on one line without noise, for the end of a message."""
    lines = [line.strip() for line in output.splitlines()]
    text = " · ".join(line for line in lines if line and not _IS_NOISE.match(line))
    return f": {text[:_QUOTE_LIMIT]}" if text else ""


_IS_NOISE = re.compile(
    r"To (?:https?|ssh|file)://|Done$|hint:|error: failed to push some refs"
    r"|Please make sure you have the correct access|and the repository exists"
    r"|fatal: could not read (?:Username|Password)"  # the question that it would ask on a terminal
    r"|remote:\s*$|remote: (?:Resolving|Compressing|Counting|Enumerating)"
)
