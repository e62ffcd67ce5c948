"""Build times by the APIs of registries, each as it is documented, and what becomes of it without one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.facts import PackageApi, fixed
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.times.apis import MOST_PAGES, ListUnusable, PackagePage, PackageVersion, newest_first
from gitops_bot.images.age import choose_newest, timed_tags
from gitops_bot.images.kinds import Newest
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.image_server import FIRST, Images, filled, transport
from tests.tables import rows

#: No cloud is asked for a login, whatever these tests run on.
NOWHERE = {"NO_GCE_CHECK": "true", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"}
#: Registry, and where its list of images is, as far as it is on the first page.
APIS = {
    "ghcr.io": "GET http://api.github.com/orgs/acme/packages/container/web/versions?per_page=100&state=active&page=1",
    "docker.io": (
        "GET http://hub.docker.com/v2/namespaces/acme/repositories/web/tags?page_size=100&ordering=last_updated&page=1"
    ),
    "harbor.acme.io": (
        "GET http://harbor.acme.io/api/v2.0/projects/acme/repositories/web/artifacts"
        "?page_size=100&with_tag=true&sort=-push_time&page=1"
    ),
    "europe-docker.pkg.dev": "GET http://europe-docker.pkg.dev/v2/acme/web/tags/list",
    "eu.gcr.io": "GET http://eu.gcr.io/v2/acme/web/tags/list",
    "quay.io": "GET http://quay.io/api/v1/repository/acme/web/tag/?limit=100&onlyActiveTags=true&page=1",
    "acme.azurecr.io": "GET http://acme.azurecr.io/acr/v1/acme/web/_tags?n=100&orderby=timedesc",
}
PACKAGES = PackageApi("ghcr.io", "api.github.com", {"Accept": "application/json"}, fixed("t"))
PATHS = {name: address.split(" ")[1].split("?")[0].split("/", 3)[3] for name, address in APIS.items()}


def asked(images: Images, registry: str, token: str | None = "t", **access: RegistryAccess) -> Registry:
    """A registry edge for which the images stand for the whole internet."""
    return Registry(
        {registry: RegistryAccess(plain_http=True, password_env="TOKEN" if token else None), **access},
        {**NOWHERE, **({"TOKEN": token} if token else {})},
        StillClock(),
        packages=[replace(PACKAGES, token=fixed("never in plain text"))],
        transport=transport(images),
    )


@pytest.mark.parametrize("registry", APIS)
def test_864_tags_in_at_most_four_requests(registry: str) -> None:
    images = filled(864, 1)
    newest, present = images.newest_first[:2]
    image = ImageName(registry, "acme/web")
    with asked(images, registry) as edge:
        tags = edge.tags(image)
        images.seen.clear()
        got = edge.times(image, tags, Pin(present.tag, present.digest))
    assert images.seen == [APIS[registry]]
    assert (got.source, got.pinned) == ("pushed", present.pushed)
    assert max(got.times, key=lambda tag: got.times[tag] or FIRST) == newest.tag


@pytest.mark.parametrize("registry", APIS)
def test_pages_are_read_until_the_present_pin_is_met(registry: str) -> None:
    images = filled(450, 1)
    present = images.newest_first[250]
    image = ImageName(registry, "acme/web")
    with asked(images, registry) as edge:
        tags = edge.tags(image)
        images.seen.clear()
        got = edge.times(image, tags, Pin(None, present.digest))
    assert len(images.seen) == (1 if "gcr.io" in registry or "pkg.dev" in registry else 3)
    assert got.pinned == present.pushed
    assert {tag for tag, time in got.times.items() if time is not None} >= {
        each.tag for each in images.newest_first[:251]
    }


@pytest.mark.parametrize("registry", APIS)
@rows("instead", {
    "refused": (403, b'{"message": "no"}'),
    "not there": (404, b""),
    "a login page": (200, b"<html>"),
    "another form": (200, b'{"manifest": [], "results": 5, "tags": {"a": 1}}'),
    "a deep one": (200, b"[" * 100_000),
})  # fmt: skip
def test_images_are_read_where_the_api_cannot_be_used(registry: str, instead: tuple[int, bytes]) -> None:
    images = filled(3, 1)
    image = ImageName(registry, "acme/web")
    with asked(images, registry) as edge:
        tags = edge.tags(image)
        images.instead[f"/{PATHS[registry]}"] = instead
        images.instead["/users/acme/packages/container/web/versions"] = instead
        got = edge.times(image, tags, Pin())
    assert got.source == "created"
    assert got.times == {each.tag: each.pushed for each in images.images}


@pytest.mark.parametrize("token", ["t", None])
def test_a_package_of_a_user_is_looked_for_there_and_nowhere_without_a_token(
    token: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    images = filled(5, 1)
    images.repository = "ada/tools/web"
    image = ImageName("ghcr.io", "ada/tools/web")
    with asked(images, "ghcr.io", token) as edge:
        source = edge.times(image, edge.tags(image), Pin()).source
    assert [line.split("?")[0] for line in images.seen if "api.github.com" in line] == [
        f"GET http://api.github.com/{kind}/ada/packages/container/tools%2Fweb/versions"
        for kind in (("orgs", "users") if token else ())  # the forge's token, but for plain http
    ]
    assert source == ("pushed" if token else "created")
    assert (token is None) == ("read:packages" in capsys.readouterr().err)


def test_a_digest_that_the_list_has_no_more_is_as_old_as_its_tag() -> None:
    images = filled(10, 1)
    image, present = ImageName("quay.io", "acme/web"), images.images[4]
    with asked(images, "quay.io") as edge:
        got = edge.times(image, edge.tags(image), Pin(present.tag, "sha256:" + "0" * 64))
    assert got.pinned == present.pushed


def test_images_of_a_mirror_tell_their_times_because_its_own_say_when_it_got_them() -> None:
    images = filled(5, 1)
    images.repository = "hub/acme/web"
    image = ImageName("ghcr.io", "acme/web")
    access = {"ghcr.io": RegistryAccess(mirror="harbor.acme.io/hub")}
    with asked(images, "harbor.acme.io", None, **access) as edge:
        assert edge.times(image, edge.tags(image), Pin()).source == "created"
    assert [line for line in images.seen if not re.search("//harbor.acme.io/(?:v2/hub/acme/web|service)/", line)] == []


# --- a list is read only as far as it has to be: the decision is that of the whole list, however it is cut ---


NOW = FIRST + timedelta(days=300)
POLICY = Newest("^sha-")


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


#: Minutes since the first image, distinct: those of one time are told apart by what else is on their page.
MINUTES = st.lists(st.integers(0, 5000), min_size=1, max_size=30, unique=True)


def versions(minutes: list[int], admitted: list[bool], unknown: frozenset[int]) -> list[PackageVersion]:
    return [
        PackageVersion(
            digest(number),
            None if number in unknown else FIRST + timedelta(minutes=minute),
            (f"{'sha' if admitted[number % len(admitted)] else 'pr'}-{number:07x}",),
        )
        for number, minute in enumerate(minutes)
    ]


@given(
    minutes=MINUTES,
    admitted=st.lists(st.booleans(), min_size=1, max_size=8),
    unknown=st.frozensets(st.integers(0, 29), max_size=3),
    size=st.integers(1, 7),
    data=st.data(),
)
def test_reading_stops_early_without_another_decision(
    minutes: list[int], admitted: list[bool], unknown: frozenset[int], size: int, data: st.DataObject
) -> None:
    # Where nothing is known of the present image, or of one that could be chosen, more is read; never less.
    listed = versions(minutes, admitted, unknown)
    present = data.draw(st.sampled_from(listed))
    pin = Pin(present.tags[0], present.digest)
    ordered = sorted(listed, key=lambda each: each.time or FIRST, reverse=True)
    tags = [tag for each in listed for tag in each.tags]
    wanted = timed_tags(POLICY, tags)

    def page(number: int, _: str) -> PackagePage:
        found = ordered[size * (number - 1) : size * number]
        return PackagePage(tuple(found), size * number >= len(ordered))

    found = newest_first(page, wanted, pin)
    whole = newest_first(lambda *_: PackagePage(tuple(ordered), is_last=True), wanted, pin)
    assert found.pinned == whole.pinned
    part, all_of_it = (choose_newest(POLICY, tags, each.times, pin, each.pinned, NOW) for each in (found, whole))
    assert type(part) is type(all_of_it)
    assert (part.reason.code, getattr(part, "tag", None)) == (all_of_it.reason.code, getattr(all_of_it, "tag", None))


def test_a_list_without_an_end_is_given_up() -> None:
    asked = []

    def page(number: int, _: str) -> PackagePage:
        asked.append(number)
        return PackagePage(
            (PackageVersion(digest(number), FIRST - timedelta(minutes=number), (f"sha-{number:07x}",)),), is_last=False
        )

    with pytest.raises(ListUnusable):
        newest_first(page, ["sha-0000001"], Pin("sha-fffffff"))
    assert len(asked) == MOST_PAGES


def test_a_list_out_of_order_is_read_to_its_end() -> None:
    """Of the oldest image somebody says that it was pushed last: no promise holds, so page one proves nothing."""
    minutes = {1: (5, 1), 2: (9, 0), 3: (3,)}
    asked = []

    def page(number: int, _: str) -> PackagePage:
        asked.append(number)
        times = [FIRST + timedelta(minutes=minute) for minute in minutes[number]]
        found = (PackageVersion(digest(time.minute), time, (f"sha-{time.minute:07x}",)) for time in times)
        return PackagePage(tuple(found), is_last=number == 3)

    found = newest_first(page, ["sha-0000001", "sha-0000009"], Pin("sha-0000009"))
    assert (found.pinned, asked) == (FIRST + timedelta(minutes=9), [1, 2, 3])
    asked.clear()
    minutes[2] = (1, 0)
    assert newest_first(page, ["sha-0000005"], Pin("sha-0000000")).pinned == FIRST
    assert asked == [1, 2]
