"""The shop of the commands, for tests that run one from here."""

from tests.commands.conftest import shop, worldwide

__all__ = ["shop", "worldwide"]
