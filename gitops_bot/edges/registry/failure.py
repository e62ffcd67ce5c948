"""How a registry can fail, and the error that the user reads: which registry, which repository, what next."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

import httpx

from gitops_bot.edges.http import Allowance, Limit, NoResponse, parse_json
from gitops_bot.edges.http.failure import clean
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitops_bot.edges.http import Answer, Clock
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.errors import FailureCode
    from gitops_bot.images.reference import ImageName


class Refused(Exception):  # noqa: N818 - often not an error: the caller decides by the status
    """An answer with a status other than 200; `message` is the server's own message, safe to print.

    `token_server`: it came from a token server; `elsewhere`: from a redirect's host, which got no credentials.
    """

    def __init__(
        self, status: int, host: str, message: str, *, token_server: bool = False, elsewhere: bool = False
    ) -> None:
        super().__init__(f"{host}: {status} {message}")
        self.status = status
        self.host = host
        self.message = message
        self.token_server = token_server
        self.elsewhere = elsewhere

    def is_one_of(self, *statuses: int) -> bool:
        """Whether the registry itself, not a token server, answered with one of these."""
        return self.status in statuses and not self.token_server


class _Explained(Exception):  # noqa: N818 - see above
    """A failure in words for the user, with the next step."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


class Untrusted(_Explained):
    """An answer that cannot be right; `what` continues a sentence after the registry's name."""


def unexpected(answer: Answer, wanted: str) -> Untrusted:
    """A success with the wrong content: a login page, another server, half an answer."""
    got = "nothing" if not answer.body else "a web page" if answer.media_type == "text/html" else "something else"
    advice = "Check the name; a proxy or a login page may be in between."
    return Untrusted(f"answered {got} where {wanted} was expected", advice)


class NoLogin(_Explained):
    """Credentials are configured but cannot be read or used."""


def error_message(body: bytes, secrets: Iterable[str]) -> str:
    """The message in the JSON of an error, as registries and token servers write it; else empty. Without secrets."""
    match parse_json(body):
        case {"errors": [dict() as error, *_]}:  # the distribution specification
            texts = [error.get(name) for name in ("code", "message")]
        case dict() as error:  # token servers
            texts = [error.get(name) for name in ("error", "error_description", "message", "details")]
        case _:
            texts = []
    return clean(": ".join(text for text in texts if isinstance(text, str) and text), secrets)


#: The request that concerns a repository as a whole.
LIST: Final = "the list of tags"
_NOT_FOUND = 404

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
        case Refused(message=message) if failure.is_one_of(_NOT_FOUND) and request == LIST and not failure.elsewhere:
            what = f"{failure.host} answered 404 Not Found: it has no such repository, or hides it"
            what += f" ({message})" if message else ""
            advice = _permission(location, login)
            return RegistryError(problem("failed.registry", what, advice), status=_NOT_FOUND, no_repository=True)
        case Refused(status=status, message=message):
            code: FailureCode = "failed.auth" if status in (401, 403) and not failure.elsewhere else "failed.registry"
            who = f"the token server {failure.host}" if failure.token_server else failure.host
            quoted = f" ({message})" if message else ""
            answered = f"{status} {httpx.codes.get_reason_phrase(status)}".rstrip()
            what = f"{who} answered {answered} to the request for {request}{quoted}"
            return RegistryError(problem(code, what, _advice(failure, location, request, login)), status=status)
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


# Time limits for the images of one registry: each has its own, and a short one once the registry stops answering.


#: Seconds for an image while the registry is slow.
SLOW_REGISTRY_SECONDS = 5.0
_ADVICE = "Run again later, or ask the registry's operator why it is slow; other images were not affected."


@dataclass(slots=True)
class ImageLimits:
    """The time limit of each image of one registry. A hundred images must not take a hundred times as long.

    Once an image ran out of time and nothing was answered during the last quarter of it, the others get only seconds,
    until one is answered: then it is not the registry that is slow. `seconds` are for everything that a run asks about
    one image.
    """

    clock: Clock
    seconds: float
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _spent: dict[ImageName, float] = field(default_factory=dict)
    _last_answer: float = float("-inf")
    _slow: bool = False

    @contextmanager
    def question(self, image: ImageName) -> Iterator[Allowance]:
        """The time for one question, which counts against its image. `NoResponse` in the block means no answer."""
        allowance = Allowance(self.clock, lambda: self._limit(image))
        try:
            yield allowance
        except NoResponse:
            with self._lock:
                silent = self.clock.now().timestamp() - self._last_answer
                self._slow = self._slow or (allowance.left.seconds <= 0 and silent > self.seconds / 4)
            raise
        except (Refused, Untrusted):
            self._answered()
            raise
        else:
            self._answered()
        finally:
            with self._lock:
                self._spent[image] = self._spent.get(image, 0.0) + allowance.spent

    def _answered(self) -> None:
        with self._lock:
            self._last_answer, self._slow = self.clock.now().timestamp(), False

    def _limit(self, image: ImageName) -> Limit:
        limit = min(SLOW_REGISTRY_SECONDS, self.seconds) if self._slow else self.seconds
        left = min(limit, self.seconds - self._spent.get(image, 0.0))
        return Limit(left, NoResponse(f"took more than {limit:g} s for this image", _ADVICE))
