"""Where a command works: its options, and the environment variables with the token."""

from __future__ import annotations

from typing import NamedTuple

#: Characters of the reason for a rollback: a pull request would cut a longer one.
REASON_LIMIT = 500


class Options(NamedTuple):
    """Where to work: `--repository`, `--config`, `--cache`."""

    repository: str | None = None
    config: str | None = None
    cache: str | None = None
