"""Everything that touches the outside world."""

from __future__ import annotations

import sys

# If rich is installed, httpx imports its command line, with rich and pygments: 40 ms of CPU, a third of its import.
# This makes them look not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: it cannot be imported
