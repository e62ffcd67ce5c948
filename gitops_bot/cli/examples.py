"""The examples at the end of each command's `--help`. A test parses each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

#: By command; the empty name is the program itself. `$DIGEST` is `sha256:...`, as a build prints it.
EXAMPLES: Mapping[str, str] = {
    "": """
        gitops-bot demo                        # see it work on this machine
        gitops-bot plan                        # in a checkout of your manifests: what would change
        gitops-bot update                      # propose it
        gitops-bot COMMAND --help              # examples of each command
    """,
    "explain": """
        gitops-bot explain production ghcr.io/acme/web
        gitops-bot explain production ghcr.io/acme/web --tag v1.5.0      # why not this one?
        gitops-bot explain --policy '{semver: ">=1"}' < tags.txt         # try a policy, offline
    """,
    "history": """
        gitops-bot history production --limit 5
        gitops-bot history production --image ghcr.io/acme/web --since 2026-11-01
        gitops-bot history production --show 12
        gitops-bot history production --between 9 12
        gitops-bot history production --show 12 --export /tmp/release-12
    """,
    "audit": """
        gitops-bot audit                       # can everything that is pinned still be pulled?
        gitops-bot audit --keep-list --releases 20 > keep.txt
        gitops-bot audit production --export csv > releases.csv
    """,
    "init": """
        gitops-bot init                        # write a first gitops-bot.yaml
        gitops-bot init --dry-run              # print it instead
        gitops-bot init --offline              # ask no registry
    """,
    "plan": """
        gitops-bot plan                        # every environment of this checkout's origin
        gitops-bot plan production --exit-code # 4 when something would be written
        gitops-bot plan --repository acme/deploy --output json
    """,
    "update": """
        gitops-bot update                      # every environment
        gitops-bot update staging --dry-run    # show what it would write
        gitops-bot update --cache ~/.cache/gitops-bot
    """,
    "set": """
        gitops-bot set staging ghcr.io/acme/web=v1.4.2
        gitops-bot set staging ghcr.io/acme/web=v1.4.2@$DIGEST ghcr.io/acme/api=v2.7.4
        gitops-bot set production ghcr.io/acme/web=v1.4.1 --allow-downgrade
    """,
    "edit": """
        gitops-bot edit apps/web/overlays/staging ghcr.io/acme/web=v1.4.2
        gitops-bot edit . web=v1.4.2@$DIGEST --dry-run
        gitops-bot edit kustomization.yaml web=registry.example.com/acme/web:v1.4.2
    """,
    "status": """
        gitops-bot status                      # what each environment runs, and how far it is behind
        gitops-bot status --output html > status.html
        gitops-bot status production --exit-code --older-than 3d
    """,
    "check": """
        gitops-bot check
        gitops-bot check --config drafts/gitops-bot.yaml --output json
    """,
    "doctor": """
        gitops-bot doctor
        gitops-bot doctor --repository acme/deploy --timeout 10
    """,
    "promote": """
        gitops-bot promote staging production --dry-run
        gitops-bot promote staging production --image ghcr.io/acme/web --beyond-policy
        gitops-bot promote staging production --overlay "apps/web/**"
    """,
    "rollback": """
        gitops-bot rollback production         # undo the last change of its pins
        gitops-bot rollback production --to 41 --reason 'checkout fails'
        gitops-bot rollback production --to 3f2a1b4 --image ghcr.io/acme/web
    """,
    "run": """
        gitops-bot run --every 5m --listen 127.0.0.1:8080
        gitops-bot run staging --every "*/10 8-18 * * mon-fri" --timezone Europe/Berlin
    """,
    "demo": """
        gitops-bot demo
        gitops-bot demo --full                 # with whole diffs, and more commands
        gitops-bot demo --keep                 # merge in a browser, push from a clone of your own
    """,
    "help": """
        gitops-bot help                        # the commands
        gitops-bot help promote                # as gitops-bot promote --help
    """,
    "version": """
        gitops-bot version                     # as gitops-bot --version
    """,
    "schema": """
        gitops-bot schema > gitops-bot.schema.json
        gitops-bot schema plan                 # of what `plan --output json` prints
    """,
}


class Command(click.Command):
    """A command whose help ends with its examples, as they are: a command line is not folded."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it so
        """Write the examples."""
        with formatter.section("Examples"):
            for line in lines("" if isinstance(self, Group) else self.name or ""):
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


#: The commands by what people want.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "First steps": ("demo", "init", "check", "doctor"),
    "Look": ("plan", "explain", "status", "history", "audit"),
    "Change": ("update", "set", "promote", "rollback", "edit"),
    "Run": ("run",),
    "About": ("schema", "help", "version"),
}


#: What people call a command that has another name here.
MEANT: Mapping[str, str] = {
    "update": "apply bump fetch poll pull refresh sync upgrade",
    "set": "bump deploy pin release tag",
    "plan": "diff dry-run preview simulate",
    "check": "lint test validate verify",
    "rollback": "back downgrade restore revert undo",
    "promote": "copy rollout ship",
    "explain": "describe inspect why",
    "status": "dashboard drift get list ls overview show",
    "history": "changes log releases",
    "init": "bootstrap configure create generate import migrate new setup",
    "run": "daemon loop serve server start watch",
    "doctor": "debug diagnose",
    "audit": "clean cleanup gc prune",
}


class Group(Command, click.Group):
    """The program, whose help has the commands by what they are for, and ends with the first steps."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the commands."""
        column = max(map(len, self.commands))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                rows = [(name.ljust(column), self.commands[name].get_short_help_str(limit=80)) for name in names]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names. What has another name here is answered with that."""
        meant = [name for name, words in MEANT.items() if args[0].lower() in words.split()]
        if args[0] in self.commands or not meant:
            return super().resolve_command(ctx, args)
        told = "".join(f"\n  {name.ljust(10)}{self.commands[name].get_short_help_str(limit=80)}" for name in meant)
        raise click.UsageError(f"No such command {args[0]!r}. Did you mean:{told}", ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands in front of the command. Options of commands are told where they belong."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            option = error.option_name
            command = next((word for word in words if word in self.commands), "COMMAND")
            options = (opt for known in self.commands.values() for param in known.params for opt in param.opts)
            if option not in options:
                raise
            message = f"{option}: put it after the command, as in `{ctx.command_path} {command} {option} ...`."
            raise click.UsageError(message, ctx) from None


def lines(command: str) -> tuple[str, ...]:
    """The examples of a command, one a line."""
    return tuple(line.strip() for line in EXAMPLES[command].strip().splitlines())
