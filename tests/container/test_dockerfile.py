"""The Dockerfile as a text, and the reader and the engine that stand in for a real one: both must refuse what fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.container.dockerfile import Unsupported, stages
from tests.container.engine import BuildError, Engine, rewritten
from tests.tables import rows

TEXT = (PROJECT / "Dockerfile").read_text(encoding="utf-8")


def test_there_are_two_stages_on_one_base_that_is_pinned() -> None:
    base, *others = stages(TEXT)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", base.base)
    assert [(stage.base, stage.name) for stage in others] == [("base", "build"), ("base", None)]
    assert base.instructions == []


def test_it_ends_as_a_user_whom_kubernetes_can_see_not_to_be_root() -> None:
    (user,) = (instruction for instruction in stages(TEXT)[-1].instructions if instruction.name == "USER")
    assert user.text == "10001:10001"


def test_what_is_installed_is_locked_and_never_built() -> None:
    texts = [instruction.text for stage in stages(TEXT) for instruction in stage.instructions]
    pip = [part for text in texts for part in re.split(r"&&|;|\|", text) if " install " in part and "pip" in part]
    assert len(pip) == 3
    for part in pip:
        locked = "--only-binary :all: --require-hashes" in " ".join(part.split())
        assert locked or "--no-deps --no-index dist/" in " ".join(part.split()), part


def test_the_build_is_given_what_it_copies_and_nothing_else() -> None:
    copied = {
        word
        for stage in stages(TEXT)
        for instruction in stage.instructions
        if instruction.name == "COPY" and "from" not in instruction.flags
        for word in instruction.text.split()[:-1]
    }
    kept = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert kept[0] == "*"
    assert copied == {line.removeprefix("!") for line in kept if line.startswith("!")}


def test_a_dockerfile_is_read_as_buildkit_reads_it() -> None:
    text = 'RUN a \\\n# why\n\n  b "#x"\n  # b\nuser 1:1\nCOPY --from=b /x /y\nRUN cmd --flag'
    (_, stage) = stages(f"FROM a AS b\n\nFROM scratch\n{text}")
    assert [(each.name, each.flags, each.text) for each in stage.instructions] == [
        ("RUN", {}, 'a   b "#x"'),
        ("USER", {}, "1:1"),
        ("COPY", {"from": "b"}, "/x /y"),
        ("RUN", {}, "cmd --flag"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "RUN a\n",
        "FROM a\nONBUILD RUN b\n",
        "FROM a\nCOPY --chown=1 x y\n",
        "FROM a b\n",
        "FROM a\nRUN cat <<EOF\nx\nEOF\n",
        "FROM a\nRUN b \\\n",
        "# escape=`\nFROM a\n",
        "FROM a\nENTRYPOINT x\n",
        'FROM a\nRUN ["a"]\n',
        "FROM a\nUSER 1:1\nRUN true\n",
        "FROM a\nCOPY o* ./\n",
        "FROM a\nENV A=${A:-b}\n",
    ],
)
def test_what_reader_and_engine_do_not_know_they_refuse(text: str, engine: Engine) -> None:
    with pytest.raises(Unsupported):
        engine.build(text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("rm -rf /var/lib/x/*", "rm -rf /R/var/lib/x/*"),
        ("a /b && c --to=/d;e </f", "a /R/b && c --to=/R/d ; e < /R/f"),
        ("a '/b c' \"/d\"", "a '/R/b c' \"/R/d\""),
        ("PATH=/a:/b c", "PATH=/R/a:/R/b c"),
        ("a ./b c/d https://e.example/f", "a ./b c/d https://e.example/f"),
        ("a >/dev/null", "a > /dev/null"),
        ("sh -c 'rm /b'", None),
        ("a $B", None),
        ("a `b`", None),
        ("a -I/b", None),
        ("a ~+/b {/c,/d}", None),
    ],
)
def test_no_command_reaches_out_of_the_folder(command: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(Unsupported):
            rewritten(command, Path("/R"))
    else:
        assert rewritten(command, Path("/R")) == expected


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    given = tmp_path / "context"
    (given / "src" / "deep").mkdir(parents=True)
    (given / "src" / "deep" / "a").write_text("a", "utf-8")
    (given / "one").write_text("1", "utf-8")
    return Engine(tmp_path, given, lambda _root, _name: None, {})


def test_a_build_is_carried_out(engine: Engine) -> None:
    image = engine.build(
        "FROM debian AS first\nWORKDIR /build\nCOPY one ./\nCOPY src src\nRUN cp src/deep/a /out && rm one\n"
        'FROM debian\nARG NAME=nobody\nENV PATH=/opt:$PATH W="two words" X=$NONE\nCOPY --from=first /out /build /opt/\n'
        'LABEL name=$NAME\nUSER 7:7\nENTRYPOINT ["x"]\nCMD ["y"]\nHEALTHCHECK --retries=3 CMD ["z"]\n',
        {"NAME": "ann"},
    )
    assert sorted(path.name for path in image.inside("/opt").rglob("*")) == ["a", "deep", "out", "src"]
    assert not image.inside("/build").exists()
    assert image.inside("../../etc/passwd") == image.root / "etc" / "passwd"
    assert image.environment["PATH"].startswith("/opt:/usr/local/bin")
    assert (image.environment["W"], image.environment["X"]) == ("two words", "")
    assert (image.labels, image.user) == ({"name": "ann"}, "7:7")
    assert (image.entrypoint, image.command, image.healthcheck) == (("x",), ("y",), ("z",))


@rows("text", {
    "a source that is missing": "COPY two ./\n",
    "two sources for one file": "COPY one src /x\n",
    "no such stage": "COPY --from=nobody one ./\n",
    "a wrong path": "COPY one /a/\nRUN cat /b/one\n",
    "a program that nobody installed": "RUN git --version\n",
    "an apt-get of another kind": "RUN true && apt-get upgrade\n",
})  # fmt: skip
def test_a_build_that_an_engine_would_not_finish_fails_here(text: str, engine: Engine) -> None:
    with pytest.raises(BuildError, match="Dockerfile:"):
        engine.build(f"FROM debian AS first\nFROM debian\n{text}")
