"""What people do: in the browser, and by pushing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import conversation, landing
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.refusal import Invalid
from tests.counterparts.forge import update_branch
from tests.stateful import lines
from tests.stateful.lines import Pinned, version
from tests.stateful.model import HAND_BACK
from tests.stateful.world import ALICE, BOB, BROKEN, CONFIG, NAME, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.rules import Method
    from tests.stateful.model import Model
    from tests.stateful.world import Key, Shop

Work = Literal["another file", "the same file"]
ByHand = Literal["newest", "older", "what is proposed"]


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is not the bot."""

    shop: Shop
    model: Model

    # Pull requests

    def merge(self, pull: Pull, method: Method, *, delete: bool) -> None:
        """Press the button; GitHub may refuse."""
        with suppress(Invalid):
            with self.shop.acting() as pulls:
                landing.merge(pulls, pull, AutoMerge(ALICE, pulls.time(), method), expected=None)
            self.model.merged(pull)
            if delete and pull.head in self.shop.branches:
                self.delete_branch(pull.head)

    def close(self, pull: Pull, *, delete: bool) -> None:
        self.model.closes(pull)
        with self.shop.acting() as pulls:
            pulls.edit(pull, title=None, body=None, state="closed", base=None)
        if delete:
            self.delete_branch(pull.head)

    def reopen(self, pull: Pull) -> None:
        """Take a closing back."""
        with suppress(Invalid):
            with self.shop.acting() as pulls:
                pulls.edit(pull, title=None, body=None, state="open", base=None)
            self.model.reopened(pull)

    def update_branch(self, pull: Pull) -> None:
        with suppress(Invalid), self.shop.acting() as pulls:
            update_branch(pulls, pull, user=ALICE)

    def review(self, pull: Pull, *, approves: bool) -> None:
        with self.shop.acting() as pulls:
            event, who = ("APPROVE", ALICE) if approves else ("REQUEST_CHANGES", BOB)
            conversation.review(pulls, pull, user=who, event=event, body="so", commit=None)

    def dismiss(self, pull: Pull) -> None:
        with self.shop.acting() as pulls:
            for each in pull.reviews:
                if each.state in ("APPROVED", "CHANGES_REQUESTED"):
                    conversation.dismiss(pulls, pull, each.id, "not now")

    def label(self, pull: Pull, name: str) -> None:
        there = name in pull.labels
        with self.shop.acting() as pulls:
            conversation.label(
                pulls, pull, [each for each in pull.labels if each != name] if there else [*pull.labels, name]
            )
        if not there and name == HAND_BACK:
            self.model.handed_back(pull.head)

    def hand_back(self, pull: Pull) -> None:
        if self.model.is_theirs(pull.head) and HAND_BACK not in pull.labels:
            self.label(pull, HAND_BACK)

    def check(self, pull: Pull, state: str) -> None:
        """The check that its base branch wants ends, if that wants any."""
        if self.shop.hub.protected:
            self.shop.forge.report(NAME, pull.head_sha, "ci", state)
            self.shop.forge.advance(NAME)

    def auto_merge(self, pull: Pull) -> None:
        """Let it merge by itself, or not any more, where its base branch wants checks."""
        if not self.shop.hub.protected:
            return
        with suppress(Invalid), self.shop.acting() as pulls:
            if pull.auto_merge is not None:
                landing.disable_auto_merge(pulls, pull, ALICE)
            else:
                landing.enable_auto_merge(pulls, pull, AutoMerge(ALICE, pulls.time(), "squash"), expected=None)

    def convert(self, pull: Pull) -> None:
        """Make it a draft, or ready for review."""
        with self.shop.acting() as pulls:
            landing.convert(pulls, pull, draft=not pull.draft)
        self.model.converted(pull)

    def revert(self, pull: Pull) -> None:
        """Put back on the base branch what a merged pull request changed there."""
        self._put_back(self.shop.pins(pull.base_sha), self.shop.pins(pull.head_sha), f'Revert "{pull.title}"')

    def revert_commit(self, which: int) -> None:
        """Put back what a commit on the base branch changed there: `which` of those that did, the newest first."""
        log = self.shop.remote.git("log", "--first-parent", "-20", "--format=%H", "main").decode().split()
        changed = [one for one, older in pairwise(log) if self.shop.pins(one) != self.shop.pins(older)]
        if changed:
            commit = changed[which % len(changed)]
            self._put_back(self.shop.pins(f"{commit}^"), self.shop.pins(commit), f"Revert {commit}")

    def _put_back(self, before: Mapping[Key, Pinned], after: Mapping[Key, Pinned], message: str) -> None:
        main = self.shop.branches["main"]
        files = dict(self.shop.files(main))
        for (path, name), pin in after.items():
            was = before.get((path, name))
            if was is not None and was != pin and self.shop.main.get((path, name)) == pin:
                files[path] = lines.repinned(files[path], name, was)
        changed = {path: data for path, data in files.items() if self.shop.files(main)[path] != data}
        if changed:
            self.shop.commit("main", dict(changed), message)
            self.model.base_moved()

    # Pushes to the bot's branches

    def commit(self, branch: str, work: Work) -> None:
        shop, head = self.shop, self.shop.branches[branch]
        self.model.touched.add(branch)
        files = shop.files(head)
        kustomizations = sorted(path for path in files if path.endswith("kustomization.yaml"))
        match work:
            case "another file":
                made = shop.commit(branch, {"apps/notes.txt": files.get("apps/notes.txt", b"") + b"seen\n"})
            case "the same file":
                path = kustomizations[0]
                made = shop.commit(branch, {path: files[path].replace(b"# Reviewed", b"# Reviewed and seen", 1)})
        self.model.theirs[made] = branch  # also where it was handed back: that was for what was there before

    def delete_branch(self, branch: str) -> None:
        head = self.shop.branches[branch]
        self.model.touched.add(branch)
        for pull in self.shop.pulls():
            if pull.head == branch:
                self.model.closes(pull)
        self.model.forget((key, pin) for key, (_, pin) in self.shop.proposed(head).items())
        self.model.handed_back(branch)
        self.shop.forge.bare(NAME).delete(branch, expected=head)
        self.shop.settle()

    # Pushes to the base branch

    def push(self, path: str, data: bytes, message: str) -> None:
        self.shop.commit("main", {path: data}, message)
        self.model.base_moved()

    def touch(self, path: str, *, above: str | None = None) -> None:
        """Change a line that is no pin: the first one of the file, or the comment above an entry."""
        data = self.shop.files(self.shop.branches["main"])[path]
        what = f"# {above} in".encode() if above else b"# Reviewed"
        self.push(path, data.replace(what, what.replace(b"# ", b"# (!) "), 1), "a comment")

    def pin_by_hand(self, key: Key, to: ByHand) -> None:
        path, name = key
        tags = sorted((tag for tag in self.shop.pushed[name] if "-" not in tag), key=lambda tag: version(Pinned(tag)))
        wanted = Pinned(tags[-1], self.shop.pushed[name][tags[-1]])
        if to == "older":
            wanted = Pinned(tags[0], self.shop.pushed[name][tags[0]])
        if to == "what is proposed":
            pins = [self.shop.proposed(pull.head_sha).get(key) for pull in self.shop.pulls()]
            found = next((pin for pin in pins if pin is not None), None)
            if found is None:
                return
            wanted = found[1]
        data = self.shop.files(self.shop.branches["main"])[path]
        self.model.past.names(key, wanted)
        self.push(path, lines.repinned(data, name, wanted), f"{name} by hand")

    def break_file(self, path: str) -> None:
        """Break a file so that it cannot be read any more, or mend it."""
        data = self.shop.files(self.shop.branches["main"])[path]
        if path in self.model.broken:
            self.model.broken.discard(path)
            self.push(path, data.removesuffix(BROKEN), "mended")
        else:
            self.model.broken.add(path)
            self.push(path, data + BROKEN, "broken")

    def configure(self) -> None:
        self.push(CONFIG, self.shop.config(), "configure the bot")

    # What tools say of the base branch

    def report(self, source: str, commit: str, state: Literal["success", "failure"], *, health: bool = False) -> None:
        """Tools write on a commit how a wave is, by the names that gates look for; of its `health` alone, or of all."""
        self.shop.reports(source, commit, state)
        for place in sorted({place_of(key) for key in self.shop.main}):
            self.shop.forge.status(NAME, commit, f"cd/{place}-{source}", state, by="argocd[bot]")
            if not health:
                self.shop.forge.check_run(NAME, commit, f"e2e {place}", state)
        if not health:
            self.shop.forge.deployment(NAME, source, commit, "in_progress", state)
