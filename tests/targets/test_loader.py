"""The loader gives what ruamel.yaml gives by its own entrance, tree and refusal alike; plain texts need no loader."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets import loader, plain
from tests.tables import rows

DEPTH, TOKENS = 100, 10_000

TEXTS = {
    "nothing": "",
    "plain scalars": "a: b c  d # e\nurl: http://x:1/#y\nf:g: h\n? i\n: j\n",
    "plain over lines": "a: one\n  two\n\n  three # four\nb: 1\n",
    "a word before a document mark": "a: b\n---x: c\n",
    "two documents": "a: b\n---\nc: d\n",
    "quotes": "a: 'it''s'\nb: \"\\x41\\\n  b\"\n",
    "blocks": "a: |\n  b\n   c\n\nd: >-\n  e\n  f\n",
    "braces": "{a: [b, c: d, {e: f}], g: 'h', i?: j, k: l:m}\n",
    "anchors, twice": "a: &x 1\nb: *x\nc: &x {d: e}\nf: *x\n",
    "tags": "a: !!str 1\nb: !own {c: d}\n",
    "tag directive": "%TAG !e! tag:example.com,2000:\n---\na: !e!x b\n",
    "YAML 1.1": "%YAML 1.1\n---\na: on\nb: 010\nc: d?e\n",
    "a version that is none": "%YAML 1.3\n---\n'a': 'b'\n",
    "a version that is none, further down": "a: b\n%YAML 1.3\n---\nc: d\n",
    "windows": "a: b\r\n# c\r\nd:\r\n- e\r\n",
    "old line breaks": "a: b\rc: d\r",
    "byte order mark": "\ufeffa: b\n",
    "byte order mark inside": "a: b\ufeff c\n# \ufeff\nd: e\n",
    "astral characters": "a: 𝄞𝄞 # é\n𝄞: b\n",
    "types": "a: 1\nb: 1.5\nc: true\nd: null\ne:\nf: 2001-01-01\ng: <<\n<<: {}\n",
    "not indented": "a:\n- b\n- c: d\n  e: f\n",
    "badly indented": "a:\n  b: c\n d: e\n",
    "a value too much": "a: b: c\n",
    "a long key": f"{'k' * 1030}: a\n",
    "a key in braces over lines": "{a\n b: c}\n",
    "control character": "a: \x07\n",
    "too deep": "[" * (DEPTH + 1) + "]" * (DEPTH + 1),
    "an escape of no character": 'a: "\\UFFFFFFFF"\n',
    "template": "a: {{ b }}\n{{- c }}\n",
}


def told(mark: Any) -> tuple[int, int, int] | None:
    return None if mark is None else (mark.index, mark.line, mark.column)


def tree(node: Any, seen: dict[int, int]) -> Any:
    """All that is read of a node, as values; an alias is told by the number of its anchor's node."""
    if node is None or id(node) in seen:
        return node and seen[id(node)]
    seen[id(node)] = len(seen)
    match node:
        case ScalarNode():
            inside: Any = (node.value, node.style)
        case SequenceNode():
            inside = (node.flow_style, [tree(one, seen) for one in node.value])
        case MappingNode():
            inside = (node.flow_style, [(tree(key, seen), tree(value, seen)) for key, value in node.value])
    return str(node.ctag), node.anchor, told(node.start_mark), told(node.end_mark), inside


def ours(text: str) -> Any:
    return outcome(lambda: next(iter(loader.compose(text, DEPTH, TOKENS)), None))


