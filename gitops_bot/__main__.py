from __future__ import annotations

import sys

from gitops_bot.cli.main import main

sys.exit(main())
