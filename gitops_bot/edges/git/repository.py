"""The Git repository that holds the manifests, read and written without a work tree.

A bare copy without large blobs, two commits deep, in a scratch folder or the cache: never the user's own `.git`. It is
deepened only if a branch cannot be told from its base otherwise, or to read history. Nothing is ever checked out, so no
filter, line ending or hook of the repository can change a byte.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import unquote, urlsplit

from gitops_bot import redact
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.git.branches import BranchReader
from gitops_bot.edges.git.cache import claim, is_worn, make, scratch_folder
from gitops_bot.edges.git.line import WINDOWS, LineReader
from gitops_bot.edges.git.process import TIMEOUT, Git, error
from gitops_bot.edges.git.refusals import tag_refusal
from gitops_bot.edges.git.remote import (
    BRANCH_ADVICE,
    NO_BLOBS,
    PREFIX,
    SMALL_BLOBS,
    OtherFormat,
    Remote,
    SingleObjectsError,
    check_branch,
    check_commit,
    check_own,
    is_branch,
)
from gitops_bot.edges.git.signing import sign
from gitops_bot.edges.git.store import DamagedError, Store, identity
from gitops_bot.edges.patience import ATTEMPTS
from gitops_bot.errors import GitError
from gitops_bot.releases.layout.glob import is_path
from gitops_bot.releases.layout.overlays import REGULAR
from gitops_bot.targets import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gitops_bot.config.commits import SigningKey
    from gitops_bot.edges.facts import Refusal
    from gitops_bot.edges.git.remote import Credentials
    from gitops_bot.edges.git.signing import ForgeCommit
    from gitops_bot.edges.git.store import TreeEntry
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import NewTag
    from gitops_bot.targets import FileTargets

#: Depths of the copy, in steps: the first is enough for a proposal on the current base.
DEPTHS = (2, 50, 1000)

_T = TypeVar("_T")


class Repository:
    """Implements `engine.world.Repository` for one remote, as a context manager that owns a scratch folder.

    `url` is an address as `edges.address` returns it (https, ssh, file; http where allowed), without a login. `environ`
    has PATH, proxies, ssh settings, and GIT_AUTHOR_* / GIT_COMMITTER_* names for commits. The user's git configuration
    files are not read; per-process settings (GIT_CONFIG_COUNT) are. `timeout` is in seconds, for each git process;
    `attempts` is how often a request to the remote is tried; `advice` is what else to do where it cannot be read.
    `otherwise` gives, from this object, the default branch where the remote's HEAD names none that exists, if it can.
    `history`: the first fetch gets the newest 2,000 commits with all small files, and the default branch the tags.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        cache: Path | None = None,
        environ: Mapping[str, str],
        timeout: float = TIMEOUT,
        history: bool = False,
        refusals: Sequence[Refusal] = (),
        clock: Clock | None = None,
        attempts: int = ATTEMPTS,
        advice: str = "",
        otherwise: Callable[[Repository], str | None] = lambda _: None,
    ) -> None:
        if url.startswith(("https://", "http://")) and "@" in urlsplit(url).netloc:
            raise ValueError("credentials are passed separately, never inside the URL")
        self.url = Path(url).as_uri() if url.startswith("/") else url
        redact.learn(*(credentials.secrets() if credentials is not None else ()))
        self._credentials, self._cache, self._environ, self._timeout = credentials, cache, environ, timeout
        self._refusals, self._clock, self._attempts, self._advice = refusals, clock or Clock(), attempts, advice
        self._otherwise, self._exit, self._reading = otherwise, contextlib.ExitStack(), contextlib.ExitStack()
        self._heads: dict[str, str] | None = None
        self._listed: dict[str, str] = {}
        #: The default branch that was fetched when it was asked for, and not read yet.
        self._fresh: str | None = None
        self._base: str | None = None
        self._tags: dict[str, str] | None = None
        # One more than is read: git takes the last one for cut, also where it is the first of all.
        self._depth, self._filter = (WINDOWS[0] + 1, SMALL_BLOBS) if history else (DEPTHS[0], NO_BLOBS)
        self._blobless, self._with_tags = True, history

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            scheme, separator, _ = self.url.partition("://")
            trusted = unquote(urlsplit(self.url).path) if scheme == "file" else None
            settings = Remote.settings(self.url)
            scratch, configuration = scratch_folder(opened, self._environ.get("TMPDIR"), trusted, settings)
            cached = claim(self._cache, self.url, opened)
            self._copy = (cached or scratch) / "copy.git"
            self._may_heal = cached is not None
            variables = (
                ("GIT_DIR", str(self._copy)),
                ("GIT_ALLOW_PROTOCOL", scheme if separator else "ssh"),
                ("GIT_CONFIG_GLOBAL", str(configuration)),
            )
            secrets = self._credentials.secrets() if self._credentials else ()
            git = Git(self._environ, variables=variables, secrets=secrets, timeout=self._timeout)
            self._remote = Remote(
                self.url, git, self._copy, self._clock, self._credentials, self._refusals, self._attempts, self._advice
            )
            self._kept = (self._copy / "HEAD").is_file() and not is_worn(self._copy)
            self._begin(None if self._kept else "sha1")
            opened.callback(self._reading.close)
            self._exit = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def default_branch(self) -> str:
        """The branch of the remote's HEAD; see `engine.world.Repository` for this and the other methods."""
        if self._kept:
            branch, self._listed, self._tags = self._remote.default_branch(tags=self._with_tags)
        else:
            self._fresh = branch = self._healing(self._fetch_default)
        if branch is None and (branch := self._otherwise(self)) is None:
            raise self._remote.no_default_branch()
        return branch

    def commit_of(self, branch: str) -> str | None:
        """The commit that the remote branch has now."""
        check_branch(branch)
        ref = f"refs/heads/{branch}"
        return self._remote.tips([ref])[ref]

    def head(self, branch: str) -> str:
        """The head of the base branch; the bot's branches and small files are fetched along: alone they cost more."""
        check_branch(branch)
        self._base = branch
        (listed, self._listed), (fresh, self._fresh) = (self._listed, {}), (self._fresh, None)
        heads = self._heads if branch == fresh else None
        heads = heads or self._healing(lambda: self._unchanged(listed) or self._fetch(SMALL_BLOBS))
        if (commit := heads.get(branch)) is None:
            raise error(f"the branch {branch!r} does not exist in {self.url}", BRANCH_ADVICE)
        return commit

    def tree(self, commit: str) -> Mapping[str, str]:
        """Every path of a commit with its git mode; names that are not UTF-8 are left out."""
        return {path: entry.mode for path, entry in self._tree(commit).items()}

    def read(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of these files; one over 1 MiB is cut to 1 MiB and one byte, so that its parser refuses it."""
        tree = self._tree(commit)
        ids = {path: tree[path].id for path in paths if path in tree and tree[path].mode in REGULAR}
        wanted = dict.fromkeys(ids.values())
        blobs = self._healing(lambda: self._store.find(wanted).contents(wanted, cut=True))
        return {path: blobs[oid] for path, oid in ids.items()}

    def blobs(self, commit: str) -> Mapping[str, str]:
        """Every path of a commit with the id of its object."""
        return {path: entry.id for path, entry in self._tree(commit).items()}

    def whole(self, ids: Collection[str]) -> dict[str, bytes]:
        """The whole bytes of these blobs, by their ids."""
        return self._healing(lambda: self._store.whole(ids))

    def branches(self) -> tuple[str, ...]:
        """The bot's own branches as of the last `head`, with what the bot itself has changed since, sorted."""
        if self._heads is None:
            raise ValueError("a head must be read before its branches are known")
        return tuple(sorted(name for name in self._heads if name.startswith(PREFIX) and is_branch(name)))

    def branch(self, name: str, base: str) -> Branch | None:
        """A branch of the bot as of the last `head` (or as it is now, before the first), compared with `base`.

        Incomplete, without commits, beyond the limits of module `branches`, or of the deepest of `DEPTHS`.
        """
        check_own(name)
        check_commit(base)

        def branch() -> Branch | None:
            known = self._fetch() if self._heads is None else self._heads
            while name in known:
                heads = {other: head for other, head in known.items() if other.startswith(PREFIX)}
                branch_commits = self._branches.branch_commits(heads, base)
                deeper = next((depth for depth in DEPTHS if depth > self._depth), None)
                if not branch_commits[name].cut or deeper is None:
                    return self._branches.read(heads, branch_commits)[name]
                self._depth = deeper
                known = self._fetch()
            return None

        return self._healing(branch)

    def line(
        self, commit: str, directories: Sequence[str], enough: Callable[[Line], bool], targets: FileTargets = BY_NAME
    ) -> Line:
        """The commits of the first-parent line that changed a file in one of the directories; see module `line`."""
        check_commit(commit)

        def line() -> Line:
            key = tuple(directories), targets
            reader = self._readers.setdefault(key, LineReader(self._store, *key))
            for window in WINDOWS:
                if self._depth < window and self._shallow():
                    self._depth = window
                    self._fetch()
                result = reader.read(commit, window, self._shallow())
                if reader.ended or enough(result):
                    break
            return result

        return self._healing(line)

    def tags(self) -> dict[str, str]:
        """The remote's tags, each with its commit: as they are now, or as the default branch was asked for last."""
        tags, self._tags = self._tags, None
        return self._remote.tags() if tags is None else tags

    def tag_texts(self, names: Collection[str]) -> dict[str, str | None]:
        """The texts of these tags, whose commits are on a line that was read; see `engine.world.Repository`."""
        objects = self._remote.tags(peeled=False)
        ids = {name: objects[name] for name in names if name in objects}

        def texts() -> dict[str, str | None]:
            if missing := set(ids.values()).difference(self._store.present(ids.values()).sizes):
                self._remote.fetch_objects(sorted(missing), tags=True)
            return self._store.tag_texts(ids)

        return self._healing(texts)

    def create_tags(self, tags: Sequence[NewTag]) -> None:
        """Push annotated tags that must not exist yet, all of them or none."""
        check_commit(*(tag.commit for tag in tags))
        for tag in tags:
            check_branch(tag.name)
        ids = self._healing(lambda: self._store.tag(tags, identity(self._environ, "COMMITTER")))
        refs = dict(zip((f"refs/tags/{tag.name}" for tag in tags), ids, strict=True))
        try:
            self._remote.push(refs, None, f"tag {tags[0].name}")
        except GitError as failure:
            raise tag_refusal(failure) from failure

    def publish(
        self,
        branch: str,
        *,
        parent: str,
        files: Mapping[str, bytes],
        message: str,
        expected: str | None,
        look: Callable[[], None] | None = None,
        signed_by: SigningKey | ForgeCommit | None = None,
    ) -> str:
        """Publish by compare and swap; branches of others only move forward: from `parent`, which is `expected`."""
        check_branch(branch)
        check_commit(parent, *([expected] if expected else []))
        if parent != expected:
            check_own(branch)
        for path in files:
            if not is_path(path):
                raise error(f"{path!r} is not a path inside the repository", "Check the globs of the overlays.")
        commit = self._healing(lambda: self._commit(parent, files, message, signed_by))
        self._remote.push({f"refs/heads/{branch}": commit}, expected, f"branch {branch}", look)
        if self._heads is not None:
            self._heads[branch] = commit
        return commit

    def rehearse_signing(self, parent: str, key: SigningKey) -> str:
        """Check that commits can be signed with this key, by one that is not pushed; returns who commits."""
        check_commit(parent)
        self._healing(lambda: self._commit(parent, {}, "", key))
        return identity(self._environ, "COMMITTER").decode().removesuffix(" now")

    def rehearse(self, branch: str, commit: str) -> None:
        """Check that a branch of the bot can be pushed, without pushing anything; see `Remote.rehearse`."""
        check_branch(branch)
        check_commit(commit)
        self._remote.rehearse(branch, commit)

    def delete(self, branch: str, *, expected: str) -> None:
        """Delete a branch of the bot by compare and swap."""
        check_own(branch)
        check_commit(expected)
        self._remote.push({f"refs/heads/{branch}": None}, expected, f"branch {branch}")
        if self._heads is not None:
            self._heads.pop(branch, None)

    def _tree(self, commit: str) -> Mapping[str, TreeEntry]:
        check_commit(commit)
        return self._healing(lambda: self._store.tree(commit))

    def _commit(
        self, parent: str, files: Mapping[str, bytes], message: str, signed_by: SigningKey | ForgeCommit | None
    ) -> str:
        author, committer = (identity(self._environ, role) for role in ("AUTHOR", "COMMITTER"))
        commit = self._store.commit(parent, files, message, author, committer)
        return commit if signed_by is None else sign(self._store, commit, files, signed_by)

    def _fetch(self, blobs: str | None = None) -> dict[str, str]:
        self._heads = self._in_its_format(partial(self._remote.fetch, self._base), blobs or self._filter)
        return self._heads

    def _fetch_default(self) -> str | None:
        """Fetch the default branch as `head` fetches one; returns its name."""
        self._base, self._heads = self._in_its_format(self._remote.fetch_default, SMALL_BLOBS)
        return self._base

    def _in_its_format(self, fetch: Callable[[int, str | None], _T], blobs: str) -> _T:
        """Fetch into a copy that has the object format of the remote."""
        kind = blobs if self._blobless else None
        try:
            return fetch(self._depth, kind)
        except OtherFormat as other:
            self._begin(str(other))
            return fetch(self._depth, kind)

    def _unchanged(self, listed: dict[str, str]) -> dict[str, str]:
        """The heads, if the copy in the cache has exactly these, as deep as is needed; else nothing."""
        if not self._kept or (self._depth > DEPTHS[0] and self._shallow()) or self._remote.fetched() != listed:
            return {}
        self._heads = listed
        return listed

    def _healing(self, work: Callable[[], _T]) -> _T:
        """Run `work`; if the copy is broken, or needs all blobs, remake it and run it again."""
        try:
            return work()
        except DamagedError as broken:
            if not self._may_heal and not (self._blobless and isinstance(broken, SingleObjectsError)):
                raise
            self._may_heal = False
            self._blobless = self._blobless and not isinstance(broken, SingleObjectsError)
        self._begin("sha1")
        self._fetch()
        return work()

    def _begin(self, object_format: str | None) -> None:
        """Begin with the copy as it is, or with a new, empty one in this object format."""
        self._reading.close()
        if object_format is not None:
            make(self._copy, object_format)
        self._store = Store(self._remote.git, self._remote.fetch_objects)
        self._reading.callback(self._store.close)
        self._branches = BranchReader(self._store, self._shallow, self._remote.merge)
        self._readers: dict[tuple[tuple[str, ...], FileTargets], LineReader] = {}

    def _shallow(self) -> tuple[str, ...]:
        """The commits where the copy ends."""
        with contextlib.suppress(FileNotFoundError):
            return tuple((self._copy / "shallow").read_text("ascii").split())
        return ()
