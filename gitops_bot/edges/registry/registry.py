"""Every OCI registry, as the engine sees it. Protocol: OCI distribution specification 1.1."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

import httpx

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.http import ATTEMPTS, TOTAL_SECONDS, TRY_SECONDS, Http, NoResponse, Tuning
from gitops_bot.edges.registry import docker_config
from gitops_bot.edges.registry.cloud import Workload
from gitops_bot.edges.registry.cloud.logins import CloudLogins
from gitops_bot.edges.registry.credentials import Credentials
from gitops_bot.edges.registry.describe import describe
from gitops_bot.edges.registry.failure import LIST, ImageLimits, NoLogin, Refused, Untrusted, explain
from gitops_bot.edges.registry.host import (
    HEAD_START,
    Host,
    ImageRepository,
    base_url,
    every_tag,
    location,
    read_page,
    tunings,
)
from gitops_bot.edges.registry.manifest import children, find_manifest, index_platforms, missing, resolve
from gitops_bot.edges.registry.tokens import Tokens
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gitops_bot.edges.facts import PackageApi, Served
    from gitops_bot.edges.http import Clock, Observe
    from gitops_bot.edges.registry.cloud.logins import LoginCache
    from gitops_bot.edges.registry.describe import Builds
    from gitops_bot.edges.registry.manifest import Indexes, ManifestDigest
    from gitops_bot.edges.registry.times.reader import TimesReader
    from gitops_bot.images.build import Build, BuildTimes, Child
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
        seconds: float = TRY_SECONDS,
        image_seconds: float = TOTAL_SECONDS,
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
        indexes: Indexes | None = None,
        builds: Builds | None = None,
        logins: LoginCache | None = None,
        cache: Path | None = None,
        packages: Sequence[PackageApi] = (),
    ) -> None:
        """`seconds` limits one try of a request, and one answer of a credential helper; see `Http`.

        `image_seconds` limits all requests for one image together, with their retries and waits. `indexes`, `builds`
        and `logins` are caches in memory that a later Registry may share. For build times: `cache` is a folder for what
        images say about themselves, `packages` what forges list of the registries that they have.
        """
        self._access, self._clock, self._image_seconds = access, clock, image_seconds
        self._head_start = min(HEAD_START, seconds / 10)
        #: The hosts of the registries. Hosts that a registry names are reported as `other`: it can choose any number.
        self._known: set[str] = set()

        def report(host: str, status: int | None) -> None:
            if observe is not None:
                observe(host if host in self._known else "other", status)

        self._http = Http(
            clock, environ, tunings(access), seconds=seconds, attempts=attempts, transport=transport, observe=report
        )
        self._tokens = Tokens(self._http, clock)
        clouds = CloudLogins(access, Workload(environ, clock, seconds), {} if logins is None else logins)
        timeout = min(seconds, docker_config.HELPER_TIMEOUT)
        self._credentials = Credentials(access, environ, timeout=timeout, clouds=clouds)
        self._indexes: Indexes = {} if indexes is None else indexes
        self._builds: Builds = {} if builds is None else builds
        #: Digests that this run knows as single images, not indexes.
        self._single: set[tuple[ImageName, str]] = set()
        #: The digests of tags, as far as reading build times has shown them.
        self._digests: dict[tuple[ImageName, str], str] = {}
        self._cache, self._packages = cache, packages
        self._times_reader: TimesReader | None = None
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        self._limits: dict[str, ImageLimits] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """Every tag of the repository, in the registry's order."""
        return self._ask(image, LIST, lambda repository: every_tag(lambda query: read_page(repository.tag_list(query))))

    def digest(self, image: ImageName, tag: str) -> str:
        """The digest of the manifest (or index) that the tag names now; the error's `status` is 404 where it is gone.

        Raises:
            ValueError: `tag` is not a valid tag.
        """
        if not is_tag(tag):
            raise ValueError(f"{tag[:200]!r} is not a tag")
        if (digest := self._digests.get((image, tag))) is not None:
            return digest
        manifest = self._ask(image, f"the tag {tag}", lambda repository: resolve(repository.manifest, tag))
        return self._remember(image, manifest)

    def describe(self, image: ImageName, digest: str) -> Build:
        """The description of an image by its labels and configuration; the error's `status` is 404 if it is gone.

        Raises:
            ValueError: `digest` is not a valid digest; so do the next three.
        """
        return self._ask(image, _the_digest(digest), lambda repository: describe(repository, digest, self._builds))

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest of that digest."""
        manifest = self._ask(image, _the_digest(digest), lambda repository: find_manifest(repository.manifest, digest))
        if manifest is not None:
            self._remember(image, manifest)
        return manifest is not None

    def missing(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms of an index whose own manifests are gone. Sends nothing for a digest known as a single image.

        The error's `status` is 404 where the digest itself is gone.
        """
        return self._of_index(image, digest, lambda repository: missing(repository.manifest, digest, self._indexes))

    def index_platforms(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms that an index names; none for a single image."""
        return self._of_index(
            image, digest, lambda repository: index_platforms(repository.manifest, digest, self._indexes)
        )

    def children(self, image: ImageName, digest: str) -> tuple[Child, ...]:
        """Every manifest that an index names. Sends nothing for a digest known as a single image."""
        return self._of_index(image, digest, lambda repository: children(repository.manifest, digest))

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built."""

        def remember(tag: str, manifest: ManifestDigest) -> None:
            self._digests[image, tag] = self._remember(image, manifest)

        def times(repository: ImageRepository) -> BuildTimes:
            # Imported here for its database: only policies that order by build time need it.
            from gitops_bot.edges.registry.times.reader import TimesReader

            with self._lock:
                self._times_reader = self._times_reader or TimesReader(
                    self._http, self._clock, self._cache, self._packages
                )
            threads = self._access.get(repository.location.registry, _PLAIN).concurrency or Tuning().concurrency
            return self._times_reader.read(repository, tags, pin, remember, threads)

        return self._ask(image, "the build times of its tags", times)

    def served(self, image: ImageName, pin: Pin) -> Served:
        """How the bot can read the repository, and whether the pinned image exists; not cached.

        One HEAD of the pinned manifest, and one page with a single tag.
        """
        from gitops_bot.edges.registry.probe import served

        access = self._ask(image, "its tags", lambda repository: served(repository, pin))
        mirror = self._access.get(image.registry, _PLAIN).mirror
        return access if mirror is None else replace(access, login=f"{access.login}, from the mirror {mirror}")

    def _of_index(
        self, image: ImageName, digest: str, read: Callable[[ImageRepository], tuple[T, ...]]
    ) -> tuple[T, ...]:
        return () if (image, digest) in self._single else self._ask(image, _the_digest(digest), read)

    def _remember(self, image: ImageName, manifest: ManifestDigest) -> str:
        """The digest of a manifest; remembers single images."""
        if manifest.is_image:
            self._single.add((image, manifest.digest))
        return manifest.digest

    def _ask(self, image: ImageName, request: str, ask: Callable[[ImageRepository], T]) -> T:
        """The result of `ask`; failures become RegistryErrors, which name the `request`."""
        login, read_at = None, location(image, self._access)
        with self._lock:
            limits = self._limits.setdefault(image.registry, ImageLimits(self._clock, self._image_seconds))
        try:
            login = self._credentials.login(read_at)
            with limits.question(image) as allowance, self._http.within(allowance):
                return ask(ImageRepository(image, read_at, self._host(image.registry, read_at), login))
        except (NoLogin, Refused, NoResponse, Untrusted) as failure:
            raise explain(failure, image, request, login, read_at) from failure
        except httpx.InvalidURL as error:  # the parts are valid, but together longer than httpx allows
            untrusted = Untrusted(
                "leads to an address that is not supported", "Report this to the registry's operator."
            )
            raise explain(untrusted, image, request, login, read_at) from error

    def _host(self, registry: str, read_at: ImageName) -> Host:
        """The host of a registry, or of its mirror; made on first use."""
        with self._lock:
            if (host := self._hosts.get(registry)) is None:
                base = base_url(read_at.registry, self._access.get(read_at.registry, _PLAIN))
                self._known.add(base.netloc.decode("ascii"))
                host = self._hosts[registry] = Host(self._http, self._tokens, base, head_start=self._head_start)
            return host


def _the_digest(digest: str) -> str:
    """The request in words. Raises ValueError if this is not a digest."""
    if not is_digest(digest):
        raise ValueError(f"{digest[:200]!r} is not a digest")
    return f"the digest {digest}"
