from __future__ import annotations

from gitops_bot.targets.memo import Memo


def test_the_files_used_last_are_known_up_to_so_many_bytes() -> None:
    memo: Memo[str] = Memo(6)
    for data in (b"aa", b"bb", b"cc"):
        memo.put("how", data, data.decode())
    assert memo.get("how", b"aa") == "aa"
    memo.put("how", b"dd", "dd")
    assert [memo.get("how", data) for data in (b"aa", b"bb", b"cc", b"dd")] == ["aa", None, "cc", "dd"]
    assert memo.get("otherwise", b"aa") is None
    memo.put("how", b"larger than all", "lost")
    assert memo.get("how", b"larger than all") is None


def test_what_two_threads_remember_at_once_takes_its_bytes_once() -> None:
    memo: Memo[str] = Memo(4)
    for _ in range(9):
        memo.put("how", b"aa", "aa")
    memo.put("how", b"bb", "bb")
    assert [memo.get("how", data) for data in (b"aa", b"bb")] == ["aa", "bb"]
