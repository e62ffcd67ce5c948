"""Who makes and signs the commits of the bot: git alone, the API of the server, or git with a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import Either, about

#: Never relative, because commands run in many directories; so it is never an option of a program either.
_PATH = r"^/[^\x00-\x1f\x7f]{1,1000}$"
_ID = r"^[0-9A-Fa-f]{8,40}$"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that git signs commits with: one of these two."""

    MORE: ClassVar[dict[str, Any]] = {"minProperties": 1, "maxProperties": 1}

    ssh_key_file: Annotated[
        str | None,
        leaf.text("must be the absolute path of a file, never the key itself", _PATH, secret=True),
        about(
            "The file with a private SSH key, which has no passphrase; or with the public key, if an SSH agent has the "
            "private one. Only git and `ssh-keygen` read it. This takes git 2.34 or newer. Without it, set `gpg_key`.",
            "/run/secrets/signing_key",
        ),
    ] = None
    gpg_key: Annotated[
        str | None,
        leaf.text("must be the ID of a key: 8 to 40 hexadecimal digits", _ID, schema={"type": ["string", "number"]}),
        about(
            "The ID of a key without a passphrase in the keyring of `gpg` (`GNUPGHOME`). Without it, set "
            "`ssh_key_file`.",
            "3AA5C34371567BD2",
        ),
    ] = None

    def __post_init__(self) -> None:
        if (self.ssh_key_file is None) == (self.gpg_key is None):
            raise leaf.WrongError("takes one key", "write `ssh_key_file` or `gpg_key`, or `commits: api`")

    def __str__(self) -> str:
        return f"ssh_key_file: {self.ssh_key_file}" if self.ssh_key_file else f"gpg_key: {self.gpg_key}"


CommitsWord = Literal["git", "api"]
#: What signs commits: the API of the server, or a key.
Signer = Literal["api"] | SigningKey
CommitsSetting = Annotated[
    Annotated[SigningKey | CommitsWord, Either(lambda value: 0 if isinstance(value, dict) else 1)] | None,
    about(
        "Who makes and signs the bot's commits, for branches that require signed commits. `git`: git makes them, "
        "unsigned. `api`: the API of the server makes and signs them, for the token of an App or of a workflow; the "
        "bot verifies them and pushes them. `ssh_key_file` or `gpg_key`: git signs them with that key. What an "
        "environment says overrides what stands at the top. Without it, `git`.",
        "api",
        {"ssh_key_file": "/run/secrets/signing_key"},
        {"gpg_key": "3AA5C34371567BD2"},
    ),
]
