"""The demo's own libraries: they come with the extra `demo`, and nothing else needs them."""

from __future__ import annotations

from gitops_bot.errors import Problem, UsageError


def require() -> None:
    """Check that the extra is installed.

    Raises:
        UsageError: it is not.
    """
    try:
        import graphql  # noqa: F401 - the servers need it later, in threads of theirs
    except ModuleNotFoundError as error:
        if error.name != "graphql":
            raise
        raise UsageError(
            Problem(
                "failed.usage",
                "`gitops-bot demo` needs the library graphql-core, which is not installed",
                "Install the extra `demo`: pip install 'gitops-bot[demo]' (in a checkout: pip install '.[demo]').",
            )
        ) from None
