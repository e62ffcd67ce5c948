from __future__ import annotations

import pytest

from gitops_bot.images.reference import is_floating

MOVES = [
    "latest", "main", "master", "develop", "edge", "stable", "nightly", "release-candidate", "feature-login",
    "1", "v1", "16", "1.2", "v1.2", "1.27-alpine", "1-alpine3.19", "3.12-slim-bookworm", "24.04", "jdk-21", "java-8",
    "2022", "2022-latest", "2024.1", "ltsc2022", "v1-rc", "8-jre", "node-18-alpine", "1.2-dev", "python3.11",
    "v99", "v2022",
]  # fmt: skip

STAYS = [
    # full versions
    "1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3-alpine", "1.2.3.4", "release-1.2.3", "go1.21.3-bullseye", "11.0.21_9-jre",
    "RELEASE.2024-01-05T22-17-24Z", "2024.01.05", "1.2.3_alpha",
    # commits
    "0a1b2c3", "sha-0a1b2c3", "git-0a1b2c3d4e5f", "sha-" + "0a" * 20, "main-0a1b2c3", "main.0a1b2c3", "v1-0a1b2c3d",
    "main-0a1b2c3-amd64", "1.2-5-g0a1b2c3", "1234567",
    # dates and times
    "20240105", "v20240105", "2024-01-05", "jammy-20240111", "nightly-2024-01-05", "20240105.1", "20240105T1200Z",
    "main-20240105T120000Z", "main-0a1b2c3-1704450000", "1704450000",
    # builds
    "123", "1234", "57012", "main-57012", "main-123", "build-7", "build7", "b57", "run-12", "ci-1", "1.2-b3", "main-r9",
    "v100", "release-123", "1.2.3_build.5", "2025.01.31-13.45", "20250131.3", "main-42-abc1234-1700000000",
]  # fmt: skip


@pytest.mark.parametrize("tag", MOVES)
def test_moves_by_nature(tag: str) -> None:
    assert is_floating(tag)


@pytest.mark.parametrize("tag", STAYS)
def test_names_one_build_for_good(tag: str) -> None:
    assert not is_floating(tag)
