"""When Python looks for garbage: not while it imports, and rarely among what stays as long as the run."""

from __future__ import annotations

import gc

#: New objects after which Python looks for circles among them. By default it does so after 700, which takes a tenth of
#: a run over many files: what they are composed of stays as long as the run.
_NEW_OBJECTS = 50_000


def imported() -> None:
    """All is there that the command needs: from here on Python looks for garbage, but not in what came before."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        gc.enable()
