"""Files of different kinds in one overlay, and promotions between them: by the real program, on a real repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["web/staging"]
    policy: releases
    propose: {together: true}
  production:
    overlays: ["web/production"]
    promote_from: staging
    targets:
      - kind: pattern
        files: ["*.nomad"]
        patterns:
          web: {repository: REPOSITORY, pattern: 'web:(?P<tag>[\\w.-]+)@(?P<digest>sha256:[0-9a-f]+)'}
"""
VALUES, KUSTOMIZATION, NOMAD = "web/staging/values.yaml", "web/staging/kustomization.yaml", "web/production/web.nomad"


def shop(worldwide: World, *, more: bytes = b"", kustomized: str = "1.0.0") -> tuple[Deploy, str]:
    """`web` twice in staging, in values and in a kustomization; in production in a file that only a pattern knows.

    The digest of 1.1.0 comes with it.
    """
    digests: list[str] = []

    def files(deploy: Deploy) -> dict[str, bytes]:
        digests.extend(deploy.push("web", tag) for tag in ("1.0.0", "1.1.0"))
        web = deploy.image("web")
        pinned = digests[kustomized == "1.1.0"]
        return {
            "gitops-bot.yaml": CONFIG.replace(b"REPOSITORY", web.encode()) + more,
            VALUES: f"image: {{repository: {web}, tag: {kustomized}}} # ours\n".encode(),
            KUSTOMIZATION: f"images:\n- {{name: {web}, newTag: {kustomized}, digest: {pinned}}}\n".encode(),
            NOMAD: f'image = "{web}:1.0.0@{digests[0]}"\r\n'.encode(),
        }

    return worldwide.deploy(files), digests[1]


def test_one_image_in_two_kinds_of_files_is_two_entries_of_one_proposal(worldwide: World) -> None:
    deploy, digest = shop(worldwide)
    assert deploy.bot("update", "--repository", deploy.name, "staging").code == 0
    after = deploy.files("gitops-bot/staging/all")
    assert after[VALUES] == f"image: {{repository: {deploy.image('web')}, tag: 1.1.0}} # ours\n".encode()
    assert f"newTag: 1.1.0, digest: {digest}}}".encode() in after[KUSTOMIZATION]


def test_what_holds_one_of_two_that_are_kept_together_holds_the_other(worldwide: World) -> None:
    held = b"holds:\n- {environment: staging, image: image, until: 2099-01-01, why: later}\n"
    deploy, _ = shop(worldwide, more=held)
    planned = deploy.bot("plan", "--repository", deploy.name, "--output", "json", "staging").json["environments"][0]
    assert planned["proposals"] == []
    assert {one["entry"]["file"] for one in planned["held"]} == {VALUES, KUSTOMIZATION}
    assert all(one["reason"]["code"].startswith("held.") for one in planned["held"])


def test_of_two_entries_that_pin_an_image_differently_none_is_promoted(worldwide: World) -> None:
    deploy, _ = shop(worldwide)
    web = deploy.image("web")
    values = f"image: {{repository: {web}, tag: 1.1.0}}\n".encode()
    deploy.remote.commit("main", {VALUES: values}, message="values alone")
    for command in (("update", "production"), ("promote", "staging", "production")):
        (held,) = deploy.ask(*command).json["environments"][0]["held"]
        assert held["reason"]["code"] == "held.unordered"
        assert f"1.0.0 of {web} ({KUSTOMIZATION}:2), 1.1.0 of image ({VALUES}:1)" in held["reason"]["text"]
    # One that pins the same is enough.
    deploy.remote.commit("main", {VALUES: values.replace(b"1.1.0", b"1.0.0")}, message="in step")
    assert deploy.ask("update", "production").json["environments"][0]["held"] == []


def test_a_promotion_goes_from_one_kind_of_file_to_another(worldwide: World) -> None:
    deploy, digest = shop(worldwide, kustomized="1.1.0")
    done = deploy.bot("update", "--repository", deploy.name, "production")
    assert done.code == 0, done.err
    web = deploy.image("web")
    assert deploy.files("gitops-bot/production/all")[NOMAD] == f'image = "{web}:1.1.0@{digest}"\r\n'.encode()
