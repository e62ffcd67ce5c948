"""Texts that others may write into names, tags and reasons, each of which means something in Markdown or HTML."""

from __future__ import annotations

#: How the bot marks a pull request that it closes.
CLOSED = "<!-- gitops-bot:closed -->"

HOSTILE = {
    "pipes": "a|b||c|",
    "escaped pipes": "a\\|b\\\\|c\\",
    "back-ticks": "`a``b```c",
    "only back-ticks": "```",
    "line breaks": "a\nb\r\nc\rd\u2028e\x85f\x0bg",
    "a new row": "x |\n| a | b | c | d | e |",
    "an end of the table": "x\n\n# heading\n\n- item",
    "HTML": "<img src=x onerror=alert(1)><script>x</script>",
    "a comment": "<!-- x",
    "the end of a comment": "x --> y --!> z -> <!-->",
    "the closing mark": CLOSED,
    "the closing mark on its own line": f"x\n{CLOSED}\ny",
    "a plan mark": f"\n<!-- gitops-bot:plan {'0' * 64} -->\n",
    "pin marks": f"\n<!-- gitops-bot:pins {'0' * 16} -->\n",
    "mentions": "@acme/team @ada me@example.test",
    "issues": "fixes #1, closes acme/deploy#2",
    "issues by their short name": "fixes GH-1, closes gh-2",
    "lists": "- a",
    "numbered lists": "1. a",
    "rules": "---",
    "a ticked box": "- [x] done",
    "a ticked box on its own line": "x\n\n- [x] done\n",
    "the end of the bot's part": "\n<!-- gitops-bot:end -->\n",
    "the end of a section": "</summary></details>\n\n</details>\n\n# x",
    "a fence": "```\n```sh\nx",
    "links": "[x](https://evil.test) ![y](https://evil.test/z.png) <https://evil.test> https://evil.test www.evil.test",
    "emphasis": "*a* __b__ ~~c~~ $d$ &lt;",
    "control characters": "a\x00b\x1b[2Jc\x7f\x9b",
    "bidirectional": "a\u202eb\u2066c\u200fd",
    "invisible": "\u200b\u2060\ufeff",
    "blank": " \t ",
    "a lone surrogate": "a\ud800b",
    "long": "x" * 10_000,
    "long and escaped": "|`" * 5_000,
    "long and wide": "\U0001f600" * 10_000,
}
