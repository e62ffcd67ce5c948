#!/usr/bin/env python3
"""Prints what CHANGELOG.md says of a version, as the text of its release on GitHub.

There, a line break within a sentence would be shown, and a relative link would lead nowhere: `--at` is the address of
the repository's files at the tag.
"""

import argparse
import re
import sys
from pathlib import Path

_HEADING = re.compile(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)
#: A link that is neither an address nor a place on the page.
_RELATIVE = re.compile(r"\]\((?![a-z]+:|#)([^()\s]+)\)")
#: A break before a line that is indented, as the rest of a list's item is, and begins no item of its own.
_WRAPPED = re.compile(r"\n +(?!- )(?=\S)")


def sections(changelog: str) -> dict[str, tuple[str | None, str]]:
    """Version -> the day of its release, and its text."""
    _, *parts = _HEADING.split(changelog)
    return {parts[at]: (parts[at + 1], parts[at + 2].strip()) for at in range(0, len(parts), 3)}


def notes(changelog: str, version: str, at: str) -> str:
    """The text of a release.

    Raises:
        ValueError: the changelog is not ready for it; the message says what to write.
    """
    found = sections(changelog)
    if found.keys() == {"Unreleased"}:  # before the first release, all of it is new
        found = {version: ("", found["Unreleased"][1])}
    day, text = found.get(version, (None, ""))
    if day is None or not text:
        raise ValueError(
            f"CHANGELOG.md has no changes under '## [{version}] - YYYY-MM-DD': rename [Unreleased] to that"
        )
    if found.get("Unreleased", (None, ""))[1]:
        raise ValueError(f"CHANGELOG.md has changes under [Unreleased], which are part of {version}: move them there")
    return _RELATIVE.sub(rf"]({at}/\1)", _WRAPPED.sub(" ", text)) + "\n"


def main() -> int:
    """Print them; 1 where the changelog is not ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 1.2.3")
    parser.add_argument("--at", required=True, metavar="URL", help="such as https://github.com/OWNER/NAME/blob/v1.2.3")
    given = parser.parse_args()
    try:
        text = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
        sys.stdout.write(notes(text, given.version, given.at))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
