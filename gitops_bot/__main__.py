"""One command as a process of its own: `gitops-bot` and `python -m gitops_bot`."""

from __future__ import annotations

import sys

from gitops_bot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
