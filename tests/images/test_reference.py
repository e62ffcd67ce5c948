from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.errors import UsageError
from gitops_bot.images.reference import Assignment, ImageName, Pin, is_digest, is_tag, parse_assignments
from tests.tables import rows

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
LONG = f"sha512:{HEX}{HEX}"


@pytest.mark.parametrize("text", ["1", "latest", "_", "v1.2.3-rc.1", "a" * 128, "1e5", "null", "A.b_C-d", "0.-_"])
def test_a_tag(text: str) -> None:
    assert is_tag(text)


@pytest.mark.parametrize(
    "text",
    ["", ".a", "-a", "a" * 129, "a b", "a+b", "a:b", "a/b", "a@b", "~", "a\n", "\na", "a\0", "é", "\ud800",
     "\N{ARABIC-INDIC DIGIT ONE}"],
)  # fmt: skip
def test_no_tag(text: str) -> None:
    assert not is_tag(text)


@pytest.mark.parametrize("text", [DIGEST, LONG])
def test_a_digest(text: str) -> None:
    assert is_digest(text)


@pytest.mark.parametrize(
    "text",
    ["", HEX, "sha256:", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), f"sha256:{HEX.upper()}", f"sha512:{HEX}",
     f"sha1:{HEX[:40]}", f"md5:{HEX[:32]}", f"SHA256:{HEX}", f"@{DIGEST}", f"{DIGEST}\n", f" {DIGEST}", LONG[:-1]],
)  # fmt: skip
def test_no_digest(text: str) -> None:
    assert not is_digest(text)


@pytest.mark.parametrize(
    ("text", "registry", "path"),
    [
        ("nginx", "docker.io", "library/nginx"),
        ("docker.io/nginx", "docker.io", "library/nginx"),
        ("registry-1.docker.io/grafana/grafana", "docker.io", "grafana/grafana"),
        ("Docker.IO/nginx", "docker.io", "library/nginx"),
        ("ghcr.io/acme/web", "ghcr.io", "acme/web"),
        ("localhost:5000/web", "localhost:5000", "web"),
        ("10.0.0.1:5000/web", "10.0.0.1:5000", "web"),
        ("[::1]:5000/web", "[::1]:5000", "web"),
        ("[::FFFF:1.2.3.4]/web", "[::ffff:1.2.3.4]", "web"),
        ("xn--a.b/web", "xn--a.b", "web"),
        ("my-registry.example.com/web", "my-registry.example.com", "web"),
        ("ghcr.io/a_b/c__d/e.f/g---h/0", "ghcr.io", "a_b/c__d/e.f/g---h/0"),
    ],
)
def test_a_name_is_normalised(text: str, registry: str, path: str) -> None:
    assert ImageName.parse(text) == ImageName(registry, path)
    assert ImageName.parse(str(ImageName.parse(text))) == ImageName(registry, path)


@pytest.mark.parametrize(
    "text",
    ["", "/", "/web", "web/", "a//b", "ghcr.io/", "ghcr.io//a", "Web", "ghcr.io/Acme/web", "ghcr.io/web:1", "web:1",
     f"web@{DIGEST}", " web", "web ", "web\n", "a b", "-web", "web-", ".web", "a..b", "a._b", "a___b", "ghcr.io/..",
     "ghcr.io/../etc", "https://ghcr.io/web", "ghcr..io/web", ".ghcr.io/web", "-ghcr.io/web", "ghcr-.io/web",
     "gh_cr.io/web", "user@ghcr.io/web", "ghcr.io:/web", "ghcr.io:x/web", "ghcr.io:123456/web", "[::1/web", "é/web",
     "ghcr.io/é", "ghcr.io/\N{ARABIC-INDIC DIGIT ONE}", "ghcr.io/a\0b", "ghcr.io/$(id)", "ghcr.io/a?b", "ghcr.io/a#b",
     "999.999.999.999/x", "1.2.3/x", "127.1:5000/x", "010.0.0.1/x", "5000:5000/x", "a.b.1/x", "[::::]/x", "[....]/x",
     "[::ffff:1.2.3.4.5]/x", "[::1]x/x", "[1.2.3.4]/x",
     "ghcr.io/a%2fb", "ghcr.io/" + "a" * 248, "a" * 256, "a-" * 100_000, "a." * 100_000 + "/x"],
)  # fmt: skip
def test_no_name_is_refused_and_quoted_in_part(text: str) -> None:
    with pytest.raises(ValueError, match="is not an image repository name") as raised:
        ImageName.parse(text)
    assert repr(text[:300]) in str(raised.value)
    assert len(str(raised.value)) < 1500


@pytest.mark.parametrize(
    ("pin", "text"),
    [
        (Pin(), "(none)"),
        (Pin("1.2"), "1.2"),
        (Pin(None, DIGEST), f"@{DIGEST}"),
        (Pin("1.2", DIGEST), f"1.2@{DIGEST}"),
    ],
)
def test_a_pin_prints_as_it_is_read(pin: Pin, text: str) -> None:
    assert str(pin) == text


