"""Every OCI registry, as the engine sees it. Protocol: OCI distribution specification 1.1."""

from __future__ import annotations

import re
import threading
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

import httpx

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.facts import Served
from gitops_bot.edges.http import TRY_SECONDS, Http, NoResponse, TooLarge, Tuning
from gitops_bot.edges.patience import ATTEMPTS, TOTAL_SECONDS
from gitops_bot.edges.registry.cloud import CloudLogins
from gitops_bot.edges.registry.credentials import HELPER_TIMEOUT, Credentials, Workload
from gitops_bot.edges.registry.describe import describe
from gitops_bot.edges.registry.documents import FOLDER, Documents
from gitops_bot.edges.registry.failure import IfPresent, NoLogin, Refused, Untrusted
from gitops_bot.edges.registry.host import HEAD_START, Host, ImageLimits, ImageRepository, Tokens, base_url, location
from gitops_bot.edges.registry.lists import TagLists
from gitops_bot.edges.registry.manifest import read, resolve
from gitops_bot.edges.registry.referrers import list_referrers
from gitops_bot.edges.registry.tags import AT_ONCE, PAGE_BYTES, USUAL_BYTES, OneThread, every_tag, fetch_page
from gitops_bot.edges.registry.times.reader import TimesReader
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reference import DOCKER_HUB, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import PackageApi
    from gitops_bot.edges.http import Observe
    from gitops_bot.edges.registry.cloud import LoginCache
    from gitops_bot.edges.registry.credentials import Login
    from gitops_bot.edges.registry.documents import Memory
    from gitops_bot.errors import FailureCode
    from gitops_bot.images.build import Build, BuildTimes, Child, Manifest
    from gitops_bot.images.reference import ImageName

#: `76;w=21600`: pulls, and the seconds of the window that they are counted in.
_LEFT = re.compile(r"([0-9]{1,9})(?:;|\Z)")
_PLAIN = RegistryAccess()


#: The code of an answer (OCI distribution specification 1.1, "Error Codes").
_NO_MANIFEST: Final = "MANIFEST_UNKNOWN"
#: The request that concerns a repository as a whole.
LIST: Final = "the list of tags"


