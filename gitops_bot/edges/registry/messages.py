"""Failures of a registry in the words that the user reads: which registry, which repository, what next."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.edges.http import Unanswered
from gitops_bot.edges.registry.failure import NoLogin, Refused, Untrusted
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.errors import FailureCode
    from gitops_bot.images.reference import ImageName

#: What is asked of a repository itself.
LIST: Final = "the list of tags"
_NOT_FOUND = 404

Failure = Refused | Untrusted | Unanswered | NoLogin

_GHCR = (
    "ghcr.io needs a classic personal access token with the scope read:packages (fine-grained tokens do not work) or, "
    "in a workflow, GITHUB_TOKEN with `packages: read`, if the package's settings list the repository under "
    '"Manage Actions access".'
)
_AMAZON = "Amazon ECR passwords expire after 12 hours: the helper docker-credential-ecr-login renews them."


def explain(failure: Failure, image: ImageName, asked: str, login: Login | None) -> RegistryError:
    """The error for the user; `asked` is what was wanted, as in "the list of tags"."""

    def told(code: FailureCode, what: str, advice: str) -> Problem:
        return Problem(code, f"{image}: {what}", advice, about=str(image))

    match failure:
        case NoLogin(what=what, advice=advice):
            return RegistryError(told("failed.auth", what, advice))
        case Untrusted(what=what, advice=advice):
            return RegistryError(told("failed.registry", f"{image.registry} {what}", advice))
        case Unanswered(what=what, advice=advice, status=status, host=host):
            return RegistryError(told("failed.registry", f"{host} {what}", advice), status=status)
        case Refused(said=said) if failure.is_one_of(_NOT_FOUND) and asked == LIST and not failure.elsewhere:
            what = f"{failure.host} answered 404 Not Found: it has no such repository, or hides it"
            what += f" ({said})" if said else ""
            advice = _permission(image, login)
            return RegistryError(told("failed.registry", what, advice), status=_NOT_FOUND, no_repository=True)
        case Refused(status=status, said=said):
            code: FailureCode = "failed.auth" if status in (401, 403) and not failure.elsewhere else "failed.registry"
            who = f"the token server {failure.host}" if failure.token_server else failure.host
            words = f" ({said})" if said else ""
            what = f"{who} answered {_status(status)} to the request for {asked}{words}"
            return RegistryError(told(code, what, _advice(failure, image, asked, login)), status=status)
        case _:
            assert_never(failure)


def _advice(refused: Refused, image: ImageName, asked: str, login: Login | None) -> str:
    match refused.status:
        case _ if refused.elsewhere:
            return f"{image.registry} redirects there, without credentials. Run again, or ask the registry's operator."
        case 401 | 403:
            return _permission(image, login)
        case 404 if asked.startswith(("the tag ", "the digest ")) and not refused.token_server:
            return f"Check that {asked.rpartition(' ')[0]} still exists."
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


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
