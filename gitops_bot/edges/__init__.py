"""All that touches the world."""

from __future__ import annotations

import sys

# httpx brings its own command line along wherever rich is installed, and with it rich and pygments: 40 ms of CPU, a
# third of what httpx takes to import. To it, this looks as if they were not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: it cannot be imported