class Registry(AbstractContextManager["Registry"]):
    """Reads tags, digests and image descriptions from registries. Implements `engine.world.Registry`.

    Each question is sent once per run, from any number of threads. All raise a RegistryError if the registry refused or
    failed, if its answer cannot be trusted, or if a tag or digest is outside the grammar.

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
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
        documents: Memory | None = None,
        logins: LoginCache | None = None,
        cache: Path | None = None,
        packages: Sequence[PackageApi] = (),
    ) -> None:
        """`seconds` limits one try of a request, and one answer of a credential helper; see `Http`.

        `TOTAL_SECONDS` limits all requests for one image together, with their retries and waits. `documents`
        and `logins` are caches in memory that a later Registry may share, `cache` is a folder for what images say about
        themselves. For build times: `packages` are what forges list of the registries that they have.
        """
        self._access, self._clock = access, clock
        self._head_start = min(HEAD_START, seconds / 10)
        #: The hosts of the registries. Hosts that a registry names are reported as `other`: it can choose any number.
        self._known: set[str] = set()

        def report(host: str, status: int | None) -> None:
            if observe is not None:
                observe(host if host in self._known else "other", status)

        tunings = {}
        for registry, settings in access.items():
            with suppress(Untrusted):  # the name is not a host: its images report that
                concurrency = settings.concurrency or Tuning().concurrency
                tunings[base_url(registry, settings).netloc.decode("ascii")] = Tuning(concurrency, settings.rate)
        self._http = Http(
            clock, environ, tunings, seconds=seconds, attempts=attempts, transport=transport, observe=report
        )
        self._tokens = Tokens(self._http, clock)
        clouds = CloudLogins(access, Workload(environ, clock, seconds), {} if logins is None else logins)
        timeout = min(seconds, HELPER_TIMEOUT)
        tokens = {name: api.token for api in packages for name in api.variables if api.token is not None}
        self._credentials = Credentials(access, environ, timeout=timeout, clouds=clouds.login, tokens=tokens)
        self._documents = Documents({} if documents is None else documents, None if cache is None else cache / FOLDER)
        #: Digests that a repository was seen to have, and repositories without a Referrers API.
        self._present: set[tuple[ImageName, str]] = set()
        self._without_referrers: set[ImageName] = set()
        #: The digests of tags, as far as reading build times has shown them.
        self._digests: dict[tuple[ImageName, str], str] = {}
        self._times = TimesReader(self._http, clock, self._documents, packages)
        self._lock, self._large, self._lists = threading.Lock(), OneThread(), TagLists(environ.get("TMPDIR") or None)
        self._hosts: dict[str, Host] = {}

    def __exit__(self, *_: object) -> None:
        self._documents.close()
        self._large.close()
        self._lists.close()
        self._http.close()

    def tags(self, image: ImageName) -> Sequence[str]:
        """Every tag of the repository, in the registry's order, until this is closed."""
        with self._reading(image) as repository:
            places, keep = repository.host.places, self._lists.keep
            with suppress(TooLarge):
                return every_tag(partial(fetch_page, repository, USUAL_BYTES), places, keep)
            with places:  # of lists with such pages, one at a time is in memory
                return self._large.run(lambda: every_tag(partial(fetch_page, repository, PAGE_BYTES), keep=keep))

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> str:
        """The digest of the manifest (or index) that the tag names now; the error's `status` is 404 if it is gone.

        By a HEAD, which Docker Hub does not count as a pull, or by one GET if the manifest `will_read` too and is new.
        """
        if (digest := self._digests.get((image, tag))) is not None:
            return digest
        with self._reading(image, f"the tag {tag}", Pin(tag)) as repository:
            if will_read and self._documents.named(f"{repository.location}:{tag}") is None:
                digest = repository.read(tag)
            else:
                digest = resolve(repository.manifest, tag)
        self._present.add((image, digest))
        return digest

    def describe(self, image: ImageName, digest: str) -> Build:
        """The description of an image by its labels and configuration; the error's `status` is 404 if it is gone."""
        with self._reading(image, f"the digest {digest}", Pin(None, digest)) as repository:
            return describe(repository, digest)

    def exists(self, image: ImageName, digest: str) -> bool:
        """Whether the repository has a manifest of that digest."""
        if (image, digest) in self._present:
            return True
        with self._reading(image, f"the digest {digest}", Pin(None, digest)) as repository:
            with IfPresent():
                # A registry may report another digest algorithm than the requested one, or none: the bytes decide then.
                return resolve(repository.manifest, digest) == digest
            return False

    def manifest(self, image: ImageName, digest: str) -> Manifest:
        """What the digest names; the error's `status` is 404 if it is gone, unless it was read before."""
        with self._reading(image, f"the digest {digest}", Pin(None, digest)) as repository:
            manifest = read(repository.document(digest))
        if digest in repository.sent:
            self._present.add((image, digest))
        return manifest

    def referrers(self, image: ImageName, digest: str) -> tuple[Child, ...]:
        """What refers to a digest; none if the registry has no API for that, which is asked once for a repository."""
        if image in self._without_referrers:
            return ()
        with self._reading(image, f"the referrers of {digest}", Pin(None, digest)) as repository:
            referrers = list_referrers(repository, digest)
        if referrers is None:
            self._without_referrers.add(image)
        return referrers or ()

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        """When the images of these tags, and of what is pinned, were built."""

        def remember(tag: str, digest: str) -> None:
            self._digests[image, tag] = digest

        with self._reading(image, "the build times of its tags", pin) as repository:
            threads = self._access.get(repository.location.registry, _PLAIN).concurrency or Tuning().concurrency
            return self._times.read(repository, tags, pin, remember, threads)

    def served(self, image: ImageName, pin: Pin) -> Served:
        """How the bot can read the repository, and whether the pinned image exists (no error if not); not cached.

        One HEAD of the pinned manifest, which is no pull, and one page with a single tag. Docker Hub reports with a
        manifest how many pulls are left (docs.docker.com, "Pull limits").
        """
        present, left = True, None
        with self._reading(image, "its tags", pin) as repository:
            if (reference := pin.digest or pin.tag) is not None:
                present = False
                with IfPresent():
                    match = _LEFT.match(repository.manifest("HEAD", reference).headers.get("ratelimit-remaining", ""))
                    present, left = True, int(match[1]) if match else None
            repository.get("tags/list?n=1", "application/json", PAGE_BYTES)
        login = repository.login
        credential = login.credential
        text = f"with the {credential.called} from {login.source}" if credential else f"anonymously: {login.source}"
        mirror = self._access.get(image.registry, _PLAIN).mirror
        return Served(text if mirror is None else f"{text}, from the mirror {mirror}", present, left)

    @contextmanager
    def _reading(self, image: ImageName, request: str = LIST, pin: Pin = Pin()) -> Iterator[ImageRepository]:  # noqa: B008 - a value
        """The repository of an image. Failures in the block become RegistryErrors, which name the `request`; and so
        does a `pin` that no registry can have.
        """
        if malformed := pin.malformed:
            what, advice = malformed
            raise RegistryError(Problem("failed.edit", f"{image}: {what}", advice, about=str(image)))
        login, read_at = None, location(image, self._access)
        try:
            login = self._credentials.login(read_at)
            with self._lock:
                if (host := self._hosts.get(image.registry)) is None:
                    base = base_url(read_at.registry, self._access.get(read_at.registry, _PLAIN))
                    self._known.add(base.netloc.decode("ascii"))
                    limits = ImageLimits(self._clock, TOTAL_SECONDS)
                    places = threading.Semaphore(AT_ONCE)
                    host = Host(self._http, self._tokens, base, limits, self._head_start, places=places)
                    self._hosts[image.registry] = host
            with host.limits.question(image) as allowance, self._http.within(allowance):
                yield ImageRepository(image, read_at, host, login, self._documents)
        except (NoLogin, Refused, NoResponse, Untrusted) as failure:
            raise explain(failure, image, request, login, read_at) from failure


