"""What stands in a file and is no tag, no digest or no text costs its own entry, or its own file, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import API, CONFIG, WEB, pinned
from tests.commands.scene import tags
from tests.counterparts.world import Deploy, overlay, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import World

TAG, DIGEST, YAML = "is not a tag", "is not a digest", "the file is not YAML"
#: The lines of an entry, where in its file the problem is, and what it is.
MALFORMED = {
    "a short digest": ("newTag: 1.0.0; digest: sha256:abc", "7:5", f"'sha256:abc' {DIGEST}"),
    "a digest in capitals": (f"digest: sha256:{'A' * 64}", "7:5", DIGEST),
    "a digest of another algorithm": (f"newTag: 1.0.0; digest: md5:{'a' * 32}", "7:5", DIGEST),
    "a tag as a digest": ("digest: latest", "7:5", f"'latest' {DIGEST}"),
    "a digest behind a tag": ("newTag: 1.0.0@sha256:abc", "7:5", f"'sha256:abc' {DIGEST}"),
    "two words": ("newTag: a b", "7:5", f"'a b' {TAG}"),
    "a hyphen in front": ("newTag: '-1'", "7:5", f"'-1' {TAG}"),
    "a long tag": (f"newTag: {'a' * 129}", "7:5", TAG),
    "a control character": (r'newTag: "1\e[2J"', "7:5", rf"'1\x1b[2J' {TAG}"),
    "half a character": (r'newTag: "\ud800"', "8:13", YAML),
    "no character": (r'newTag: "\UFFFFFFFF"', "8:16", YAML),
}


def malformed(worldwide: World, pins: str, more: Mapping[str, bytes] | None = None) -> Deploy:
    """`web` at 1.0.0 with 1.1.0 in the registry, and `api`, whose entry has these lines."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in ("web", "api"):
            deploy.push(name, "1.0.0")
            deploy.push(name, "1.1.0")
        own = {WEB: overlay([(deploy.image("web"), "newTag: 1.0.0")]), API: overlay([(deploy.image("api"), pins)])}
        return {"gitops-bot.yaml": CONFIG, **own, **(more or {})}

    return worldwide.deploy(files)


def check_out(deploy: Deploy) -> Path:
    """A folder with the files of the branch, and no git."""
    checkout = deploy.folder / "checkout"
    for path, data in deploy.files("main").items():
        file = checkout / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return checkout


def test_each_is_one_problem_with_its_place_and_the_others_are_written(worldwide: World) -> None:
    files = {f"apps/m{at}/production/kustomization.yaml": row for at, row in enumerate(MALFORMED.values())}
    more = {path: overlay([("acme/api", pins)]) for path, (pins, _, _) in files.items()}
    deploy = malformed(worldwide, "newTag: 1.0.0", more)
    expected = {f"{path}:{where}": what for path, (_, where, what) in files.items()}
    for command in ("audit", "update"):
        document = deploy.ask(command).json
        found = {f"{each['file']}:{each['line']}:{each['column']}": each["message"] for each in document["problems"]}
        assert (found.keys(), len(document["problems"])) == (expected.keys(), len(expected))
        assert all(what in found[place] for place, what in expected.items())
        assert {each["code"] for each in document["problems"]} == {"failed.edit"}
        assert document["complete"] is False
    done = deploy.bot("update")
    assert done.code == 1
    assert all(place in done.out for place in expected)
    after = deploy.files("gitops-bot/production/all")
    assert {path for path, data in deploy.files("main").items() if after[path] != data} == {WEB, API}
    for arguments in (("status",), ("history", "production")):
        assert deploy.ask(*arguments).code in (0, 1), arguments
    checked = run("check", cwd=check_out(deploy))
    assert checked.code == 1
    for place, what in expected.items():
        (told,) = (line for line in checked.err.splitlines() if place in line)
        assert what.encode("unicode_escape").decode().replace("\\\\", "\\") in told


def test_a_person_sets_it_right_by_a_pin_of_their_own(worldwide: World) -> None:
    deploy = malformed(worldwide, "newTag: 1.1.0; digest: sha256:abc")
    assert deploy.bot("set", "production", f"{deploy.image('api')}=1.1.0").code == 0
    assert tags(deploy, "gitops-bot/production/all") == {"web/web": "1.0.0", "api/api": "1.1.0"}
    assert b"sha256:abc" not in deploy.files("gitops-bot/production/all")[API]


#: Parts of paths that git takes, as it writes them in messages.
PARTS = ("ta\tb", "new\nline", "e\x1b[31msc", "del\x7f")


def test_a_directory_with_control_characters_in_its_name_costs_itself_alone(worldwide: World) -> None:
    paths = [API.replace("api", part) for part in PARTS]
    deploy = malformed(worldwide, "newTag: 1.0.0")
    checkout = check_out(deploy)
    for path in paths:
        (checkout / path).parent.mkdir(parents=True)
        (checkout / path).write_bytes((checkout / API).read_bytes())
    checked = run("check", cwd=checkout)
    assert checked.code == 1
    assert all(ascii(path)[1:-1] in checked.err for path in paths)
    deploy.remote.commit("main", dict.fromkeys(paths, deploy.files("main")[API]), message="odd names")
    done = deploy.ask("update")
    assert done.code == 1
    problems = [(problem["code"], problem["file"]) for problem in done.json["problems"]]
    assert sorted(problems) == sorted(("failed.edit", ascii(path)[1:-1]) for path in paths)
    for path in (WEB, API):
        assert b"newTag: 1.1.0" in deploy.remote.git("show", f"gitops-bot/production/all:{path}")


