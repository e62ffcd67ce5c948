from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import document
from tests.tables import rows


def refusal(data: bytes) -> str:
    with pytest.raises(EditError) as caught:
        document.read(data, "k.yaml")
    assert caught.value.problem.code == "failed.edit"
    return f"{caught.value.problem.where}: {caught.value.problem.message}"


@rows("data expected", {
    "not UTF-8": (b"a: 1\n#\xff\n", "k.yaml:2:2: the file is not UTF-8"),
    "cut inside a letter": ("\ufeffa: 1\r\nb: \u00e9".encode()[:-1], "k.yaml:2:4: the file is not UTF-8"),
    "a template": (b"a: 1\nb: {{ x }}-y\n", "k.yaml:2:11: the file is not YAML"),
    "a tab for indentation": (b"a: 1\n\tb: 2\n", "k.yaml:2:1: the file is not YAML"),
    "an unknown alias": (b"a: *b\n", "k.yaml:1:4: the file is not YAML: found undefined alias 'b'"),
    "a NUL": (b"a: 1\nb: \x00\n", "k.yaml:2:4: the file is not YAML: the character U+0000"),
    "two documents": (b"a: 1\n---\nb: 2\n", "k.yaml:2:1: the file holds more than one document"),
    "a line separator": ("# \u2028\n".encode(), "k.yaml:1:3: U+2028 is a line break in YAML 1.1"),
    "nested brackets": (b"a: " + b"[" * 101, "k.yaml:1:103: the file is nested over 100 deep"),
    "too large": (b"#" * (1 << 20) + b"\n", "k.yaml: the file is larger than 1 MiB (1048577 bytes)"),
    "1 MiB of small values": (b"a: b\n" * 200_000, "k.yaml:25000:4: the file has more than 100,000 keys"),
    "another YAML": (b"%YAML 3.0\n---\na: 1\n", "k.yaml:1:1: the file is not YAML"),
})  # fmt: skip
def test_a_file_that_cannot_be_edited_is_refused_with_its_place(data: bytes, expected: str) -> None:
    assert refusal(data).startswith(expected)


def test_a_template_is_told_where_to_go() -> None:
    with pytest.raises(EditError) as caught:
        document.read(b"images: {{ x }}-y\n", "k.yaml")

    assert "template" in caught.value.problem.next


@rows("data", {
    "nested just below the limit": b"a: " + b"[" * 98 + b"x" + b"]" * 98 + b"\n",
    "1 MiB": b"a: 1\n" + b"#" * ((1 << 20) - 6) + b"\n",
    "an anchor given anew": b"a: &x 1\nb: &x 2\n",
    "a directive and document marks": b"%YAML 1.1\n---\na: 1\n...\n",
    "lone carriage returns": b"a: 1\rb: 2\r",
})  # fmt: skip
def test_unusual_files_are_read(data: bytes) -> None:
    assert document.read(data, "k.yaml").text.encode() == data


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no byte order mark", "byte order mark"])
def test_the_marks_of_a_node_cut_it_out_of_the_text(newline: str, mark: str) -> None:
    text = f'{mark}# 😀{newline}a: "\u00e9😀"\t# c{newline}b: plain'
    parsed = document.read(text.encode(), "k.yaml")

    assert parsed.root is not None
    assert [[parsed.raw(node) for node in pair] for pair in parsed.root.value] == [["a", '"\u00e9😀"'], ["b", "plain"]]
    assert parsed.problem(parsed.root.value[1][1], "x").where == "k.yaml:3:4"
