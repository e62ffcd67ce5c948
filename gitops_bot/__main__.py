from __future__ import annotations

import sys

from gitops_bot.cli import main

sys.exit(main())
