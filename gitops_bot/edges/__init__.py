"""Everything that touches the outside world."""

from __future__ import annotations

import sys
from types import ModuleType

# If rich is installed, httpx imports its command line, with rich and pygments: 40 ms of CPU, a third of its import.
# This makes them look not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: it cannot be imported

# Before pydantic reads anything, it asks every installed package for plugins of its own: 20 ms of CPU. There are none.
_no_plugins = ModuleType("pydantic.plugin._loader")
_no_plugins.get_plugins = tuple  # type: ignore[attr-defined]
sys.modules.setdefault(_no_plugins.__name__, _no_plugins)
