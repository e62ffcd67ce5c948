"""The remote repository: the only commands that use the network, their login, and the meaning of their failures."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gitops_bot import redact
from gitops_bot.edges.environment import through_proxy
from gitops_bot.edges.facts import LOGIN_REFUSED
from gitops_bot.edges.git.cache import quoted, read_refs
from gitops_bot.edges.git.process import ANSWER_LIMIT, INSTALL, OLDEST, Git, GitOutput, TimedOut, error
from gitops_bot.edges.git.refusals import may_pass, out_of_reach, quote, refusal, requested_wait, wanted_format
from gitops_bot.edges.git.store import DamagedError, damage
from gitops_bot.edges.patience import ATTEMPTS, Passing, patiently, retry_after
from gitops_bot.errors import ForgeError, GitError, LostRace, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Refusal, Token

T = TypeVar("T")

#: All branches of the bot; they are fetched together with the base, so reading one costs nothing.
PREFIX = "gitops-bot/"
_BRANCH_LIMIT = 240
_NOT_IN_BRANCH = re.compile(r"[\x00-\x20\x7f\ud800-\udfff~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
#: For a missing branch.
BRANCH_ADVICE = "Correct `branch:` in gitops-bot.yaml; without it, the default branch is used."
#: Which blobs are fetched with commits; others are fetched by id. Of a hundred kustomizations 99 are smaller than 8k,
#: and most other files are larger.
NO_BLOBS, SMALL_BLOBS = "blob:none", "blob:limit=8k"
#: Bytes of a list of tags: a third of a million.
_TAGS_LIMIT = 32 * 1024 * 1024
#: Branches that a message lists.
_SHOWN = 5
#: A remote name that no user configuration uses.
_NAME = "gitops-bot"
_TRACKED = f"refs/remotes/{_NAME}/"
_OWN = f"+refs/heads/{PREFIX}*:{_TRACKED}{PREFIX}*"
#: The branch that HEAD names, in the trace of what the remote listed (protocol 2; 0 and 1): nothing else tells it while
#: a fetch is under way. Where git traces another way, the remote is asked once more.
_NAMED_HEAD = re.compile(
    rb"< [0-9a-f]{40,64} HEAD(?: symref-target|\\0[^\n]* symref=HEAD):refs/heads/([^\s\\]+)\s", re.IGNORECASE
)
#: In a list of refs, the commit of HEAD or of a branch of the bot.
_HEAD = re.compile(rf"^([0-9a-f]{{40,64}})\t(?:HEAD|refs/heads/({re.escape(PREFIX)}.+))$", re.MULTILINE)
_PARTIAL, _FILTER = (f"remote.{_NAME}.promisor", "true"), f"remote.{_NAME}.partialclonefilter"
_BLOBLESS = (_PARTIAL, (_FILTER, NO_BLOBS))
#: Commits, trees and small files: threads wait for one another longer than they save.
_ONE_THREAD = ("pack.threads", "1")
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
_PUSH = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--no-signed")
#: No branch of the remote contains the parent any more: without negotiation git tries to send everything, but the copy
#: lacks the blobs.
_UNKNOWN_PARENT = re.compile(r"unable to read [0-9a-f]{40}")
_NO_SINGLE_OBJECTS = re.compile(r"not allow request for unadvertised object|not our ref")


class OtherFormat(Exception):  # noqa: N818 - not a failure: the copy is made again in the remote's format
    """The remote uses another hash for its objects than the copy; the text is the name of that."""


class SingleObjectsError(DamagedError):
    """The remote filters, but does not serve objects by id: the copy must be made with all blobs."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An HTTP login. For a GitHub token the user is `x-access-token`.

    `token` gives the password, where it may be replaced while the login is used.
    """

    username: str
    password: str = field(default="", repr=False)
    token: Token | None = field(default=None, repr=False)

    def current(self, rejected: str | None = None) -> Credentials:
        """The login with the password that is valid now, another one than was `rejected` if there is one.

        Raises:
            GitError: the forge gives none.
        """
        if self.token is None:
            return self
        try:
            login = Credentials(self.username, self.token(rejected))
        except ForgeError as failure:  # for git it is one of git
            raise GitError(*failure.problems) from None
        redact.learn(*login.secrets(), passing=True)
        return login

    @property
    def encoded(self) -> str:
        """The login as it is sent."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be shown."""
        return (self.encoded, self.password) if self.password else ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository at a URL, and the copy (`git` runs in it) that receives what is fetched.

    What cannot be read there, or is refused, is a GitError.
    """

    url: str
    git: Git
    copy: Path
    clock: Clock
    credentials: Credentials | None = field(default=None, repr=False)
    #: What only its server says when git is refused.
    refusals: Sequence[Refusal] = ()
    #: Tries of a request.
    attempts: int = ATTEMPTS
    #: What else to do where it cannot be read.
    advice: str = ""

    @staticmethod
    def settings(url: str) -> str:
        """The configuration that names the remote. A git that does not read this file finds no remote."""
        return f'[remote "{_NAME}"]\n\turl = {quoted(url)}\n'

    def default_branch(self, *, tags: bool = False) -> tuple[str | None, dict[str, str], dict[str, str] | None]:
        """The branch that HEAD names; in the same conversation what `fetch` would return, and what `tags` returns.

        The branch is None, and the rest empty, where HEAD names none that exists.
        """
        patterns, limit = (("refs/tags/*",), _TAGS_LIMIT) if tags else ((), ANSWER_LIMIT)
        patterns = ("HEAD", f"refs/heads/{PREFIX}*", *patterns)
        out = self._run("ls-remote", "--symref", "--end-of-options", _NAME, *patterns, limit=limit, check=True).out
        if match := re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", out, re.MULTILINE):
            name, text = match[1].decode("utf-8", "replace"), out.decode("utf-8", "surrogateescape")
            heads = {head[2] or name: head[1] for head in _HEAD.finditer(text)}
            return name, heads, _tags(out, peeled=True) if tags else None
        return None, {}, None

    def no_default_branch(self) -> GitError:
        """The error where HEAD names no branch that exists: what it names, if the server says it, and what exists."""
        # `git ls-remote` asks for the name of a missing branch (protocol 2, git 2.31), and prints it only in its trace.
        answer = self._run("ls-remote", "--end-of-options", _NAME, "refs/heads/*", check=True, packets=True)
        named = re.search(rb"unborn HEAD symref-target:refs/heads/(\S+)", answer.trace)
        name = self.git.printable(named[1]) if named else ""
        what = f"HEAD names {name!r}, which does not exist" if named else "HEAD names no branch that exists"
        names = re.findall(r" refs/heads/(\S+)", self.git.printable(answer.out))
        branches = [name for name in names if not name.startswith(PREFIX)]
        if not branches:
            advice = f"Commit the manifests and push them, as in `git push -u origin {name or 'main'}`."
            return error(f"{self.url} is empty: it has no commit on any branch", advice)
        message = f"{self.url} has no default branch: {what}"
        shown = ", ".join(branches[:_SHOWN]) + (", ..." if len(branches) > _SHOWN else "")
        advice = (
            "Set `branch:` in the gitops-bot.yaml of your checkout and push it, or in the file of --config; or correct "
            "HEAD on the server: `git symbolic-ref HEAD refs/heads/BRANCH`."
        )
        return error(f"{message}; it has {shown}", advice)

    def fetch_default(self, depth: int, blobs: str | None) -> tuple[str | None, dict[str, str]]:
        """As `fetch`, but of the branch that HEAD names; its name comes first, None if HEAD names none that exists."""
        if (answer := self._fetch([f"+HEAD:{_TRACKED}HEAD"], depth, blobs, packets=True)) is None:
            return None, {}
        heads = self.fetched()
        if (head := heads.pop("HEAD", None)) is None:
            raise self._failure(answer)
        named = _NAMED_HEAD.search(answer.trace)
        name = named[1].decode("ascii", "replace") if named else self.default_branch()[0]
        ref = self.copy / _TRACKED / "HEAD"
        if not name:
            ref.unlink()
            return name, heads
        (self.copy / _TRACKED / name).parent.mkdir(parents=True, exist_ok=True)
        ref.replace(self.copy / _TRACKED / name)
        return name, {**heads, name: head}

    def fetch(self, base: str | None, depth: int, blobs: str | None) -> dict[str, str]:
        """Fetch the base branch and all branches of the bot, `depth` commits deep; returns their commits.

        `blobs` is a filter; without one, or if the remote has no filters, every blob is fetched.

        Raises:
            DamagedError: the copy cannot take it.
            OtherFormat: the copy must be made in another object format.
        """
        bases = [f"+refs/heads/{base}:{_TRACKED}{base}"] if base and not base.startswith(PREFIX) else []
        if self._fetch(bases, depth, blobs) is None:
            raise error(f"the branch {base!r} does not exist in {self.url}", BRANCH_ADVICE)
        return self.fetched()

    def _fetch(self, bases: Sequence[str], depth: int, blobs: str | None, *, packets: bool = False) -> GitOutput | None:
        """Fetch these refspecs and all branches of the bot; None if the base does not exist."""
        settings = (_PARTIAL, (_FILTER, blobs), _ONE_THREAD) if blobs else ()
        arguments = (*_FETCH, "--prune", f"--depth={depth}", _NAME, *bases, _OWN)
        answer = self._run(*arguments, settings=settings, packets=packets)
        if answer.status == 0:
            return answer
        if name := wanted_format(answer.err):
            raise OtherFormat(name)
        if "couldn't find remote ref" in answer.err:
            return None
        raise self._failure(answer)

    def fetched(self) -> dict[str, str]:
        """What the last fetch into the copy returned, by this process or an earlier one.

        Raises:
            DamagedError: the copy cannot be read.
        """
        try:
            return read_refs(self.copy, _TRACKED)
        except (OSError, ValueError) as broken:
            raise damage(str(broken)) from broken

    def fetch_objects(self, ids: Collection[str], *, tags: bool = False) -> None:
        """Fetch these objects in one go; `tags`: tag objects, whose commits are here.

        Raises:
            SingleObjectsError: it only serves whole branches.
        """
        settings = _BLOBLESS if tags else (*_BLOBLESS, ("fetch.negotiationAlgorithm", "noop"))
        answer = self._run(*_FETCH, "--filter=blob:none", "--stdin", _NAME, stdin=ids, settings=settings)
        if answer.status != 0:
            if _NO_SINGLE_OBJECTS.search(answer.err):
                raise SingleObjectsError(*self._failure(answer).problems)
            raise self._failure(answer)

    def merge(self, first: str, second: str) -> str | None:
        """The tree of git's merge of two commits, which fetches blobs; None if they conflict, or before git 2.38."""
        answer = self._run("merge-tree", "--write-tree", "--no-messages", first, second, settings=_BLOBLESS)
        if answer.status != 0 and (failure := self._out_of_reach(answer.err, self.url)):
            raise failure
        return answer.out.decode("ascii", "replace").strip() if answer.status == 0 else None

    def push(
        self, refs: Mapping[str, str | None], expected: str | None, target: str, look: Callable[[], None] | None = None
    ) -> None:
        """Move these remote refs to objects (None deletes it), if all are at `expected` (None: none exists).

        Where they are there already, it is done, whoever did it: the answer to the first try may have been lost.
        `target` says in errors what they are. `look` is called before anything is sent, each time that it is tried.

        Raises:
            LostRace: one is elsewhere; nothing was written.
            BaseException: what `look` raises; then nothing was written.
            GitError: the remote refused or cannot be reached.
        """
        leases = [f"--force-with-lease={ref}:{expected or ''}" for ref in refs]
        refspecs = [f"{tip or ''}:{ref}" for ref, tip in refs.items()]
        arguments = ("push", *(["--atomic"] if len(refs) > 1 else []), *_PUSH, *leases, _NAME, *refspecs)
        run, target = partial(self._run_once, *arguments, look=look), f"{self.url} ({target})"
        if (failed := self._patiently(lambda: self._push(run, refs, expected, target))) is not None:
            output = self._output(failed)
            failure = error(f"{target}: the push failed{quote(output)}", "See git's message.")
            raise self._out_of_reach(output, target) or failure

    def _push(
        self, run: Callable[..., GitOutput], refs: Mapping[str, str | None], expected: str | None, target: str
    ) -> GitOutput | None:
        """Push once; returns what git said if it failed and no ref has moved, so that it may be tried again."""
        try:
            answer = run()
            if answer.status != 0 and _UNKNOWN_PARENT.search(answer.err):
                answer = run(settings=(("push.negotiate", "true"),))
        except TimedOut:
            if self.tips(refs) == refs:
                return None
            raise
        if answer.status == 0:
            return None
        output = self._output(answer)
        failure = refusal(output, target, self.refusals)
        if failure is not None and not isinstance(failure, LostRace):
            raise failure
        # A race, an unknown message, or a connection lost after the remote had done it: look at the refs.
        tips = self.tips(refs)
        if tips == refs:
            return None
        if failure is not None:
            raise failure
        if any(tip != expected for tip in tips.values()):
            raise LostRace(Problem("failed.git", f"{target} moved on before the push{quote(output)}", "Run again."))
        return answer

    def _out_of_reach(self, output: str, target: str) -> GitError | None:
        return out_of_reach(output, target, through_proxy(self.url, self.git.environ))

    def _output(self, answer: GitOutput) -> str:
        return f"{answer.err}\n{self.git.printable(answer.out)}"

    def rehearse(self, branch: str, commit: str) -> None:
        """Check that this login may push, without pushing: the remote lists its branches only to those who may.

        Over HTTP that is one GET. Rules of single branches show only when something is pushed.
        """
        answer = self._run("push", "--dry-run", *_PUSH, _NAME, f"+{commit}:refs/heads/{branch}")
        if answer.status != 0:
            output = self._output(answer)
            failure = refusal(output, self.url, self.refusals) or self._out_of_reach(output, self.url)
            raise failure or error(f"{self.url} cannot be pushed to{quote(output)}", "See git's message.")

    def tips(self, refs: Iterable[str]) -> dict[str, str | None]:
        """The object that each of these refs of the remote has now, None where there is no such ref."""
        out = self._run("ls-remote", "--end-of-options", _NAME, *refs, check=True).out
        lines = (line.partition("\t") for line in out.decode("utf-8", "surrogateescape").split("\n"))
        tips = {ref: tip for tip, _, ref in lines}
        return {ref: tips.get(ref) for ref in refs}

    def tags(self, *, peeled: bool = True) -> dict[str, str]:
        """Every tag by name, with the commit that it refers to; with its own object, if it has one, unless `peeled`."""
        answer = self._run("ls-remote", "--tags", "--end-of-options", _NAME, limit=_TAGS_LIMIT, check=True)
        return _tags(answer.out, peeled=peeled)

    def _run(self, *arguments: str, check: bool = False, **options: Any) -> GitOutput:
        """Run git as `_run_once`, again where that may succeed; `check`: it must not fail."""
        answer = self._patiently(partial(self._run_once, *arguments, **options))
        if check and answer.status != 0:
            raise self._failure(answer)
        return answer

    def _patiently(self, run: Callable[[], T]) -> T:
        address, until = urlsplit(self.url), self.clock.monotonic() + self.git.timeout
        return patiently(
            run,
            self._passing,
            sleep=self.clock.sleep,
            remaining=lambda: until - self.clock.monotonic(),
            attempts=self.attempts,
            host=address.netloc,
            path=address.path,
        )

    def _passing(self, answer: object) -> Passing | None:
        if not isinstance(answer, GitOutput) or answer.status == 0:
            return None
        output = self._output(answer)
        if refusal(output, self.url, self.refusals) or wanted_format(output) or not may_pass(output):
            return None
        return Passing(quote(output), retry_after(requested_wait(answer.trace), self.clock.now().timestamp()))

    def _run_once(
        self, *arguments: str, settings: tuple[tuple[str, str], ...] = (), packets: bool = False, **options: Any
    ) -> GitOutput:
        """Run git with the login, which only network commands get; again where the login was replaced."""
        is_http = self.url.startswith(("https://", "http://"))
        traces = [*(["GIT_TRACE_CURL"] if is_http else []), *(["GIT_TRACE_PACKET"] if packets else [])]
        run = partial(self.git.run, *arguments, traces=traces, **options)
        if self.credentials is None or not is_http:
            return run(settings=settings)
        login = self.credentials.current()
        answer = run(settings=(*self._logged_in(login), *settings))
        if answer.status != 0 and re.search(LOGIN_REFUSED, answer.err, re.IGNORECASE):
            renewed = self.credentials.current(login.password)
            if renewed != login:
                return run(settings=(*self._logged_in(renewed), *settings))
        return answer

    def _logged_in(self, login: Credentials) -> tuple[tuple[str, str], ...]:
        """The settings that send a login to this server alone."""
        parts = urlsplit(self.url)
        key = f"http.{parts.scheme}://{parts.netloc}/.extraheader"
        # An empty value drops headers set by others, such as actions/checkout. Git would send ours to any host that a
        # redirect names, so redirects are not followed.
        return (key, ""), (key, f"Authorization: basic {login.encoded}"), ("http.followRedirects", "false")

    def _failure(self, answer: GitOutput) -> GitError:
        """The error for a failed fetch. An unknown message may concern the copy, such as a lock.

        Raises:
            GitError: git is too old.
        """
        if (version := self.git.version()) < OLDEST:
            raise error(f"git {version[0]}.{version[1]} is too old", INSTALL)
        output = answer.err
        failure = refusal(output, self.url, self.refusals) or self._out_of_reach(output, self.url)
        if failure is None or isinstance(failure, LostRace):
            message = f"{self.url} cannot be read{quote(output)}"
            return DamagedError(Problem("failed.git", message, "See git's message."))
        return GitError(replace(failure.problem, next=f"{failure.problem.next} {self.advice}".rstrip()))


