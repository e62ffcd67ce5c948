"""The tokens of a GitHub App: each for one purpose and repository, tried before it is used, and never the wrong one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.github.app import App, Purpose
from gitops_bot.edges.github.forge import GitHub
from gitops_bot.edges.github.server import PUBLIC, Server
from gitops_bot.edges.registry.credentials import Basic, Credentials
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.errors import BotError, ForgeError, UsageError
from gitops_bot.images.reference import ImageName
from tests.counterparts.app import Registered, key_pair, registered
from tests.counterparts.clock import StillClock
from tests.counterparts.forge import REPOSITORY, Site, commit, serving
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


SOURCE = "acme/web"
EVERYTHING = {"contents": "write", "pull_requests": "write", "packages": "write", "administration": "write"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge", private=True) as running:
        yield running


@pytest.fixture
def known(site: Site) -> Registered:
    app = registered(site.forge)
    app.install(REPOSITORY, permissions=EVERYTHING)
    return app


def bot(known: Registered, clock: Any = None) -> App:
    """The App as the bot is it."""
    return App(str(known.app.number), key_pair()[0], "GITHUB_APP_PRIVATE_KEY", known.forge.api_url, clock)


def waiting(known: Registered) -> StillClock:
    """A clock that begins now: the server has another one."""
    return StillClock(known.forge.apps.now())


def test_a_new_token_is_tried_until_the_server_knows_it(known: Registered) -> None:
    known.forge.apps.lag = 2
    clock = waiting(known)
    token = bot(known, clock).token(REPOSITORY, "read")()
    assert clock.slept == [0.5, 1.0]
    assert known.forge.apps.tokens[token].unknown == 0


def test_a_token_that_the_server_never_knows_is_an_error_after_bounded_waiting(known: Registered) -> None:
    known.forge.apps.lag = 99
    clock = waiting(known)
    with pytest.raises(ForgeError, match=r"^acme/deploy does not exist, or the token cannot see it"):
        bot(known, clock).token(REPOSITORY, "read")()
    assert sum(clock.slept) == 15.5


def test_a_token_is_kept_until_five_minutes_before_its_end_and_replaced_where_it_is_rejected(known: Registered) -> None:
    clock = waiting(known)
    token = bot(known, clock).token(REPOSITORY, "propose")
    first = token()
    known.forge.apps.lifetime = 9000  # this clock goes faster than the server's
    clock.sleep(3200)
    assert token() == first
    clock.sleep(200)
    second = token()
    assert second != first
    assert token(first) == second, "another thread has replaced it already"
    assert token(second) not in (first, second)


def test_the_next_cycle_of_a_process_has_the_tokens_of_the_one_before_until_the_key_is_another(
    known: Registered,
) -> None:
    first, second = (Server.read(known.env) for _ in range(2))
    tokens = [server.token_for(REPOSITORY, "read") for server in (first, second)]
    assert len({token() for token in tokens if token is not None}) == len(known.issued) == 1
    other = Server.read(known.env | {"GITHUB_APP_PRIVATE_KEY": key_pair("other")[0]}).token_for(REPOSITORY, "read")
    assert other is not None
    with pytest.raises(ForgeError, match="does not accept GITHUB_APP_ID"):
        other()


def test_a_clock_that_is_hours_off_is_told_with_github_s_words(site: Site, known: Registered) -> None:
    now: datetime = known.forge.apps.now()
    known.forge.apps.now = lambda: now.replace(year=now.year + 1)
    with pytest.raises(
        ForgeError, match=r"does not accept GITHUB_APP_ID .*GitHub says: 'Expiration time' claim"
    ) as raised:
        bot(known).installation(REPOSITORY)
    assert "this machine's clock" in raised.value.problem.next


@rows("private installed found", {
    "private, and installed": (True, True, ("Repair the door",)),
    "public, and not installed": (False, False, ("Repair the door",)),
    "private, and not installed": (True, False, ()),
})  # fmt: skip
def test_commits_of_a_source_are_read_by_a_token_that_can_read_them_and_no_more(
    site: Site, known: Registered, private: bool, installed: bool, found: tuple[str, ...]
) -> None:
    known.install(*([REPOSITORY, SOURCE] if installed else [REPOSITORY]), permissions=EVERYTHING)
    bare = site.forge.create(SOURCE, {"a": b"1"}, private=private)
    old = bare.branches()["main"]
    new = commit(bare, "main", {"a": b"2"}, onto="main", message="Repair the door\n")
    server = Server(api_url=known.forge.api_url, url=known.forge.url, app=bot(known))
    github = server.connect(REPOSITORY, clock=StillClock(), warn=lambda _: None)
    assert isinstance(github, GitHub)
    assert github.commits_between(f"{known.forge.url}/{SOURCE}", old, new) == found
    github.find(("gitops-bot/production/all",), "main")
    github.disconnect()
    reading, proposing = known.issued
    assert reading == ((SOURCE if installed else REPOSITORY,), {"metadata": "read", "contents": "read"})
    assert proposing == ((REPOSITORY,), {"metadata": "read", "contents": "write", "pull_requests": "write"})


def login(known: Registered, environ: dict[str, str]) -> Any:
    """The login for ghcr.io whose password is to be the variable GITHUB_TOKEN; the API is that of the tests."""
    api = Server(api_url=known.forge.api_url, url=PUBLIC, app=bot(known)).packages(REPOSITORY)
    assert api is not None
    assert api.token is not None
    access = {"ghcr.io": RegistryAccess("bot", "GITHUB_TOKEN")}
    credentials = Credentials(access, environ, tokens=dict.fromkeys(api.variables, api.token))
    return credentials.login(ImageName("ghcr.io", "acme/web")).credential


def test_ghcr_gets_a_token_that_reads_images_and_nothing_else(known: Registered) -> None:
    credential = login(known, {})
    assert isinstance(credential, Basic)
    assert known.forge.apps.tokens[credential.password].permissions == {"metadata": "read", "packages": "read"}
    assert login(known, {"GITHUB_TOKEN": "an explicit one"}) == Basic("bot", "an explicit one")
    known.install(REPOSITORY)
    with pytest.raises(NoLogin, match="acme-bot has too few permissions here: it lacks `Packages: read`"):
        login(known, {})


def test_no_failure_of_an_app_shows_its_key(known: Registered) -> None:
    """Whatever is asked, whichever part is wrong, and as it would stand in a traceback."""
    key = key_pair()[0]
    wrong = (("0", key), ("4711", key_pair("other")[0]), ("4711", key[:500]), ("4711", key.lower()))
    for (app_id, text), purpose in zip(wrong, get_args(Purpose), strict=False):
        app = App(app_id, text, "GITHUB_APP_PRIVATE_KEY", known.forge.api_url)
        with pytest.raises(BotError) as raised:
            app.token(REPOSITORY, purpose)()
        lines = text.splitlines()[1:6]
        told = f"{raised.value!r}{raised.value.problem}{raised.getrepr(style='long', chain=True)!r}{app!r}"
        assert not [line for line in lines if line in told]


@pytest.mark.parametrize("text", ["", "ghs_two words", "ghs_a\nX-Other: b", "ghs_\u00e9", "g" * 1001], ids=range(5))
def test_what_is_no_token_is_refused_as_one_and_not_sent(
    known: Registered, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def send(self: App, repository: str, token: Any, path: str, *more: Any) -> Any:
        sent.append(path)
        answer = real(self, repository, token, path, *more)
        return {**answer, "token": text} if path.endswith("/access_tokens") else answer

    sent: list[str] = []
    real = App._send
    monkeypatch.setattr(App, "_send", send)
    with pytest.raises(ForgeError, match="answered the GitHub App acme-bot with something that is no token"):
        bot(known).token(REPOSITORY, "read")()
    assert sent[-1].endswith("/access_tokens")


ONE_KEY = "a GitHub App needs an id, and one private key"
NO_ID = "GITHUB_APP_ID is not the id of a GitHub App"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"GITHUB_APP_ID": ""}, ONE_KEY, id="no id"),
        pytest.param({"GITHUB_APP_PRIVATE_KEY": ""}, ONE_KEY, id="no key"),
        pytest.param({"GITHUB_APP_PRIVATE_KEY_FILE": "/key"}, ONE_KEY, id="two keys"),
        pytest.param({"GITHUB_APP_PRIVATE_KEY": "", "GITHUB_APP_PRIVATE_KEY_FILE": "/nowhere/key"},
            "the file in GITHUB_APP_PRIVATE_KEY_FILE cannot be read: No such file or directory", id="no file"),
        pytest.param({"GITHUB_APP_PRIVATE_KEY": "", "GITHUB_APP_PRIVATE_KEY_FILE": "/dev/zero"},
            "cannot be read: this is not a regular file", id="a device"),
        pytest.param({"GITHUB_APP_ID": "acme-bot"}, NO_ID, id="a name"),
        pytest.param({"GITHUB_APP_ID": "Iv23"}, NO_ID, id="the start of a client id"),
        pytest.param({"GITHUB_APP_ID": key_pair()[0]}, NO_ID, id="the key"),
        pytest.param({"GITHUB_APP_ID": key_pair()[0].splitlines()[1]}, NO_ID, id="a line of the key"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(changed: dict[str, str], message: str) -> None:
    environ = {"GITHUB_APP_ID": "4711", "GITHUB_APP_PRIVATE_KEY": key_pair()[0]} | changed
    with pytest.raises(UsageError, match=message):
        App.read(environ, "https://api.github.test")


@pytest.mark.parametrize("app_id", ["4711", "Iv1.8a61f9b3a7aba766", "Iv23liAbCdEfGhIjKlMn"])
def test_an_app_id_and_both_forms_of_a_client_id_are_ids(app_id: str) -> None:
    App.read({"GITHUB_APP_ID": app_id, "GITHUB_APP_PRIVATE_KEY": key_pair()[0]}, "https://api.github.test")


def test_a_pipe_is_refused_at_once_and_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(1 << 34)
    for name, why in (("pipe", "this is not a regular file"), ("large", "it is too large for a key")):
        environ = {"GITHUB_APP_ID": "4711", "GITHUB_APP_PRIVATE_KEY_FILE": str(tmp_path / name)}
        with pytest.raises(UsageError, match=why):
            App.read(environ, "https://api.github.test")


def test_the_key_may_be_in_a_file_or_on_one_line(known: Registered, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(key_pair()[0])
    for given in (
        {"GITHUB_APP_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")},
        {"GITHUB_APP_PRIVATE_KEY": key_pair()[0].replace("\n", "\\n")},
    ):
        app = App.read({"GITHUB_APP_ID": str(known.app.number), **given}, known.forge.api_url)
        assert app.token(REPOSITORY, "read")() in known.forge.apps.tokens
