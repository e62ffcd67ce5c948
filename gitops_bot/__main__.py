"""One command as a process of its own: `gitops-bot` and `python -m gitops_bot`."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one cannot read what is imported below
    sys.stderr.write(f"error: gitops-bot needs Python 3.11 or newer, and this is {sys.version.split()[0]}\n")
    sys.stderr.write("  next: run it with a newer one, or use the container\n")
    sys.exit(2)

from gitops_bot.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
