"""One and the same world for many runs, and what must hold after each of them, whatever disturbed it."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitops_bot.demo.hub import Hub
from tests.stateful.model import is_closing_mark
from tests.stateful.world import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stateful.world import Shop

_WHY = re.compile(
    r"^Closed by gitops-bot: \S.+\. This is not a decline; newer versions will be proposed\.$", re.MULTILINE
)


@contextmanager
def put_back(shop: Shop) -> Iterator[None]:
    """Put everything back in the end as it was at first: the repository, its pull requests, the time."""
    kept, state, moment = shop.folder / "kept", shop.folder / "forge" / f"{NAME}.json", shop.clock.moment
    shutil.copytree(shop.remote.path, kept)
    said = state.read_text()
    try:
        yield
    finally:
        shutil.rmtree(shop.remote.path)
        kept.rename(shop.remote.path)
        state.write_text(said)
        shop.forge.store._hubs[NAME] = Hub.load(state)
        shop.clock.moment = moment


def whatever_the_bot_closed_says_why(shop: Shop) -> None:
    """Nothing of the bot's own is closed without the reason in its text."""
    for pull in shop.pulls("closed"):
        if is_closing_mark(pull.body):
            assert _WHY.search(pull.body or ""), f"#{pull.number} was closed without a word: {pull.body}"
