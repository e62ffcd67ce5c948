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
from gitops_bot.edges.registry.host import ALONE, Host, ImageRepository, base_url, location, tunings
from gitops_bot.edges.registry.manifest import named
from gitops_bot.edges.registry.pages import every_tag, read_page
from gitops_bot.edges.registry.presence import find_manifest, index_platforms, missing, served
from gitops_bot.edges.registry.tempo import Tempo
from gitops_bot.edges.registry.times.reader import TimesReader
from gitops_bot.edges.registry.tokens import Tokens
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gitops_bot.edges.facts import Served
    from gitops_bot.edges.http import Clock, Observe
    from gitops_bot.edges.registry.cloud.renewal import Kept
    from gitops_bot.edges.registry.manifest import Named
    from gitops_bot.edges.registry.presence import Indexes
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

        def manifest(repository: ImageRepository) -> Named:
            return named(lambda method: repository.manifest(method, tag))

        return self._remember(image, self._ask(image, f"the tag {tag}", manifest))

    def describe(self, image: ImageName, digest: str) -> Build:
        """What the image of that digest says of itself; the error's `status` is 404 where there is none.

        Raises:
            ValueError: `digest` is not a valid digest; so do the next three.
        """
        return self._ask(image, _the_digest(digest), lambda repository: describe(repository.get, digest))

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest of that digest."""

        def find(repository: ImageRepository) -> Named | None:
            return find_manifest(repository.manifest, digest)

        manifest = self._ask(image, _the_digest(digest), find)
        if manifest is not None:
            self._remember(image, manifest)
        return manifest is not None

    def missing(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms of an index whose own manifests are gone. Sends nothing for a digest known as a single image.

        The error's `status` is 404 where the digest itself is gone.
        """

        def platforms(repository: ImageRepository) -> tuple[str, ...]:
            return missing(repository.manifest, digest, self._indexes)

        return () if (image, digest) in self._single else self._ask(image, _the_digest(digest), platforms)

    def index_platforms(self, image: ImageName, digest: str) -> tuple[str, ...]:
        """The platforms that an index names; none for a single image."""

        def platforms(repository: ImageRepository) -> tuple[str, ...]:
            return index_platforms(repository.manifest, digest, self._indexes)

        return () if (image, digest) in self._single else self._ask(image, _the_digest(digest), platforms)

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built."""

        def remember(tag: str, manifest: Named) -> None:
            self._digests[image, tag] = self._remember(image, manifest)

        def times(repository: ImageRepository) -> BuildTimes:
            threads = self._access.get(repository.location.registry, _PLAIN).concurrency or Tuning().concurrency
            return self._times_reader.read(repository, tags, pin, remember, threads)

        return self._ask(image, "the build times of its tags", times)

    def served(self, image: ImageName, pin: Pin) -> Served:
        """How the bot can read there, and whether the pinned image exists; not cached.

        One HEAD of the pinned manifest, and one page with a single tag.
        """
        access = self._ask(image, "its tags", lambda repository: served(repository, pin))
        mirror = self._access.get(image.registry, _PLAIN).mirror
        return access if mirror is None else replace(access, login=f"{access.login}, from the mirror {mirror}")

    def _remember(self, image: ImageName, manifest: Named) -> str:
        """The digest of a manifest; remembers single images."""
        if manifest.is_image:
            self._single.add((image, manifest.digest))
        return manifest.digest

    def _ask(self, image: ImageName, request: str, ask: Callable[[ImageRepository], T]) -> T:
        """The result of `ask`; failures become RegistryErrors, which name the `request`."""
        tempo, login, read_at = self._tempo(image.registry), None, location(image, self._access)
        try:
            login = self._credentials.login(read_at)
            with tempo.question(image) as allowance, self._http.within(allowance):
                return ask(ImageRepository(image, read_at, self._host(image.registry, read_at), login))
        except (NoLogin, Unanswered) as failure:
            raise explain(failure, image, request, login, read_at) from failure
        except (Refused, Untrusted) as failure:
            tempo.answered()
            raise explain(failure, image, request, login, read_at) from failure
        except httpx.InvalidURL as error:  # the parts are valid, but together longer than httpx allows
            untrusted = Untrusted(
                "leads to an address that is not supported", "Report this to the registry's operator."
            )
            raise explain(untrusted, image, request, login, read_at) from error

    def _tempo(self, registry: str) -> Tempo:
        with self._lock:
            return self._tempos.setdefault(registry, Tempo(self._clock, self._patience))

    def _observe(self, host: str, status: int | None) -> None:
        if self._report is not None:
            self._report(host if host in self._known else "other", status)

    def _host(self, registry: str, read_at: ImageName) -> Host:
        """The host of a registry, or of its mirror; made on first use."""
        with self._lock:
            if (host := self._hosts.get(registry)) is None:
                base = base_url(read_at.registry, self._access.get(read_at.registry, _PLAIN))
                self._known.add(base.netloc.decode("ascii"))
                host = self._hosts[registry] = Host(self._http, self._tokens, base, alone=self._alone)
            return host


def _the_digest(digest: str) -> str:
    """The request in words. Raises ValueError if this is not a digest."""
    if not is_digest(digest):
        raise ValueError(f"{digest[:200]!r} is not a digest")
    return f"the digest {digest}"
