"""Texts that others may write into names, tags and reasons, each of which means something in Markdown or HTML."""

from __future__ import annotations

#: How the bot marks a pull request that it closes.
CLOSED = "<!-- gitops-bot:closed -->"

HOSTILE = {
    "pipes": "a|b||c|",
    "back-ticks": "`a``b```c",
    "line breaks": "a\nb\r\nc\rd\u2028e\x85f\x0bg",
    "a new row": "x |\n| a | b | c | d | e |",
    "HTML": "<img src=x onerror=alert(1)><script>x</script>",
    "the end of a comment": "x --> y --!> z -> <!-->",
    "the closing mark on its own line": f"x\n{CLOSED}\ny",
    "a plan mark": f"\n<!-- gitops-bot:plan {'0' * 64} -->\n",
    "pin marks": f"\n<!-- gitops-bot:pins {'0' * 16} -->\n",
    "mentions": "@acme/team @ada me@example.test",
    "issues": "fixes #1, closes acme/deploy#2",
    "numbered lists": "1. a",
    "a ticked box on its own line": "x\n\n- [x] done\n",
    "the end of the bot's part": "\n<!-- gitops-bot:end -->\n",
    "the end of a section": "</summary></details>\n\n</details>\n\n# x",
    "a fence": "```\n```sh\nx",
    "links": "[x](https://evil.test) ![y](https://evil.test/z.png) <https://evil.test> https://evil.test www.evil.test",
    "emphasis": "*a* __b__ ~~c~~ $d$ &lt;",
    "control characters": "a\x00b\x1b[2Jc\x7f\x9b",
    "bidirectional": "a\u202eb\u2066c\u200fd",
    "invisible": "\u200b\u2060\ufeff",
    "a lone surrogate": "a\ud800b",
    "long and escaped": "|`" * 5_000,
    "long and wide": "\U0001f600" * 10_000,
}
