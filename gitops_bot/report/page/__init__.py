"""The page: everything that `status` knows as one self-contained HTML file, readable without scripts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.page import drawing, view

if TYPE_CHECKING:
    from gitops_bot.proposals.overview import Overview

_HERE: Final = Path(__file__).parent
_STYLE, _SCRIPT = "page.css", "page.js"
#: Characters of one text on the page.
_LONG: Final = 1000


def html(overview: Overview) -> str:
    """The page as text.

    Whatever is put into the template loses control and formatting characters and secrets, and is escaped. The browser
    may load nothing, and run only the one script, which its hash names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return templates.get_template("page.html.j2").render(
        view=view.of(overview),
        journeys=drawing.timelines(overview),
        chart=drawing.chart(overview),
        policy=_policy(),
    )


def _policy() -> str:
    """The content security policy: nothing from outside, and of this page only its own style and script."""
    own = f"style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(name: str) -> str:
    # The template takes a file in without its last line break.
    text = (_HERE / name).read_text(encoding="utf-8").removesuffix("\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _shown(value: Any) -> Any:
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value  # what has that method is markup of the template's own
    return plain(redact.strike(value), _LONG)
