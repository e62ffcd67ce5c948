"""Files that are encrypted in part: SOPS leaves some values in clear text, and its MAC may cover these too.

The MAC covers every value, unless the file says `mac_only_encrypted: true`. sops, Flux and Argo CD refuse to decrypt a
file whose MAC does not fit: an edit of clear text by anything that has no key breaks the deployment.
"""

from __future__ import annotations

import re
from typing import Final

from ruamel.yaml.nodes import MappingNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, nodes

#: How an encrypted value begins.
_ENCRYPTED: Final = "ENC["
_TRUE: Final = ("true", "True", "TRUE")
#: In files of lines: `sops_mac=` in those of `KEY=value`, `mac = ` in INI files.
_MAC: Final = re.compile(rb"^[ \t]*(?:export[ \t]+)?(?:sops_)?mac[ \t]*[=:][ \t]*[\"']?ENC\[", re.MULTILINE)
_ONLY_ENCRYPTED: Final = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?(?:sops_)?mac_only_encrypted[ \t]*[=:][ \t]*[\"']?[Tt]rue\b", re.MULTILINE
)


def covering_mac(data: bytes, file: str) -> int | None:
    """The line of SOPS's MAC, counted from 1, where that covers clear text too; None for a file without such a one."""
    if b"sops" not in data or _ENCRYPTED.encode() not in data:
        return None
    try:
        roots = document.read(data, file, several=True).roots
    except EditError:
        roots = ()
    if not any(isinstance(root, MappingNode) for root in roots):
        match = _MAC.search(data)
        return None if match is None or _ONLY_ENCRYPTED.search(data) else data.count(b"\n", 0, match.start()) + 1
    for root in roots:  # sops writes it into each document
        metadata = nodes.value(root, "sops")
        mac = nodes.value(metadata, "mac")
        if mac is not None and nodes.text(metadata, "mac").startswith(_ENCRYPTED):
            only_encrypted = nodes.text(metadata, "mac_only_encrypted") in _TRUE
            return None if only_encrypted else mac.start_mark.line + 1
    return None


def refusal(file: str, mac: int, line: int, column: int) -> Problem:
    """Why the value there is not edited, where the MAC is on the line `mac`."""
    message = f"the MAC of SOPS (line {mac}) covers this value too, so that an edit without the key breaks decryption"
    advice = (
        f"Change it with `sops set {file} KEY VALUE`; or set `mac_only_encrypted: true` in .sops.yaml, and encrypt the "
        "file again."
    )
    return Problem("failed.edit", message, advice, file, line, column)
