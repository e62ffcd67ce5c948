"""The page: everything that `status` knows as one self-contained HTML file, readable without scripts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.page import view
from gitops_bot.results.status import LONG_AGO

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview

_HERE: Final = Path(__file__).parent
_STYLE, _SCRIPT = "page.css", "page.js"
#: Characters of one text on the page.
_LONG: Final = 1000
#: Rows of a list, and different pins in one cell; what is left out is counted.
_ROWS, _PINS = 50, 3


def html(result: Result[Overview]) -> str:
    """The page as text.

    All values lose secrets and control and formatting characters, and are escaped. The browser may load nothing and
    run only the one script whose hash is given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        finalize=partial(_finalize, cache(_clean)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    head, overview = result.head, result.body
    templates.globals.update(view.functions(overview), rows=_ROWS, pins=_PINS)
    status = overview.status
    entries = [(environment, entry) for environment in status.environments for entry in environment.entries]
    return templates.get_template("page.html.j2").render(
        head=head,
        overview=overview,
        status=status,
        title=head.repository or "Environments",
        matrix=view.matrix(status),
        drift=sorted(
            (item for item in entries if item[1].drifts_since), key=lambda item: item[1].drifts_since or LONG_AGO
        ),
        proposals=[item for item in entries if item[1].proposal],
        holds=[item for item in entries if item[1].hold],
        journeys=list(view.timelines(overview)),
        bars=view.bars(overview),
        policy=_policy(),
    )


def _policy() -> str:
    """The content security policy: nothing from outside, and only this page's own style and script."""
    own = f"style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(name: str) -> str:
    # The template includes a file without its last line break.
    text = (_HERE / name).read_text(encoding="utf-8").removesuffix("\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _finalize(harmless: Callable[[str], str], value: Any) -> Any:
    # Values with this method are the template's own markup.
    return harmless(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _clean(text: str) -> str:
    return plain(redact.strike(text), _LONG)
