"""GitHub's error answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Invalid(Exception):  # noqa: N818 - an answer, not a fault
    """GitHub refuses a request: the HTTP status, the message, and the list `errors`."""

    def __init__(self, status: int, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, tuple(errors)


def invalid(code: str, resource: str = "PullRequest", **more: str) -> Invalid:
    """A 422 with one error."""
    return Invalid(422, "Validation Failed", [{"resource": resource, "code": code, **more}])
