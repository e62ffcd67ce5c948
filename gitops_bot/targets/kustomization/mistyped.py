"""Values without quotes that are texts to people and none to kustomize: `newTag: 1.10`.

kustomize decodes the file through go-yaml v2 into Go strings and refuses all of it where a value is a number or a
truth. What only other parsers take for something else (`2024-01-15`) is a string to it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import ScalarNode

from gitops_bot.targets.kustomization import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: The words of YAML 1.1 for true and false, which go-yaml takes in small letters, in capitals, and with one capital.
_TRUTHS = frozenset({"y", "yes", "on", "true", "n", "no", "off", "false"})
#: What Go's `strconv.ParseUint` takes by its prefix, and the floats of go-yaml, of which decimal integers are some.
_BY_PREFIX = re.compile(r"0(?:x[0-9a-f]+|o[0-7]+|b[01]+)", re.IGNORECASE)
_FLOAT = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?", re.IGNORECASE)
_BITS = 64


def problems(document: Document, node: Node) -> Iterator[Problem]:
    """What is wrong with the values of one item of `images:`."""
    for field, (_, value) in entry.fields(node).items():
        if not isinstance(value, ScalarNode) or value.style is not None:
            continue
        text = str(value.value)
        kind = _kind(text)
        if kind is not None:
            message = f"{field}: {text[:100]} is {kind} to kustomize, which refuses the file"
            yield document.problem(value, message, f'Write it in quotes: `{field}: "{text[:100]}"`.')


def _kind(text: str) -> str | None:
    """What kustomize takes a plain scalar for; None for a string, and for null, which it takes for no value.

    Signs and leading points are left to kustomize: no tag and no name begins with one.
    """
    if text.lower() in _TRUTHS and text in (text.lower(), text.upper(), text.title()):
        return "true or false"
    if not text[:1].isdecimal():
        return None
    digits = text.replace("_", "")  # go-yaml drops them first
    if _BY_PREFIX.fullmatch(digits):
        is_number = int(digits, 0).bit_length() <= _BITS  # a greater one stays a text
    else:
        is_number = _FLOAT.fullmatch(digits) is not None and math.isfinite(float(digits))
    return "a number" if is_number else None
