"""One command as a process of its own: `gitops-bot` and `python -m gitops_bot`."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command of `sys.argv`, and end the process."""
    gc.disable()  # as `process.begin` does, but before anything is imported
    from gitops_bot.cli.main import main
    from gitops_bot.wiring import process

    process.end(main())


if __name__ == "__main__":
    main()
