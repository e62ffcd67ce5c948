"""What GitHub says when it does not do what it is asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Invalid(Exception):  # noqa: N818 - GitHub's refusals are answers, not faults
    """GitHub refuses: an HTTP status, its message, and what it lists under `errors`."""

    def __init__(self, status: int, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, tuple(errors)


def invalid(code: str, resource: str = "PullRequest", **more: str) -> Invalid:
    """Make the usual 422 with one error in it."""
    return Invalid(422, "Validation Failed", [{"resource": resource, "code": code, **more}])
