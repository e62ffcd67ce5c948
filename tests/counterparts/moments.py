"""When something is reported to the tests' GitHub server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.demo.pulls import PullRequests

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def next_moment(pulls: PullRequests) -> str:
    """The present, but at least one second after every earlier report of the repository.

    The API's times have whole seconds. Without this, which of two reports is the newer one would depend on how fast
    the test runs.
    """
    hub = pulls.hub
    reported = [check.at for checks in hub.checks.values() for check in checks]
    reported += [status.at for deployment in hub.deployments for status in deployment.statuses]
    if not reported:
        return pulls.time()
    newest = datetime.strptime(max(reported), _FORMAT).replace(tzinfo=UTC)
    return max(pulls.time(), (newest + timedelta(seconds=1)).strftime(_FORMAT))
