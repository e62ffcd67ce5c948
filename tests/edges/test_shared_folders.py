from __future__ import annotations

from pathlib import Path

import pytest

from gitops_bot.edges.cache import is_shared


@pytest.mark.parametrize(
    ("folder", "shared"),
    [
        ("/", True),
        ("/srv/../etc", True),
        ("/usr/local/bot", True),
        ("/var/cache", True),
        ("/var/cache/gitops-bot", False),
        ("/cache", False),
        ("/srv/gitops-bot", False),
    ],
)
def test_a_folder_of_the_system_is_no_cache(folder: str, shared: bool) -> None:
    assert is_shared(Path(folder), "/people/ada") == shared


def test_a_home_or_a_link_to_a_folder_of_the_system_is_none_either(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert is_shared(tmp_path, str(tmp_path))
    assert is_shared(tmp_path / "link", str(tmp_path))
    assert not is_shared(tmp_path / "cache", str(tmp_path))
