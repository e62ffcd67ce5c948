from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_bot.images.reference import is_tag
from gitops_bot.targets.writing import is_plain_string, render
from tests.conftest import program

if TYPE_CHECKING:
    from pathlib import Path

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
DIGEST = "sha256:" + "0123456789abcdef" * 4

PLAIN = [
    "v1.4.2", "1.2.3", "1.2.3-rc.1", "latest", "sha-1a2b3c4", "main", "_1_000", "2024.01.15", "20240115-abcdef", "0x",
    "0xg", "0b2", "1e", "1.2e", "e5", "1-2", "24-01-15", "nan", "inf", "infinity", "yesterday", "nullable",
    "ghcr.io/acme/web", "localhost:5000/web", "v1..", "1.2.", "A", "0-0", "1.2.3@" + DIGEST, DIGEST,
]  # fmt: skip
QUOTED = [
    "1", "1.10", "1.", "0123", "0912345", "7284872", "20240115123000", "0o17", "0x1f", "0X1F", "0b11", "1_000", "1__0",
    "1e5", "1E5", "553640e6", "706798e8", "1.0e3", "1e-5", "1_e5", "1e_5", "1234e567", "0_1", "1._2", "0x_1f", "12.e03",
    "y", "Y", "n", "yes", "Yes", "YES", "no", "on", "On", "off", "true", "True", "FALSE", "null", "Null", "NULL",
    "2024-01-15", "2024-1-5", "2024_-01-15", "1:30", "1:30.5", "190:20:30", "2024-01-15T10:00:00",
]  # fmt: skip
#: What is not made of the letters of a reference.
ODD = [
    "", "~", "-1", ".5", "+1", "a:", "[::1]:5000/x", "{a}", "*a", "&a", "!a", "%a", "@a", "`a", " v1", "v1 ", "a: b",
    "a #b",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_a_string_of_every_parser_needs_no_quotes(text: str) -> None:
    assert is_plain_string(text)
    assert render(text) == text


@pytest.mark.parametrize("text", [*QUOTED, *ODD])
def test_what_some_parser_takes_for_something_else_is_quoted(text: str) -> None:
    assert not is_plain_string(text)
    assert render(text) == f'"{text}"'


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_stand_there_stay(quote: str) -> None:
    assert render("1.10", quote) == f"{quote}1.10{quote}"
    assert render("v1", quote) == f"{quote}v1{quote}"


@pytest.mark.parametrize("text", ['a"b', "a'b", "a\\b", "a\nb", "a\x00b", "a\u2028b"])
def test_what_would_need_an_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="without escapes"):
        render(text)


number_like = st.from_regex(r"[0-9_][0-9_]{0,5}([.eExXoObB_-][0-9a-fA-F_-]{0,6}){0,3}", fullmatch=True)
word_like = st.sampled_from([word for word in QUOTED if word.isalpha()]).flatmap(
    lambda word: st.sampled_from([word.lower(), word.upper(), word.title(), word.swapcase(), word + "s"])
)
any_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)
tags = (number_like | word_like | any_tag).filter(is_tag)


@given(tags, st.sampled_from([None, "'", '"']))
@settings(max_examples=20_000 if LONG else 150, deadline=None)
def test_every_tag_stays_a_string_under_yaml_1_1_and_1_2(tag: str, quote: str | None) -> None:
    written = f"newTag: {render(tag, quote)}\n"

    for text in (written, f"- {{{written.strip()}, digest: {render(DIGEST)}}}\n"):
        for value in (
            yaml.load(text, Loader=yaml.CSafeLoader),
            yaml.safe_load(text),
            YAML(typ="safe", pure=True).load(text),
            YAML(typ="safe", pure=True).load("%YAML 1.1\n---\n" + text),
        ):
            assert (value if isinstance(value, dict) else value[0])["newTag"] == tag


@given(st.lists(tags, min_size=1, max_size=400, unique=True))
@settings(max_examples=40 if LONG else 2, deadline=None)
def test_every_tag_stays_a_string_for_kustomize(tmp_path_factory: pytest.TempPathFactory, found: list[str]) -> None:
    everything = list(dict.fromkeys([*found, *(text for text in PLAIN + QUOTED if is_tag(text))]))

    assert kustomized(tmp_path_factory.mktemp("k"), everything) == [f"i{n}:{tag}" for n, tag in enumerate(everything)]


def kustomized(folder: Path, found: list[str]) -> list[str]:
    """The images of a Pod after kustomize gave each container one of the tags."""
    containers = [{"name": f"c{n}", "image": f"i{n}"} for n in range(len(found))]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    (folder / "pod.yaml").write_text(json.dumps(pod))
    lines = [f"- name: i{n}\n  newTag: {render(tag)}\n" for n, tag in enumerate(found)]
    (folder / "kustomization.yaml").write_text("resources: [pod.yaml]\nimages:\n" + "".join(lines))
    command = [program("kubectl"), "kustomize", str(folder)]
    rendered = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return [container["image"] for container in yaml.safe_load(rendered)["spec"]["containers"]]
