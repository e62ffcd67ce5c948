from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import document


def refusal(data: bytes) -> str:
    with pytest.raises(EditError) as caught:
        document.read(data, "k.yaml")
    assert caught.value.problem.code == "failed.edit"
    return f"{caught.value.problem.where}: {caught.value.problem.message}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"a: 1\n#\xff\n", "k.yaml:2:2: the file is not UTF-8", id="not UTF-8"),
        pytest.param(
            "\ufeffa: 1\r\nb: \u00e9".encode()[:-1], "k.yaml:2:4: the file is not UTF-8", id="cut inside a letter"
        ),
        pytest.param(b"a: 1\nb: {{ x }}-y\n", "k.yaml:2:11: the file is not YAML", id="a template"),
        pytest.param(b"a: 1\n\tb: 2\n", "k.yaml:2:1: the file is not YAML", id="a tab for indentation"),
        pytest.param(b"a: *b\n", "k.yaml:1:4: the file is not YAML: found undefined alias 'b'", id="an unknown alias"),
        pytest.param(b"a: 1\nb: \x00\n", "k.yaml:2:4: the file is not YAML: the character U+0000", id="a NUL"),
        pytest.param(b"a: 1\n---\nb: 2\n", "k.yaml:2:1: the file holds more than one document", id="two documents"),
        pytest.param("# \u2028\n".encode(), "k.yaml:1:3: U+2028 is a line break in YAML 1.1", id="a line separator"),
        pytest.param(b"a: " + b"[" * 101, "k.yaml:1:103: the file is nested over 100 deep", id="nested brackets"),
        pytest.param(b"#" * (1 << 20) + b"\n", "k.yaml: the file is larger than 1 MiB (1048577 bytes)", id="too large"),
        pytest.param(
            b"a: b\n" * 200_000, "k.yaml:25000:4: the file has more than 100,000 keys", id="1 MiB of small values"
        ),
        pytest.param(b"%YAML 3.0\n---\na: 1\n", "k.yaml:1:1: the file is not YAML", id="another YAML"),
    ],
)
def test_a_file_that_cannot_be_edited_is_refused_with_its_place(data: bytes, expected: str) -> None:
    assert refusal(data).startswith(expected)


def test_a_template_is_told_where_to_go() -> None:
    with pytest.raises(EditError) as caught:
        document.read(b"images: {{ x }}-y\n", "k.yaml")

    assert "template" in caught.value.problem.next


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a: " + b"[" * 98 + b"x" + b"]" * 98 + b"\n", id="nested just below the limit"),
        pytest.param(b"a: 1\n" + b"#" * ((1 << 20) - 6) + b"\n", id="1 MiB"),
        pytest.param(b"a: &x 1\nb: &x 2\n", id="an anchor given anew"),
        pytest.param(b"%YAML 1.1\n---\na: 1\n...\n", id="a directive and document marks"),
        pytest.param(b"a: 1\rb: 2\r", id="lone carriage returns"),
    ],
)
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
