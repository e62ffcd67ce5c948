"""Files of KEY=value lines: the pins in them are found, and edited with every other byte as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.layout.overlays import OverlayFile
from gitops_bot.targets import dotenv
from gitops_bot.targets.env import EnvImage, EnvTarget
from gitops_bot.targets.pin_file import edit

DIGEST, OLD = "sha256:" + "a" * 64, "sha256:" + "b" * 64
WEB = EnvImage("web", repository="ghcr.io/acme/web", tag="WEB_TAG", digest="WEB_DIGEST")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("WEB_IMAGE=ghcr.io/acme/web:1", "WEB_IMAGE=ghcr.io/acme/web:2@{}"),
        ("# ours\r\nWEB_IMAGE=web:1 # stays\r\nB=2\r\n", "# ours\r\nWEB_IMAGE=web:2@{} # stays\r\nB=2\r\n"),
        ("\ufeffexport  WEB_IMAGE = 'web:1'\t# it's\n\n", "\ufeffexport  WEB_IMAGE = 'web:2@{}'\t# it's\n\n"),
        (f'  WEB_IMAGE="web:1@{OLD}"', '  WEB_IMAGE="web:2@{}"'),
        ("KEY='\nWEB_IMAGE=web:0\n'\nWEB_IMAGE=web:1\n", "KEY='\nWEB_IMAGE=web:0\n'\nWEB_IMAGE=web:2@{}\n"),
        ("INHERITED\nA=\nB= \nWEB_IMAGE=web:1\n", "INHERITED\nA=\nB= \nWEB_IMAGE=web:2@{}\n"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    pins = EnvTarget().read(before.encode(), ".env")
    assert [(entry.name, entry.says) for entry in pins.entries] == [("WEB_IMAGE", None)]
    assert edit(pins, [Assignment("WEB_IMAGE", Pin("2", DIGEST))]) == after.format(DIGEST).encode()
    assert EnvTarget().count(before.encode()) == 1


def test_only_keys_of_images_with_a_pin_are_entries_by_themselves() -> None:
    data = b"A_IMAGE=web\nB_IMAGE=web:1\nIMAGES=web:1\nC_IMAGE=${B_IMAGE}\nD_IMAGE=Not An Image:1\nE_IMAGE=\nTAG=1\n"
    assert [entry.name for entry in EnvTarget().read(data, ".env").entries] == ["B_IMAGE"]


@pytest.mark.parametrize(
    ("data", "edited", "says"),
    [
        (f"WEB_TAG=1\nWEB_DIGEST={OLD}\n", f"WEB_TAG=2\nWEB_DIGEST={DIGEST}\n", None),
        ("WEB_TAG='1'\nWEB_DIGEST=\n", f"WEB_TAG='2'\nWEB_DIGEST={DIGEST}\n", None),
        (f"WEB_TAG=1@{OLD}\n", f"WEB_TAG=2@{DIGEST}\n", None),
        ("WEB_TAG=1\n", None, "tag"),
    ],
)
def test_tag_and_digest_by_themselves(data: str, edited: str | None, says: str | None) -> None:
    pins = EnvTarget((WEB,)).read(data.encode(), ".env")
    (entry,) = pins.entries
    assert (entry.name, str(entry.image), entry.says) == ("web", "ghcr.io/acme/web", says)
    if edited is not None:
        assert edit(pins, [Assignment("web", Pin("2", DIGEST))]) == edited.encode()
        if data.startswith(f"WEB_TAG=1\nWEB_DIGEST={OLD}"):
            with pytest.raises(EditError, match="leave empty"):
                edit(pins, [Assignment("web", Pin("2"))])
    else:
        assert edit(pins, [Assignment("web", Pin("2"))]) == data.replace("1", "2").encode()
        with pytest.raises(EditError, match="no place for a digest"):
            edit(pins, [Assignment("web", Pin("2", DIGEST))])


def test_a_tag_is_refused_where_only_a_digest_has_a_place() -> None:
    target = EnvTarget((EnvImage("web", repository="ghcr.io/acme/web", digest="WEB_DIGEST"),))
    pins = target.read(f"WEB_DIGEST={OLD}\n".encode(), ".env")
    assert edit(pins, [Assignment("web", Pin(None, DIGEST))]) == f"WEB_DIGEST={DIGEST}\n".encode()
    with pytest.raises(EditError, match="has no place for a tag"):
        edit(pins, [Assignment("web", Pin("2", DIGEST))])


def test_compose_files_beside_it_name_the_images_of_its_keys() -> None:
    compose = b"""\
services:
  web: {image: "${HOST:-ghcr.io}/acme/web:${WEB_TAG}@${WEB_DIGEST}"}
  job: {image: "${HOST:-ghcr.io}/acme/web:${WEB_TAG}@${WEB_DIGEST}"}
  api: {image: "acme/api:${API_TAG:-1}"}
  one: {image: "acme/one:${SHARED}"}
  two: {image: "acme/two:${SHARED}"}
  db: {image: "$DB"}
