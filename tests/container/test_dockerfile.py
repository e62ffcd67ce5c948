"""The Dockerfile as a text, and the reader and the engine that stand in for a real one: both must refuse what fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT, program
from tests.container import context
from tests.container.dockerfile import Instruction, Unsupported, assignments, expand, stages
from tests.container.engine import BuildError, Engine, Image, rewritten

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
        if instruction.name == "COPY" and instruction.one("from") is None
        for word in instruction.text.split()[:-1]
    }
    kept = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert kept[0] == "*"
    assert copied == {line.removeprefix("!") for line in kept if line.startswith("!")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RUN a \\\n  b\n", [("RUN", "a   b")], id="a continued line"),
        pytest.param("RUN a \\\n# why\n\n  b\n", [("RUN", "a   b")], id="comments between continued lines"),
        pytest.param("# a\n  # b\nuser 1:1\n", [("USER", "1:1")], id="comments and small letters"),
        pytest.param('RUN echo "#x"\n', [("RUN", 'echo "#x"')], id="no comment"),
        pytest.param('USER 1\nENTRYPOINT ["a"]', [("USER", "1"), ("ENTRYPOINT", '["a"]')], id="no last line break"),
    ],
)
def test_a_dockerfile_is_read_as_buildkit_reads_it(text: str, expected: list[tuple[str, str]]) -> None:
    (stage,) = stages(f"FROM a\n{text}")
    assert [(instruction.name, instruction.text) for instruction in stage.instructions] == expected


def test_flags_stand_before_the_words() -> None:
    _, stage = stages("FROM a AS b\nFROM scratch\nCOPY --from=b /x /y\nRUN cmd --flag\n")
    assert [(each.flags, each.text) for each in stage.instructions] == [
        ((("from", "b"),), "/x /y"),
        ((), "cmd --flag"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "RUN a\n",
        "FROM a\nONBUILD RUN b\n",
        'FROM a\nSHELL ["bash"]\n',
        "FROM a\nCOPY --chown=1 x y\n",
        "FROM a\nRUN --mount=type=secret,id=x cat x\n",
        "FROM --platform=x a\n",
        "FROM a b\n",
        "FROM a\nRUN cat <<EOF\nx\nEOF\n",
        "FROM a\nRUN b \\\n",
        "# escape=`\nFROM a\n",
        "",
    ],
)
def test_what_the_reader_does_not_know_it_refuses(text: str) -> None:
    with pytest.raises(Unsupported):
        stages(text)


def test_variables_are_put_in_as_they_were_before() -> None:
    line = Instruction(1, "ENV", (), 'A=/x:$A B="two words" C=${B}')
    assert assignments(line, {"A": "/a"}) == {"A": "/x:/a", "B": "two words", "C": ""}
    with pytest.raises(Unsupported):
        expand("${A:-b}", {})


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (["*", "!a"], ["a/b.py", "a/c/__pycache__/b.pyc", "a/x"]),
        (["*", "!a", "**/__pycache__"], ["a/b.py", "a/x"]),
        (["a", "!a/x"], ["a/x", "z/y"]),
        (["*/x"], ["a/b.py", "a/c/__pycache__/b.pyc", "z/y"]),
        (["**/*.py?"], None),
    ],
    ids=["all but one folder", "caches", "the last rule decides", "one level", "refused"],
)
def test_dockerignore_decides_what_the_build_sees(rules: list[str], left: list[str] | None) -> None:
    names = ["a/b.py", "a/c/__pycache__/b.pyc", "a/x", "z/y"]
    if left is None:
        with pytest.raises(Unsupported):
            context.left(rules, names)
    else:
        assert context.left(rules, names) == left


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
        "FROM debian\nARG NAME=nobody\nENV PATH=/opt:$PATH\nCOPY --from=first /out /build /opt/\n"
        'LABEL name=$NAME\nUSER 7:7\nENTRYPOINT ["x"]\nCMD ["y"]\nHEALTHCHECK --retries=3 CMD ["z"]\n',
        {"NAME": "ann"},
    )
    assert sorted(path.name for path in image.inside("/opt").rglob("*")) == ["a", "deep", "out", "src"]
    assert not image.inside("/build").exists()
    assert image.environment["PATH"].startswith("/opt:/usr/local/bin")
    assert (image.labels, image.user) == ({"name": "ann"}, "7:7")
    assert (image.entrypoint, image.command, image.healthcheck) == (("x",), ("y",), ("z",))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("COPY two ./\n", id="a source that is missing"),
        pytest.param("COPY one src /x\n", id="two sources for one file"),
        pytest.param("COPY --from=nobody one ./\n", id="no such stage"),
        pytest.param("COPY one /a/\nRUN cat /b/one\n", id="a wrong path"),
        pytest.param("RUN cat one\n", id="nothing was copied"),
        pytest.param("RUN git --version\n", id="a program that nobody installed"),
        pytest.param("RUN false || exit 3\n", id="a command that fails"),
        pytest.param("RUN true && apt-get upgrade\n", id="an apt-get of another kind"),
    ],
)
def test_a_build_that_an_engine_would_not_finish_fails_here(text: str, engine: Engine) -> None:
    with pytest.raises(BuildError, match="Dockerfile:"):
        engine.build(f"FROM debian AS first\nFROM debian\n{text}")


def test_an_image_has_the_programs_that_it_installs(engine: Engine) -> None:
    program("apt-get")
    image = engine.build("FROM debian\nRUN apt-get install --yes git\nRUN git --version\n")
    assert image.inside("/usr/bin/git").exists()
    with pytest.raises(BuildError, match="Unable to locate package"):
        Engine(engine.folder / "other", engine.context, engine.base, {}).build(
            "FROM debian\nRUN apt-get install --yes gitops-no-such-package\n"
        )


@pytest.mark.parametrize("text", ["ENTRYPOINT x\n", 'RUN ["a"]\n', "USER 1:1\nRUN true\n", "COPY o* ./\n"])
def test_what_the_engine_does_not_do_it_refuses(text: str, engine: Engine) -> None:
    with pytest.raises(Unsupported):
        engine.build(f"FROM debian\n{text}")


def test_a_path_of_the_image_never_leaves_it(tmp_path: Path) -> None:
    image = Image(tmp_path, workdir="/a/b")
    assert image.inside("../../../../etc/passwd") == tmp_path / "etc" / "passwd"
    assert image.inside("/../etc") == tmp_path / "etc"
    assert image.inside("c") == tmp_path / "a" / "b" / "c"
