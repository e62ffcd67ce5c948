"""Which cloud a registry belongs to, and the login that it gives this workload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.edges.registry.login import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.http import Clock
    from gitops_bot.edges.registry.cloud.renewal import LoginCache

_AMAZON = (
    ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".on.aws", ".on.amazonwebservices.com.cn", "public.ecr.aws",
)  # fmt: skip
_GOOGLE = ("gcr.io", ".pkg.dev")
_AZURE = (".azurecr.io", ".azurecr.us", ".azurecr.cn")


@dataclass(frozen=True, slots=True)
class CloudLogins:
    """Logins at the registries of Amazon, Google and Azure. Safe to use from many threads.

    `seconds` limits one login; `cache` has the logins of earlier cycles.
    """

    access: Mapping[str, RegistryAccess]
    environ: Mapping[str, str] = field(repr=False)
    clock: Clock
    seconds: float
    cache: LoginCache = field(repr=False)

    def login(self, registry: str) -> Login | None:
        """The login at a registry; None if it belongs to no cloud.

        Where images may be public, a failed login means anonymous access: the Login has no credential, but the reason.

        Raises:
            NoLogin: the login failed, and the registry allows no anonymous access.
        """
        # Other registries need none of the imports below.
        if not registry.endswith((*_AMAZON, *_GOOGLE, *_AZURE)):
            return None
        try:
            return self._find(registry)
        except NoLogin as error:
            why = f"no login for {registry}: {error.what}"
            if registry.endswith(_AMAZON[:-1]):
                raise NoLogin(why, error.advice) from None
            return Login(None, why)

    def _find(self, registry: str) -> Login | None:
        from gitops_bot.edges.registry.cloud import azure, ecr, google
        from gitops_bot.edges.registry.cloud.exchange import Workload
        from gitops_bot.edges.registry.cloud.renewal import current

        workload, cache = Workload(self.environ, self.clock, self.seconds), self.cache
        access = self.access.get(registry)
        if (scope := ecr.login_scope(registry, access.aws_role if access else None)) is not None:
            if scope.public and not ecr.has_identity(workload.environ):
                return None
            return current(cache, scope, workload.clock, lambda: ecr.login(workload, scope))
        if google.HOST.match(registry):
            return current(cache, "google", workload.clock, lambda: google.login(workload))
        if azure.HOST.match(registry):
            return current(cache, registry, workload.clock, lambda: azure.login(workload, registry))
        return None