def _tags(out: bytes, *, peeled: bool) -> dict[str, str]:
    tags: dict[str, str] = {}
    # The `^{}` line of a tag object, with its commit, follows that of the tag.
    for match in re.finditer(rb"^([0-9a-f]{40,64})\trefs/tags/([^\n^]+)(\^\{\})?$", out, re.MULTILINE):
        name = match[2].decode("utf-8", "surrogateescape")
        if is_branch(name) and (peeled or match[3] is None):
            tags[name] = match[1].decode("ascii")
    return tags


def is_branch(name: str) -> bool:
    """Whether git accepts this as a branch name (git-check-ref-format(1)); options and `HEAD` are none."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= _BRANCH_LIMIT
        and not name.startswith(("-", "/", "."))
        and not name.endswith(("/", "."))
        and name not in ("@", "HEAD")
        and _NOT_IN_BRANCH.search(name) is None
    )


def check_branch(name: str) -> None:
    """Raise a GitError unless git accepts the name."""
    if not is_branch(name):
        raise error(f"{name!r} is not a valid branch name", "See `git help check-ref-format`.")


def check_own(branch: str) -> None:
    """Raise as `check_branch`, and a ValueError unless it is a branch of the bot: others must not lose commits."""
    check_branch(branch)
    if not branch.startswith(PREFIX):
        raise ValueError(f"{branch!r} is not a gitops-bot branch: it must not lose commits")


def check_commit(*ids: str) -> None:
    """Raise a ValueError unless each is a full object id (SHA-1 or SHA-256)."""
    for commit in ids:
        if not _COMMIT.match(commit):
            raise ValueError(f"{commit[:100]!r} is not a commit ID")
