"""The libraries in the extra `demo`, which only the demo needs."""

from __future__ import annotations

from gitops_bot.errors import Problem, UsageError

_LIBRARIES = {"graphql": "graphql-core", "markdown_it": "markdown-it-py", "nh3": "nh3"}


def require() -> None:
    """Check that the extra is installed.

    Raises:
        UsageError: it is not.
    """
    try:
        import graphql  # noqa: F401 - the servers import them later, in their threads
        import markdown_it  # noqa: F401
        import nh3  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        raise UsageError(
            Problem(
                "failed.usage",
                f"`gitops-bot demo` needs the library {_LIBRARIES[error.name]}, which is not installed",
                "Install the extra `demo`: pip install 'gitops-bot[demo]' (in a checkout: pip install '.[demo]').",
            )
        ) from None
