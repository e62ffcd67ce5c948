"""Where a command works, as it was told: by options, and by variables of the environment."""

from __future__ import annotations

from dataclasses import dataclass

#: The environment variables with the token for the forge, the first one first.
TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to work, as the command line says it: `--repository`, `--config`, `--cache`."""

    repository: str | None
    config: str | None
    cache: str | None
