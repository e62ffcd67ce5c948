"""The marks that `git merge` leaves in a file where both sides changed it."""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)|^={7}$", re.MULTILINE)
MEND: Final = "Choose one side, delete the lines with <<<<<<<, ======= and >>>>>>>, and commit."


def marker(text: str) -> int | None:
    """The line, counted from 1, of the first conflict marker; None where the text has none."""
    mark = _MARK.search(text.replace("\r\n", "\n").replace("\r", "\n"))
    return None if mark is None else mark.string.count("\n", 0, mark.start()) + 1