def theirs(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEPTH
    yaml.composer.warn_double_anchors = False
    return outcome(lambda: yaml.compose(text))


def check(text: str) -> None:
    expected = theirs(text)
    assert ours(text) == expected
    root = plain.compose(text, DEPTH)
    assert root is None or tree(root, {}) == expected


def outcome(compose: Any) -> Any:
    try:
        return tree(compose(), {})
    except MarkedYAMLError as error:
        if error.problem == "the text is malformed":  # what escapes from ruamel.yaml, with the place where it did
            return type(error.__cause__)
        places = told(error.context_mark), told(error.problem_mark)
        return type(error), error.context, error.problem, *places
    except Exception as error:  # noqa: BLE001 - what else escapes from ruamel.yaml
        return type(error)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_tree_or_the_refusal_is_that_of_ruamel_yaml(text: str) -> None:
    check(text)


@given(
    st.lists(
        st.sampled_from([
            "a", "b c", ": ", ":", "- ", "-", "? ", "#", " #", "\n", "\n  ", "\r\n", " ", "  ", "[", "]", "{", "}",
            ", ", "&x ", "*x", "!!str ", "'", '"', "|\n", "> ", "---", "...", "%YAML 1.1\n---\n", "1", "~", "<<: ",
            "é", "\ufeff",
        ]),
        max_size=16,
    )
)  # fmt: skip
def test_so_it_is_for_anything_but_tabs(parts: list[str]) -> None:
    text = "".join(parts)
    check(text)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "  ", "    ", "- ", "  - ", "  -   ", " "]),
            st.sampled_from([
                "a: b", "name: ghcr.io/acme/web:1", "key:", "key :  v", "k: 'q'", "k: b # c", "k: [a, {b: c}]", "k: |",
                "text", "two words", "- a", "-", "--- x", "---x", "-- x", "...", "a.b/c-d: 1.0  ", "# c", "", "? a",
                ": b", "&x k: *x", "k: !!str 1", "k: a: b", "é: ü", "9: on", "k:v", "/a: /b", ".a: .b", "_: ~", "k: -",
                "k: - a",
            ]),
            st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\n # c\n", " \n"]),
        ),
        max_size=9,
    )
)  # fmt: skip
def test_so_it_is_for_any_lines_of_blocks(lines: list[tuple[str, str, str]]) -> None:
    text = "".join(part for line in lines for part in line)
    check(text)


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"\U0000d83d", r"\ud83d\ude00"])
def test_an_escape_of_half_a_character_is_refused_where_its_text_starts(escape: str) -> None:
    with pytest.raises(MarkedYAMLError) as refused:
        loader.compose(f'a: b\nc: "{escape}"\n', DEPTH, TOKENS)
    assert refused.value.problem == "found an escape of half a character"
    assert told(refused.value.problem_mark) == (8, 1, 3)


def test_what_one_text_says_of_its_version_means_nothing_to_the_next() -> None:
    first = ours("%YAML 1.1\n---\na: on\n")
    assert ours("a: on\n") == theirs("a: on\n")
    assert ours("%YAML 1.1\n---\na: on\n") == first


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("---\n# c\na:\n- b: 'c'\n  d: \"e\" # f\n-\n\n- - g\n  -   h.i/j: on\n", True), ("---\na: b\n- c", False),
        ("", False), ("a: b\n---\nc: d\n", False), (f"a: {'b' * 49_997}", True), (f"a: {'b' * 49_998}", False),
        ("a:\n  b", True), ("a:\nb", False), ("a: b\n c", False), (" a:\nb:", False), ("a: [b]", False), ("a", False),
        ("a: é", False),
        ("- " * 99 + "a", True), ("- " * 100 + "a", False), ("- " * 99 + "a:", False), ("- " * 98 + "a: b", True),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_what_most_people_write_needs_no_loader(text: str, is_plain: bool) -> None:
    check(text)
    assert (plain.compose(text, DEPTH) is not None) is is_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [("a:\tb\n", "b"), ("a: b\tc\n", "b\tc"), ("a: b \t # c\n", "b"), ("a: b\t\n", "b"), ("a:\t \t# c\n  b\n", "b")],
    ids=["behind a colon", "inside", "in front of a comment", "at the end", "before an empty rest"],
)
def test_tabs_are_blanks_wherever_no_key_can_start(text: str, value: str) -> None:
    node: Any = loader.compose(text, DEPTH, TOKENS)[0]
    assert [(key.value, one.value) for key, one in node.value] == [("a", value)]


@pytest.mark.parametrize("text", ["\ta: b\n", "a:\n\tb: c\n", "a:\n  - b\n\t- c\n"])
def test_tabs_do_not_indent(text: str) -> None:
    with pytest.raises(MarkedYAMLError):
        loader.compose(text, DEPTH, TOKENS)


@rows("text place", {
    "empty lists": ("[" + "[]," * 40 + "}", (0, 98)),
    "dashes": ("- a\n" * 50 + "}", (48, 2)),
    "keys": ("a: b\n" * 30 + "}", (24, 3)),
    "directives": ("%A b\n" * 100 + "}", (98, 0)),
})  # fmt: skip
def test_nothing_is_read_behind_as_many_tokens_as_may_be(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(loader.TooManyTokensError) as caught:
        loader.compose(text, DEPTH, 99)

    mark = caught.value.problem_mark
    assert (mark.line, mark.column) == place


@pytest.mark.parametrize("text", ["[" + "[]," * 31 + "]", "a: b\n" * 24, "%A b\n" * 95 + "---\n"])
def test_a_text_with_just_as_many_tokens_is_read(text: str) -> None:
    assert loader.compose(text, DEPTH, 99)


@pytest.mark.parametrize("unit", ["a", "a:", "é"], ids=["letters", "colons", "beyond ASCII"])
def test_a_long_word_takes_room_like_its_text_and_not_a_hundred_times_as_much(unit: str) -> None:
    value = unit * (200_000 // len(unit)) + "b"
    tracemalloc.start()
    try:
        root = loader.compose(f"key: {value}\n", DEPTH, TOKENS)[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(root, MappingNode)
    assert root.value[0][1].value == value
    assert peak < 40 * len(value)