#: What `sha` may hold by mistake.
SHA = ("A" * 64, "abcdef", "XYZ", "a" * 63, "sha256:abc", f"sha256:{'A' * 64}")


def test_a_sha_that_is_neither_a_digest_nor_a_commit_is_never_left_beside_another_tag(worldwide: World) -> None:
    shas = (*SHA, "", "3f2a1b4", "b" * 40, "${SHA}", "c" * 64)

    def files(deploy: Deploy) -> dict[str, bytes]:
        for tag in ("1.0.0", "1.1.0"):
            deploy.push("web", tag)
        config = CONFIG.replace(b"apps/*/production", b"production/values.yaml")
        form = f"a{{}}: {{{{image: {{{{repository: {deploy.image('web')}, tag: 1.0.0, sha: '{{}}'}}}}}}}}\n"
        text = "".join(form.format(*pair) for pair in enumerate(shas))
        return {"gitops-bot.yaml": config, "production/values.yaml": text.encode()}

    deploy = worldwide.deploy(files)
    done = deploy.ask("update")
    assert done.code == 1
    assert [problem["line"] for problem in done.json["problems"]] == [*range(1, len(SHA) + 1)]
    before, after = (
        deploy.files(at)["production/values.yaml"].decode() for at in ("main", "gitops-bot/production/all")
    )
    assert after.splitlines()[: len(SHA)] == before.splitlines()[: len(SHA)]
    assert after.count("tag: 1.1.0") == len(shas) - len(SHA)
    (explained,) = deploy.ask("explain", "production", "a0.image").json["entries"]
    assert (explained["outcome"], explained["reason"]["code"]) == ("failed", "failed.edit")
    assert deploy.bot("set", "production", "a0.image=1.1.0").code == 0
    (first, *_) = deploy.files("gitops-bot/production/all")["production/values.yaml"].decode().splitlines()
    digest = deploy.push("web", "1.1.0").removeprefix("sha256:")
    assert first == f"a0: {{image: {{repository: {deploy.image('web')}, tag: 1.1.0, sha: '{digest}'}}}}"


def test_a_rollback_to_such_a_pin_says_where_that_release_had_it(worldwide: World) -> None:
    deploy = malformed(worldwide, "newTag: 1.0.0")
    before = deploy.files("main")[API]
    broken = pinned(before, ("newTag: 1.0.0", "newTag: a b"))
    wrong = deploy.remote.commit("main", {API: broken}, message="a tag by hand")
    deploy.remote.commit("main", {API: b"# one line more\n" + before}, message="mended")
    done = deploy.ask("rollback", "production", "--to", wrong)
    (problem,) = done.json["problems"]
    assert (done.code, problem["message"]) == (
        1,
        f"release 2 ({wrong[:10]}) has a malformed pin at {API}:7:5: 'a b' {TAG}",
    )
    assert (problem["file"], problem["line"], problem["next"]) == (API, 8, "Choose another release with `--to`.")
    assert deploy.bot("audit", "--keep-list").code == 0


TAG_NEXT = "A tag has letters, digits, `_`, `.` and `-`, at most 128 of them."
DIGEST_NEXT = "A digest is `sha256:` and 64 lower-case hexadecimal digits."
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{image: 'acme/web"
#: Files of a directory, and its one problem: file, line and column, message, next step.
TOLD: Mapping[str, tuple[dict[str, str], str, str, str]] = {
    "compose tag": (
        {"compose.yaml": "services:\n  web: {image: 'acme/web:a b'}\n"},
        *("compose.yaml:2:16", f"'a b' {TAG}", TAG_NEXT),
    ),
    "env digest": (
        {"compose.yaml": "services: {web: {image: 'acme/web:${T}@${D}'}}\n", ".env": "T=1\nD=sha256:abc\n"},
        *(".env:2:3", f"D: 'sha256:abc' {DIGEST}", DIGEST_NEXT),
    ),
    "env image": (
        {".env": "WEB_IMAGE=ghcr.io/acme/web:-1\n"},
        *(".env:1:11", "WEB_IMAGE is not an image", "Write it as in ghcr.io/acme/web:v1.2.3."),
    ),
    "helm tag": (
        {"values.yaml": "image:\n  repository: acme/web\n  tag: a b\n"},
        *("values.yaml:3:8", f"'a b' {TAG}", TAG_NEXT),
    ),
    "manifest digest": (
        {"pods.yaml": f"{POD}@sha256:abc'}}]}}\n"},
        *("pods.yaml:4:29", f"'sha256:abc' {DIGEST}", DIGEST_NEXT),
    ),
}


def test_check_says_of_every_kind_of_file_what_is_wrong_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "gitops-bot.yaml").write_bytes(CONFIG.replace(b"apps/*/production", b"production/*"))
    wanted = set()
    for number, (files, where, *told) in enumerate(TOLD.values(), 10):
        for name, text in files.items():
            file = tmp_path / "production" / str(number) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        wanted.add((f"production/{number}/{where}", *told))
    # A link is no problem: it is said not to be read.
    (tmp_path / "production" / "linked").mkdir()
    (tmp_path / "production" / "linked" / "kustomization.yaml").symlink_to("../10/kustomization.yaml")
    done = run("check", "--output", "json", cwd=tmp_path)
    problems = [
        (":".join(str(item[key]) for key in ("file", "line", "column") if item[key]), item["message"], item["next"])
        for item in done.json["problems"]
    ]
    assert set(problems) == wanted
    assert len(problems) == len(wanted)
    assert '"": {ignore' not in run("check", cwd=tmp_path).out
