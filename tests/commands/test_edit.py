from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gitops_bot.commands.edit import edit
from gitops_bot.errors import EditError, Problem, UsageError
from gitops_bot.images.reference import Assignment

D1 = "sha256:" + "0123456789abcdef" * 4
FILE = "app/kustomization.yaml"
TEXT = f"""\
images: # pinned by hand
- name: web
  newName: ghcr.io/acme/web
  newTag: v1 # stable
  digest: {D1}
- name: api
  newName: ghcr.io/acme/web
  newTag: v1
- name: postgres
  newTag: "16"
- name: broken
  newTag: ${{TAG}}
"""


@dataclass
class FakeDisk:
    """One directory in memory; it knows nothing else."""

    files: dict[str, bytes]
    written: list[str] = field(default_factory=list)

    def pin_files(self, path: str) -> list[str]:
        return [f"{path}/kustomization.yaml" if path == "app" else path]

    def beside(self, file: str) -> dict[str, bytes]:
        del file
        return {}

    def read(self, file: str) -> bytes:
        if file not in self.files:
            raise EditError(Problem("failed.edit", "missing", file=file))
        return self.files[file]

    def replace(self, file: str, *, before: bytes, after: bytes) -> None:
        assert self.files[file] == before
        self.files[file] = after
        self.written.append(file)


def disk() -> FakeDisk:
    return FakeDisk({FILE: TEXT.encode()})


def asked(*texts: str) -> list[Assignment]:
    return [Assignment.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("image", "names"),
    [
        pytest.param("web", ["web"], id="a name"),
        pytest.param("ghcr.io/acme/web", ["web", "api"], id="a repository of several entries"),
        pytest.param("docker.io/library/postgres", ["postgres"], id="a repository written out"),
        pytest.param("postgres", ["postgres"], id="a name that is a short repository"),
    ],
)
def test_an_image_means_the_entry_of_that_name_else_those_of_that_repository(image: str, names: list[str]) -> None:
    assert [change.entry.name for change in edit(disk(), "app", asked(f"{image}=v9")).body.changes] == names


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["web=v2", "redis=7"], ["no entry has the name 'redis'"], id="an unknown image"),
        pytest.param(
            ["web=v2", "x=1", "y=2"], ["no entry has the name 'x'", "no entry has the name 'y'"], id="two unknown ones"
        ),
        pytest.param(["web=v2", "UPPER=1"], ["no entry has the name 'UPPER'"], id="no repository name either"),
        pytest.param(["web=v2", "broken=v2"], ["newTag holds a template placeholder"], id="a refused entry"),
    ],
)
def test_all_pins_or_none(texts: list[str], expected: list[str]) -> None:
    where = disk()

    with pytest.raises(EditError) as caught:
        edit(where, "app", asked(*texts))

    assert [problem.message.partition(" or ")[0].partition(": ")[0] for problem in caught.value.problems] == expected
    assert all(problem.file == FILE for problem in caught.value.problems)
    assert where.files == {FILE: TEXT.encode()}


def test_images_of_which_no_entry_is_one_are_wrong_usage_told_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        edit(disk(), "app", asked("redis=7"))

    assert caught.value.problem.next == "It has: web, api, postgres, broken."


@pytest.mark.parametrize("texts", [["web=v2", "web=v3"], ["web=v2", "ghcr.io/acme/web=v3"]], ids=["name", "repository"])
def test_two_arguments_that_contradict_each_other_are_a_wrong_usage(texts: list[str]) -> None:
    where = disk()

    with pytest.raises(UsageError) as caught:
        edit(where, "app", asked(*texts))

    assert caught.value.problem.where == f"{FILE}:2:3"
    assert where.written == []
