"""Every OCI registry, as the engine sees it. Protocol: OCI distribution specification 1.1."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

import httpx

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.http import ANSWER, ATTEMPTS, PATIENCE, Http, Tuning, Unanswered
from gitops_bot.edges.registry import docker_config
from gitops_bot.edges.registry.cloud import CloudLogins
from gitops_bot.edges.registry.credentials import Credentials
from gitops_bot.edges.registry.describe import describe
from gitops_bot.edges.registry.failure import LIST, NoLogin, Refused, Untrusted, explain
from gitops_bot.edges.registry.host import ALONE, Host, base_url, tunings
from gitops_bot.edges.registry.manifest import ACCEPT, LIMIT, named
from gitops_bot.edges.registry.mirror import place
from gitops_bot.edges.registry.pages import PAGE_BYTES, every_tag, read_page
from gitops_bot.edges.registry.presence import find_manifest, index_platforms, missing
from gitops_bot.edges.registry.tempo import Tempo
from gitops_bot.edges.registry.times.reader import At, TimesReader
from gitops_bot.edges.registry.tokens import Tokens
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gitops_bot.edges.facts import Served
    from gitops_bot.edges.http import Answer, Clock, Observe
    from gitops_bot.edges.registry.cloud.renewal import Kept
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.edges.registry.manifest import Named
    from gitops_bot.edges.registry.pages import Page
    from gitops_bot.edges.registry.presence import Ask, Indexes
    from gitops_bot.images.build import Build, BuildTimes
    from gitops_bot.images.reference import ImageName, Pin

T = TypeVar("T")

_PLAIN = RegistryAccess()


class Registry:
    """Reads tags, digests and image descriptions from registries. Implements `engine.world.Registry`.

    Each question is sent once per run, from any number of threads. All raise a RegistryError if the registry refused or
    failed, or if its answer cannot be trusted.

    `access` is by the normalised name of a registry (`ghcr.io`, `docker.io`, `localhost:5000`). `environ` has the
    passwords that it names, the location of docker's credentials, and proxies. `observe` is called for every request,
    with the registry's host.
    """

    def __init__(
        self,
        access: Mapping[str, RegistryAccess],
        environ: Mapping[str, str],
        clock: Clock,
        *,
        seconds: float = ANSWER,
        patience: float = PATIENCE,
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
        indexes: Indexes | None = None,
        logins: Kept | None = None,
        cache: Path | None = None,
        token: str | None = None,
    ) -> None:
        """`seconds` is what one try of a request may take, and an answer of a credential helper; see `Http`.

        `patience` is what everything that is asked of one image may take together, tries and waits included. `indexes`
        and `logins` are what earlier ones learned and later ones may know. `cache` is a folder for what images say, and
        `token` one of the forge, for packages that it keeps: both are for build times.
        """
        self._access = access
        #: The registries' own hosts. Others that they name are reported as `other`: they choose these at will.
        self._known: set[str] = set()
        self._report = observe
        watch = None if observe is None else self._observe
        self._http = Http(
            clock,
            environ,
            tunings(access),
            seconds=seconds,
            attempts=attempts,
            transport=transport,
            observe=watch,
        )
        self._clock, self._patience, self._alone = clock, patience, min(ALONE, seconds / 10)
        self._tokens = Tokens(self._http, clock)
        clouds = CloudLogins(access, environ, clock, seconds, {} if logins is None else logins)
        timeout = min(seconds, docker_config.HELPER_TIMEOUT)
        self._credentials = Credentials(access, environ, timeout=timeout, clouds=clouds)
        self._indexes: Indexes = {} if indexes is None else indexes
        #: What was seen in this run to be of one image.
        self._single: set[tuple[ImageName, str]] = set()
        #: The digests that tags were seen to name while build times were read.
        self._digests: dict[tuple[ImageName, str], str] = {}
        self._times_reader = TimesReader(self._http, clock, cache, token)
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        self._tempos: dict[str, Tempo] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """Every tag of the repository, in the registry's order."""

        def ask(host: Host, login: Login) -> tuple[str, ...]:
            def fetch(query: str) -> Page:
                rest = f"tags/list?{query}" if query else "tags/list"
                return read_page(host.ask("GET", image.path, rest, login, accept="application/json", limit=PAGE_BYTES))

            return every_tag(fetch)

        return self._explained(image, LIST, ask)

    def digest(self, image: ImageName, tag: str) -> str:
        """The digest of the manifest (or index) that the tag names now; the error's `status` is 404 where it is gone.

        Raises:
            ValueError: `tag` is none by its grammar.
        """
        if not is_tag(tag):
            raise ValueError(f"{tag[:200]!r} is not a tag")
        if (digest := self._digests.get((image, tag))) is not None:
            return digest
        return self._seen(image, self._asked(image, f"the tag {tag}", lambda ask: named(lambda how: ask(how, tag))))

    def describe(self, image: ImageName, digest: str) -> Build:
        """What the image of that digest says of itself; the error's `status` is 404 where there is none.

        Raises:
            ValueError: `digest` is none by its grammar; so do the next two.
        """
        asked = _of_digest(digest)

        def ask(host: Host, login: Login) -> Build:
            def fetch(rest: str, accept: str, limit: int) -> Answer:
                return host.ask("GET", image.path, rest, login, accept=accept, limit=limit)

            return describe(fetch, digest)

        return self._explained(image, asked, ask)

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest of that digest."""
        manifest = self._asked(image, _of_digest(digest), lambda ask: find_manifest(ask, digest))
        if manifest is not None:
            self._seen(image, manifest)
        return manifest is not None

    def missing(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms of an index whose own manifests are gone. What was seen to be of one image is asked no more.

        The error's `status` is 404 where the digest itself is gone.
        """
        if (image, digest) in self._single:
            return ()
        return self._asked(image, _of_digest(digest), lambda ask: missing(ask, digest, self._indexes))

    def index_platforms(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms that an index names; none for a single image."""
        if (image, digest) in self._single:
            return ()
        return self._asked(image, _of_digest(digest), lambda ask: index_platforms(ask, digest, self._indexes))

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built."""

        def seen(tag: str, named: Named) -> None:
            self._digests[image, tag] = self._seen(image, named)

        def ask(host: Host, login: Login) -> BuildTimes:
            where = place(image, self._access)
            access = self._access.get(where.registry, _PLAIN)
            scheme, concurrency = base_url(where.registry, access).scheme, access.concurrency or Tuning().concurrency
            return self._times_reader.read(image, tags, pin, At(where, host, login, scheme, concurrency), seen)

        return self._explained(image, "the build times of its tags", ask)

    def served(self, image: ImageName, pin: Pin) -> Served:
        """How the bot can read there, and whether the pinned image exists; not cached.

        One HEAD of the pinned manifest, and one page with a single tag.
        """
        from gitops_bot.edges.registry.presence import served

        def ask(host: Host, login: Login) -> Served:
            def fetch(method: str, rest: str) -> Answer:
                accept, limit = ("application/json", PAGE_BYTES) if rest.startswith("tags/") else (ACCEPT, LIMIT)
                return host.ask(method, image.path, rest, login, accept=accept, limit=limit)

            found = served(fetch, login, pin)
            mirror = self._access.get(image.registry, _PLAIN).mirror
            return found if mirror is None else replace(found, login=f"{found.login}, from the mirror {mirror}")

        return self._explained(image, "its tags", ask)

    def _seen(self, image: ImageName, there: Named) -> str:
        """The digest of a manifest; remembers single images."""
        if there.is_image:
            self._single.add((image, there.digest))
        return there.digest

    def _asked(self, image: ImageName, asked: str, question: Callable[[Ask], T]) -> T:
        """The result of a question that requests manifests, by tag or digest."""

        def ask(host: Host, login: Login) -> T:
            def fetch(method: str, reference: str) -> Answer:
                return host.ask(method, image.path, f"manifests/{reference}", login, accept=ACCEPT, limit=LIMIT)

            return question(fetch)

        return self._explained(image, asked, ask)

    def _explained(self, image: ImageName, asked: str, ask: Callable[[Host, Login], T]) -> T:
        """The result of `ask`; failures become RegistryErrors."""
        tempo, login, where = self._tempo(image.registry), None, place(image, self._access)
        try:
            login = self._credentials.login(where)
            with tempo.question(image) as allowance, self._http.within(allowance):
                return ask(self._host(image, where), login)
        except (NoLogin, Unanswered) as failure:
            raise explain(failure, image, asked, login, where) from failure
        except (Refused, Untrusted) as failure:
            tempo.answered()
            raise explain(failure, image, asked, login, where) from failure
        except httpx.InvalidURL as error:  # each part was read before: put together they are longer than httpx allows
            untrusted = Untrusted(
                "leads to an address that is not supported", "Report this to the registry's operator."
            )
            raise explain(untrusted, image, asked, login, where) from error

    def _tempo(self, registry: str) -> Tempo:
        with self._lock:
            return self._tempos.setdefault(registry, Tempo(self._clock, self._patience))

    def _observe(self, host: str, status: int | None) -> None:
        if self._report is not None:
            self._report(host if host in self._known else "other", status)

    def _host(self, image: ImageName, where: ImageName) -> Host:
        with self._lock:
            host = self._hosts.get(image.registry)
            if host is None:
                base = base_url(where.registry, self._access.get(where.registry, _PLAIN))
                self._known.add(base.netloc.decode("ascii"))
                below = where.path.removesuffix(image.path)
                host = Host(self._http, self._tokens, base, below=below, alone=self._alone)
                self._hosts[image.registry] = host
            return host


def _of_digest(digest: str) -> str:
    """The request in words."""
    if not is_digest(digest):
        raise ValueError(f"{digest[:200]!r} is not a digest")
    return f"the digest {digest}"