"""
    target = EnvTarget().beside({"compose.yaml": compose, "README": b"services:"})
    data = f"HOST=quay.io\nWEB_TAG=1\nWEB_DIGEST={OLD}\nAPI_TAG=\nSHARED=1\nDB=postgres:16\n".encode()
    pins = target.read(data, ".env")
    assert [(entry.name, str(entry.image), str(entry.pin), bool(entry.refusal)) for entry in pins.entries] == [
        ("WEB_TAG", "quay.io/acme/web", f"1@{OLD}", False),
        ("SHARED", "docker.io/acme/one", "1", True),
        ("DB", "docker.io/library/postgres", "16", False),
    ]
    refusal = pins.entries[1].refusal
    assert refusal is not None
    assert refusal.message == "SHARED is a part of 2 images: acme/one, acme/two:${SHARED}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("WEB_TAG=1\nB=2\nWEB_TAG=3\n", "WEB_TAG is given 2 times (lines 1, 3), and the last one counts"),
        ("WEB_TAG=${V}\n", "WEB_TAG is put together from other variables"),
        ("WEB_TAG=not a tag\n", "WEB_TAG: 'not a tag' is not a tag"),
        ("WEB_TAG= # none\n", "WEB_TAG: '# none' is not a tag"),
        ("WEB_TAG=1\nWEB_DIGEST=abc\n", "WEB_DIGEST: 'abc' is not a digest"),
        (
            "WEB_TAG=1\nWEB_TAG='1\n2'\n",
            "WEB_TAG is given twice, and the last value, which counts, runs over several lines",
        ),
    ],
)
def test_what_is_no_clear_pin_is_refused(data: str, message: str) -> None:
    (entry,) = EnvTarget((WEB,)).read(data.encode(), ".env").entries
    assert entry.refusal is not None
    assert entry.refusal.message == message


def test_a_value_of_several_lines_costs_no_other_key_its_entry() -> None:
    data = b"CERT=1\nCERT='1\n2'\nWEB_IMAGE=acme/web:1\nAPI_IMAGE=acme/api:1\nAPI_IMAGE='acme/api:2\n'\n"
    assert [(entry.name, bool(entry.refusal)) for entry in EnvTarget().read(data, ".env").entries] == [
        ("WEB_IMAGE", False),
        ("API_IMAGE", True),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"A=1\nno statement\n", b"A='1\n", b"A='1' B=2\n", b"\0", b"A=\xff\n", b"A=1\rB=2\n", b"A=1\n" * 20_001,
        b"<<<<<<< HEAD\nA=1\n",
    ],
)  # fmt: skip
def test_a_file_that_programs_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(EditError):
        EnvTarget().read(data, ".env")
    assert EnvTarget().count(data + b"A_IMAGE=a:1") in (0, 1)


def test_what_is_not_proved_is_not_written() -> None:
    for after in ("A=1\nB=2\n", "A=2\nB=2\nC=1\n", "A=2\nB=3\n", "A=2 \nB=2\n", "B=2\nA=2\n", "A=2\n\nB=2\n"):
        with pytest.raises(EditError, match="could not be proved"):
            dotenv.prove("A=1\nB=2\n", after, {"A": "2"}, ".env")
    dotenv.prove("A=1\nB=2\n", "A=2\nB=2\n", {"A": "2"}, ".env")


def test_a_file_whose_keys_only_compose_files_explain_is_kept() -> None:
    found = OverlayFile("prod", "prod/.env", "prod", {}, EnvTarget(), by_content=True)
    for name in ("compose.yaml", "compose.override.yaml", "docker-compose.prod.yml"):
        beside = {name: b"services: {web: {image: 'web:${WEB_TAG}'}}\n"}
        for data, kept in ((b"WEB_TAG=1\n", True), (b"OTHER=1\n", False)):
            assert (found.known_by({**beside, ".env": data}) is not None) is kept


LINES = st.one_of(
    st.sampled_from(
        ["", "# a comment", "export X=1", "Y: 2", "Z", "Q='a\nW_IMAGE=no:1\nb'", 'M="x\\"\ny"', "P=it's", "S=a b # c"]
    ),
    st.from_regex(r"[A-Z_]{1,5}=[ -~]{0,20}", fullmatch=True),
    st.builds(
        "{}{}={}{}{}{}".format,
        st.sampled_from(["", "export ", "\t"]),
        st.sampled_from(["A_IMAGE", "B_IMAGE", "IMAGE"]),
        st.sampled_from(["", " "]),
        st.sampled_from(["a:1", "'a:1'", '"ghcr.io/x/a:1"', f"a@{OLD}", "a", "${A}:1", "'a:1"]),
        st.sampled_from(["", "  ", " # why", "\t# why", "#x"]),
        st.just(""),
    ),
)


@example(lines=["B_IMAGE=a:1", "B_IMAGE='a:1", "A='"], end="\n", last=False)  # the value that counts has two lines
@given(lines=st.lists(LINES, max_size=8), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_any_file_is_refused_or_edited_as_docker_compose_reads_it(lines: list[str], end: str, last: bool) -> None:
    text = end.join(line.replace("\n", end) for line in lines) + (end if last else "")
    try:
        pins = EnvTarget().read(text.encode(), ".env")
    except EditError:
        return
    before = dotenv.values(text)
    for entry in pins.entries:
        if entry.refusal is None:
            after = edit(pins, [Assignment(entry.name, Pin("9", DIGEST))]).decode()
            image = f"{entry.repository}:9@{DIGEST}"
            assert dotenv.values(after) == before | {entry.name: image}
            old, new = text.split("\n"), after.split("\n")
            changed = [at for at, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
            assert changed == [entry.line - 1]
            assert new[entry.line - 1].replace(image, before[entry.name], 1) == old[entry.line - 1]
            again = EnvTarget().read(after.encode(), ".env")
            assert edit(again, [Assignment(entry.name, Pin("9", DIGEST))]) == after.encode()
