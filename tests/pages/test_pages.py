"""Every page: its links lead somewhere, its commands parse, its configurations are read, addresses are explained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from gitops_bot import __version__, config
from gitops_bot.cli.main import cli
from tests.conftest import PROJECT
from tests.pages.markdown import anchors, blocks, links, pages, uses

if TYPE_CHECKING:
    from pathlib import Path

PAGES = pages()
README = PROJECT / "README.md"
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor that a relative link leads to.

    On GitHub, `../../actions/workflows/ci.yml` leads from a page at the top to the runs of a workflow of the same copy.
    """
    name, _, anchor = link.partition("#")
    if runs := re.fullmatch(r"\.\./\.\./actions/workflows/([\w.-]+?)(/badge\.svg)?", name):
        return PROJECT / ".github" / "workflows" / runs[1], anchor
    return ((page.parent / name).resolve() if name else page), anchor


def relative(page: Path) -> list[str]:
    return [link for link in links(text_of(page)) if not re.match(r"[a-z]+:", link)]


@every_page
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in relative(page):
        file, anchor = target(page, link)
        if not file.exists() or (anchor and anchor not in anchors(text_of(file))):
            broken.append(link)
    assert broken == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    reached, new = set(), {README}
    while new:
        page = new.pop()
        reached.add(page)
        new |= {file for link in relative(page) if (file := target(page, link)[0]) in PAGES and file not in reached}
    assert [page for page in PAGES if page not in reached] == []


def test_the_index_lists_every_page_of_the_documentation() -> None:
    index = PROJECT / "docs" / "README.md"
    listed = {target(index, link)[0] for link in relative(index)}
    expected = {page for page in PAGES if page.parent == index.parent and page != index}
    assert sorted(expected - listed) == []


@every_page
def test_every_command_is_one_that_the_program_takes(page: Path) -> None:
    for words in uses(text_of(page)):
        name, *arguments = words
        if name.startswith("-") or name == "COMMAND":
            continue
        command = cli.commands.get(name)
        assert command is not None, words
        try:
            command.make_context(name, [word for word in arguments if word != "..."], parent=click.Context(cli))
        except click.exceptions.Exit:
            pass  # --help
        except click.MissingParameter:
            assert not arguments, words  # a command that a sentence only names


@every_page
def test_the_reader_takes_every_configuration(page: Path) -> None:
    for block in blocks(text_of(page), "yaml"):
        if re.search(r"^environments:", block, re.MULTILINE) and "version: 1" in block:
            config.read(block, "gitops-bot.yaml")


def test_the_permissions_of_a_token_are_listed_on_one_page() -> None:
    listed = re.compile(r"(?:Contents|Pull requests)(?::| and | \|)|\{contents: write")
    told = {page.relative_to(PROJECT).as_posix() for page in PAGES if listed.search(text_of(page))}
    assert told - {"CHANGELOG.md"} == {"docs/token.md"}


def test_the_readme_is_short_and_shows_what_it_is_about() -> None:
    text = text_of(README)
    assert len(text.splitlines()) <= 170
    assert len(text.split()) <= 1560


def test_a_picture_is_small_and_has_a_text_for_those_who_do_not_see_it() -> None:
    for page in PAGES:
        for alternative, file in re.findall(r"!\[(.*?)\]\(([^)]+)\)", text_of(page)):
            if "shields.io" in file:
                continue
            assert len(alternative) > 20, file
            assert target(page, file)[0].stat().st_size <= 150_000


def where_the_bot_is_named() -> list[Path]:
    """The files to copy from that say which action or image to run."""
    files = [
        file for folder in ("docs", "examples") for file in sorted((PROJECT / folder).rglob("*")) if file.is_file()
    ]
    texts = [file for file in files if file.suffix in (".md", ".yml", ".yaml", "")]
    return [file for file in (*texts, README) if "acme/gitops-bot" in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", where_the_bot_is_named(), ids=lambda file: file.relative_to(PROJECT).as_posix())
def test_an_address_of_the_bot_says_where_it_comes_from_and_has_the_present_version(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert file.name == "install.md" or "install.md" in text
    assert set(re.findall(r"acme/gitops-bot:([\w.]+)", text)) <= {__version__}
    assert set(re.findall(r"newName: ghcr.io/acme/gitops-bot\n +newTag: (\S+)", text)) <= {__version__}
    assert set(re.findall(r"acme/gitops-bot//\S+\?ref=v([\d.]+)", text)) <= {__version__}