# The error that the user reads: which registry, which repository, what next.


Failure = Refused | Untrusted | NoResponse | NoLogin

_GHCR = (
    "ghcr.io needs a classic personal access token with the scope read:packages (fine-grained tokens do not work) or, "
    "in a workflow, GITHUB_TOKEN with `packages: read`, if the package's settings list the repository under "
    '"Manage Actions access".'
)
_AMAZON = (
    "Amazon ECR passwords expire after 12 hours: the helper docker-credential-ecr-login renews them, and so does the "
    "bot itself where none is stored (docs/registries.md)."
)


def explain(
    failure: Failure, image: ImageName, request: str, login: Login | None, location: ImageName
) -> RegistryError:
    """The error for the user; `request` is as in "the list of tags", and `location` where the image is read."""

    def problem(code: FailureCode, what: str, advice: str) -> Problem:
        return Problem(code, f"{image}: {what}", advice, about=str(image))

    match failure:
        case NoLogin(what=what, advice=advice):
            return RegistryError(problem("failed.auth", what, advice))
        case Untrusted(what=what, advice=advice):
            return RegistryError(problem("failed.registry", f"{location.registry} {what}", advice))
        case NoResponse(what=what, advice=advice, status=status, host=host):
            return RegistryError(problem("failed.registry", f"{host} {what}", advice), status=status)
        case Refused(message=message) if failure.is_one_of(404) and request == LIST and not failure.elsewhere:
            what = f"{failure.host} answered 404 Not Found: it has no such repository, or hides it"
            what += f" ({message})" if message else ""
            advice = _permission(location, login)
            return RegistryError(problem("failed.registry", what, advice), status=404, no_repository=True)
        case Refused(status=status, message=message):
            code: FailureCode = "failed.auth" if status in (401, 403) and not failure.elsewhere else "failed.registry"
            who = f"the token server {failure.host}" if failure.token_server else failure.host
            quoted = f" ({message})" if message else ""
            answered = f"{status} {httpx.codes.get_reason_phrase(status)}".rstrip()
            what = f"{who} answered {answered} to the request for {request}{quoted}"
            no_manifest = failure.is_one_of(404) and not failure.elsewhere and message.startswith(_NO_MANIFEST)
            advice = _advice(failure, location, request, login)
            return RegistryError(problem(code, what, advice), status=status, no_manifest=no_manifest)
        case _:
            assert_never(failure)


def _advice(refused: Refused, image: ImageName, request: str, login: Login | None) -> str:
    match refused.status:
        case _ if refused.elsewhere:
            return f"{image.registry} redirects there, without credentials. Run again, or ask the registry's operator."
        case 401 | 403:
            return _permission(image, login)
        case 404 if request.startswith(("the tag ", "the digest ")) and not refused.token_server:
            return f"Check that {request.rpartition(' ')[0]} still exists."
        case 404:
            return f"Check the name; a repository that you may not see looks the same. {_permission(image, login)}"
        case 429 if image.registry == DOCKER_HUB:
            return "Docker Hub counts anonymous pulls by IP address: use `docker login`, or run less often."
        case 429:
            return "Run again later; `registries:` in gitops-bot.yaml can set a lower `rate` and `concurrency` for it."
        case 408 | 500 | 502 | 503 | 504:
            return "It failed several times. Run again later, or ask the registry's operator."
        case _:
            return "Check the name of the image, and that this is the address of a registry."


def _permission(image: ImageName, login: Login | None) -> str:
    registry = image.registry
    hint = f" {_GHCR}" if registry == "ghcr.io" else f" {_AMAZON}" if ".dkr.ecr" in registry else ""
    if login is not None and login.credential is not None:
        return (
            f"The credentials from {login.source} were sent: they are wrong, have expired, or do not allow reading "
            f"it.{hint}"
        )
    source = f"{login.source}; " if login is not None else ""
    return (
        f"{source[:1].upper()}{source[1:]}log in with `docker login {registry}`, or set a user and the environment "
        f"variable with the password in gitops-bot.yaml: `registries: {{{registry}: {{username: NAME, password_env: "
        f"VARIABLE}}}}`.{hint}"
    )
