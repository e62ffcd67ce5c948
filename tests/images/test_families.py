from __future__ import annotations

import pytest

from gitops_bot.images.kinds import check_families, scan_families

TAGS = ["1.2.3", "1.2.3-alpine", "1.2.3-alpine3.19", "1.2.3-debian-alpine", "release-1.2.3", "-alpine", "release-"]


@pytest.mark.parametrize(
    ("families", "found"),
    [
        (("-alpine",), {"1.2.3-alpine": ("1.2.3", "-alpine"), "1.2.3-debian-alpine": ("1.2.3-debian", "-alpine")}),
        (("-alpine", ""), {
            "1.2.3": ("1.2.3", ""), "1.2.3-alpine": ("1.2.3", "-alpine"), "1.2.3-alpine3.19": ("1.2.3-alpine3.19", ""),
            "1.2.3-debian-alpine": ("1.2.3-debian", "-alpine"), "release-1.2.3": ("release-1.2.3", ""),
            "-alpine": ("-alpine", ""), "release-": ("release-", ""),
        }),
        # The longest that fits, whichever comes first.
        (("-alpine", "-debian-alpine"), {
            "1.2.3-alpine": ("1.2.3", "-alpine"), "1.2.3-debian-alpine": ("1.2.3", "-debian-alpine"),
        }),
        (("release-",), {"release-1.2.3": ("1.2.3", "release-")}),
        (("_x",), {}),
    ],
)  # fmt: skip
def test_a_tag_is_parted_from_its_prefix_or_suffix(
    families: tuple[str, ...], found: dict[str, tuple[str, str]]
) -> None:
    check_families(families)
    tags, columns = scan_families(families, TAGS)
    assert dict(zip(tags, zip(*columns, strict=True), strict=True)) == found


@pytest.mark.parametrize(
    ("families", "message"),
    [
        (["alpine"], r"'alpine' is neither a suffix such as '-alpine', nor a prefix such as 'release-', nor empty"),
        (["-a b"], "is neither"),
        (["-" + "a" * 100], "is neither"),
        (["-a\n"], "is neither"),
        (["-a", "-a"], "each once"),
        ([f"-{at}" for at in range(11)], "at most 10"),
    ],
)
def test_what_is_no_family_is_refused(families: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_families(families)
