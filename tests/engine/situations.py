"""What people do to one application in dev, staging and production, in words for tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.engine.request import Pins, Poll, Promote
from gitops_bot.images.build import Build, Manifest
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.choice.promotion import ByHand
from tests.engine.world import CHAIN, A, B, C, Shop, check, commit_id, fits, line_of, overlay, path, stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = Callable[[Shop], object]

ONE, TWO, THREE = Pin("1.0.0", A), Pin("1.1.0", B), Pin("1.2.0", C)
CHART = Manifest("artifact", "a Helm chart")
REVISION = "f" * 40
BY_HAND = Promote("staging", ByHand())


def started(text: str = CHAIN, *events: Event) -> Shop:
    """All three run 1.0.0 since a month ago, and the registry has three versions; then this happens."""
    shop = Shop(text)
    for pin in (ONE, TWO, THREE):
        shop.push(str(pin.tag), str(pin.digest))
    shop.run(ONE, "dev", "staging", "production")
    for event in events:
        event(shop)
    return shop


def chain(*, staging: str = "", production: str = "", holds: str = "") -> str:
    """The three environments, with these settings too, and a hold of what `holds` names."""
    text = CHAIN.replace("promote_from: dev}", f"promote_from: dev{staging}}}")
    text = text.replace("promote_from: staging}", f"promote_from: staging{production}}}")
    return text + f'holds: [{{{holds}, until: 2026-12-01, why: "a fair"}}]\n' if holds else text


def alone(rules: str = "policy: releases", holds: str = "") -> str:
    """Production, which follows the registry by these rules."""
    text = 'version: 1\npolicies: {releases: {semver: ">=1.0.0"}}\nenvironments:\n'
    text += f'  production: {{overlays: ["apps/*/production"], {rules}}}\n'
    return text + f'holds: [{{{holds}, until: 2026-12-01, why: "a fair"}}]\n' if holds else text


def decided(shop: Shop, what: Any = None, environment: str = "production", **request: bool) -> list[tuple[str, str]]:
    return [(stopped_by(judged), line_of(judged.decision)) for judged in shop.judged(what, environment, **request)]


def expect(found: list[tuple[str, str]], *expected: tuple[str, str]) -> None:
    """Each entry was stopped by these gates, and its decision fits."""
    assert [gates for gates, _ in found] == [gates for gates, _ in expected], found
    for (_, line), (_, words) in zip(found, expected, strict=True):
        assert fits(line, words), line


# --- what happens -----------------------------------------------------------------------------------------------------


def runs(environment: str, pin: Pin, days: float) -> Event:
    """People let an environment run this pin since so many days ago."""
    return lambda shop: shop.run(pin, environment, days=days)


def writes(environment: str, text: str, days: float = 3) -> Event:
    return lambda shop: shop.write({path(environment): text}, days=days)


def pushed(tag: str, digest: str, *images: str) -> Event:
    return lambda shop: shop.push(tag, digest, *images)


def deleted(*tags: str) -> Event:
    """Somebody deletes these tags, and their images with them; all of them where none is named."""

    def delete(shop: Shop) -> None:
        for tag in tags or [*shop.registry.images["r.test/web"]]:
            del shop.registry.images["r.test/web"][tag]

    return delete


def described(**builds: Build) -> Event:
    """What images say of themselves, by the letter of their digest."""
    return lambda shop: shop.registry.builds.update({f"sha256:{name * 64}": it for name, it in builds.items()})


def is_a(digest: str, manifest: Manifest) -> Event:
    return lambda shop: shop.registry.manifests.update({digest: manifest})


def fails(question: str, failure: BaseException) -> Event:
    """Registries fail, for every question of this kind, or about one digest or tag."""
    return lambda shop: shop.registry.failures.update({question: failure})


def reported(number: int, name: str, state: str, *, repository: str | None = None, **more: Any) -> Event:
    """A check reported this of the commit with that number, or of the revision in a source repository."""
    key = (repository, commit_id(number) if repository is None else REVISION)

    def report(shop: Shop) -> None:
        assert shop.forge is not None
        shop.forge.results[key] = (check(name, state, **more),)

    return report


def updated(environment: str, what: Any = None) -> Event:

    def update(shop: Shop) -> None:
        shop.update(what or Poll(), environment)
        assert shop.repository.own, "nothing was proposed"

    return update


def shallow(shop: Shop) -> None:
    """The clone has the newest commit only; nobody knows since when staging runs 1.1.0."""
    shop.repository.history[0][2][path("staging")] = overlay({"r.test/web": TWO}).encode()
    shop.repository.is_shallow = True
    shop.write({"README.md": "x"}, days=1)


def too_large(shop: Shop) -> None:
    """The newest commit is the last that can be read, as the one before changes too many files."""
    shallow(shop)
    shop.repository.too_large = "e" * 40


def no_token(shop: Shop) -> None:
    shop.forge = None


def assigned(pin: Pin, image: str = "r.test/web", new_name: str | None = None, **more: bool) -> Pins:
    return Pins((Assignment(image, pin, new_name),), **more)