@pytest.mark.parametrize(
    ("text", "assignment"),
    [
        ("web=1.2", Assignment("web", Pin("1.2"))),
        (f"web=1.2@{DIGEST}", Assignment("web", Pin("1.2", DIGEST))),
        (f"web=@{DIGEST}", Assignment("web", Pin(None, DIGEST))),
        (f"web=@{LONG}", Assignment("web", Pin(None, LONG))),
        ("web=nginx:1.27", Assignment("web", Pin("1.27"), "nginx")),
        (f"web=nginx:1.27@{DIGEST}", Assignment("web", Pin("1.27", DIGEST), "nginx")),
        ("web=ghcr.io/acme/web:1", Assignment("web", Pin("1"), "ghcr.io/acme/web")),
        (f"web=ghcr.io/acme/web@{DIGEST}", Assignment("web", Pin(None, DIGEST), "ghcr.io/acme/web")),
        ("web=localhost:5000/web:1", Assignment("web", Pin("1"), "localhost:5000/web")),
        (f"web=localhost:5000/web@{DIGEST}", Assignment("web", Pin(None, DIGEST), "localhost:5000/web")),
        ("web=localhost:5000", Assignment("web", Pin("5000"), "localhost")),
        ("ghcr.io/acme/web=1", Assignment("ghcr.io/acme/web", Pin("1"))),
        # What stands before `@` is a tag unless it holds a slash or a colon.
        (f"web=nginx@{DIGEST}", Assignment("web", Pin("nginx", DIGEST))),
    ],
)
def test_an_assignment_reads_as_in_kustomize(text: str, assignment: Assignment) -> None:
    assert Assignment.parse(text) == assignment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not of the form IMAGE=PIN"),
        ("web", "is not of the form IMAGE=PIN"),
        ("web=1 2", "'1 2' is not a tag"),
        ("web=1.2@", "'' is not a digest"),
        (f"web=@{HEX}", "is not a digest"),
        (f"web=1@{DIGEST.upper()}", "is not a digest"),
        (f"web=1@{DIGEST}@{DIGEST}", "is not a digest"),
        ("web=nginx:", "'' is not a tag"),
        ("web=nginx:1:2", "'nginx:1' is not an image repository name"),
        ("web=ghcr.io/acme/web", "names an image but neither a tag nor a digest"),
        ("web=ghcr.io/Acme/web:1", "'ghcr.io/Acme/web' is not an image repository name"),
        ("web=https://ghcr.io/web:1", "is not an image repository name"),
        ("web=1\n", "has blanks beside the `=`"),
        ("web=" + "x" * 100_000, "is not a tag"),
    ],
)
def test_what_is_no_assignment_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"is not|neither|blanks") as raised:
        Assignment.parse(text)
    assert message in str(raised.value)


@rows("words advice", {
    "a colon": (["web:v1.2.4"], "write `web=v1.2.4`"),
    "a port": (["localhost:5000/web:v1.2.4"], "write `localhost:5000/web=v1.2.4`"),
    "a digest": ([f"web@{DIGEST}"], f"write `web=@{DIGEST}`"),
    "both": ([f"web:v1@{DIGEST}"], f"write `web=v1@{DIGEST}`"),
    "blanks": (["web = v1.2.4"], "write `web=v1.2.4`"),
    "blanks without quotes": (["web", "=", "v1.2.4"], "write `web=v1.2.4`"),
    "two words": (["web", "v1.2.4"], "write `web=v1.2.4`"),
    "no pin": (["web"], "write IMAGE=TAG, IMAGE=TAG@DIGEST, IMAGE=@DIGEST or IMAGE=NEWNAME:TAG, as in web=v1.4.2"),
    "no digest": (["web@sha256:1"], "write IMAGE=TAG, IMAGE=TAG@DIGEST, IMAGE=@DIGEST or IMAGE=NEWNAME:TAG, as in ..."),
})  # fmt: skip
def test_the_assignment_that_was_probably_meant_is_written_out(words: list[str], advice: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_assignments(words)
    (problem,) = raised.value.problems
    assert problem.next.startswith(advice.removesuffix("..."))
    assert len(str(raised.value)) < 500


TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
DIGESTS = st.sampled_from([None, DIGEST, LONG])
NAME = st.sampled_from(["nginx", "ghcr.io/acme/web", "localhost:5000/a/b", "[::1]:5000/a"])


@given(NAME, TAG, DIGESTS)
def test_a_new_name_before_a_pin_reads_back(name: str, tag: str, digest: str | None) -> None:
    pin = Pin(tag, digest)
    assert Assignment.parse(f"web={name}:{pin}") == Assignment("web", pin, name)


@given(st.text(alphabet="aA0.:/@=_-[]\n é" + "\0", max_size=24))
def test_any_text_is_read_to_something_valid_or_refused(text: str) -> None:
    try:
        read = Assignment.parse(text)
    except ValueError:
        return
    assert read.pin.tag is None or is_tag(read.pin.tag)
    assert read.pin.digest is None or is_digest(read.pin.digest)
    assert read.pin != Pin()
    assert read.new_name is None or ImageName.parse(read.new_name)
