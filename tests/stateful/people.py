"""What people do: in the browser, and by pushing. Each answers with what came of it, in one word or two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import conversation, landing
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.refusal import Invalid
from gitops_bot.edges.github.deployments import TEXT
from tests.counterparts.forge import update_branch
from tests.stateful import lines
from tests.stateful.gates import WRITTEN
from tests.stateful.lines import Pinned, version
from tests.stateful.model import HAND_BACK, HOLD
from tests.stateful.past import environment_on
from tests.stateful.world import ALICE, BOB, BOT, BROKEN, CONFIG, NAME, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.rules import Method
    from tests.stateful.gates import State
    from tests.stateful.model import Model
    from tests.stateful.world import Key, Shop

Work = Literal["another file", "the same file", "the bot's own words", "amended", "reworded"]
ByHand = Literal["newest", "older", "what is proposed"]


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is not the bot."""

    shop: Shop
    model: Model

    # Pull requests

    def merge(self, pull: Pull, method: Method, *, delete: bool) -> str:
        """Press the button; GitHub may refuse."""
        with self.shop.acting() as pulls:
            try:
                landing.merge(pulls, pull, AutoMerge(ALICE, pulls.time(), method), expected=None)
            except Invalid as refused:
                return f"refused: {refused.message.partition(' ')[0]}"
        self.model.merged(pull)
        if delete and pull.head in self.shop.branches:
            self.delete_branch(pull.head)
        return method

    def close(self, pull: Pull, *, delete: bool) -> str:
        """Decline it."""
        self.model.closes(pull)
        with self.shop.acting() as pulls:
            pulls.edit(pull, title=None, body=None, state="closed", base=None)
        if delete:
            self.delete_branch(pull.head)
        return "and deleted" if delete else "closed"

    def reopen(self, pull: Pull) -> str:
        """Take a closing back."""
        with self.shop.acting() as pulls:
            try:
                pulls.edit(pull, title=None, body=None, state="open", base=None)
            except Invalid:
                return "refused"
        self.model.reopened(pull)
        return "reopened"

    def update_branch(self, pull: Pull) -> str:
        """Press "Update branch"."""
        with self.shop.acting() as pulls:
            try:
                update_branch(pulls, pull, user=ALICE, expected=None)
            except Invalid:
                return "refused"
        return "updated"

    def review(self, pull: Pull, *, approves: bool) -> str:
        """Approve, or ask for changes."""
        with self.shop.acting() as pulls:
            event, who = ("APPROVE", ALICE) if approves else ("REQUEST_CHANGES", BOB)
            conversation.review(pulls, pull, user=who, event=event, body="so", commit=None)
        return "approved" if approves else "changes wanted"

    def dismiss(self, pull: Pull) -> str:
        """Dismiss every review."""
        with self.shop.acting() as pulls:
            for each in pull.reviews:
                if each.state in ("APPROVED", "CHANGES_REQUESTED"):
                    conversation.dismiss(pulls, pull, each.id, "not now")
        return "dismissed"

    def label(self, pull: Pull, name: str) -> str:
        """Put a label on, or take it off."""
        there = name in pull.labels
        with self.shop.acting() as pulls:
            conversation.label(
                pulls, pull, [each for each in pull.labels if each != name] if there else [*pull.labels, name]
            )
        if not there and name == HAND_BACK:
            self.model.handed_back(pull.head)
        return f"{name} {'off' if there else 'on'}"

    def hold(self, pull: Pull) -> str:
        """Put `hold` on, or take it off."""
        return self.label(pull, HOLD)

    def hand_back(self, pull: Pull) -> str:
        """Give the branch back to the bot."""
        return self.label(pull, HAND_BACK) if HAND_BACK not in pull.labels else "already"

    def keep(self, pull: Pull) -> str:
        """Take the word back that gives the branch to the bot: what people put there is to stay."""
        with self.shop.acting() as pulls:
            conversation.label(pulls, pull, [each for each in pull.labels if each != HAND_BACK])
        if (head := self.shop.branches.get(pull.head)) is not None:
            made = self.shop.remote.git("log", "--author=ada@", "--format=%H", f"main..{head}").decode().split()
            self.model.theirs |= dict.fromkeys(made, pull.head)
        return "kept"

    def auto_merge(self, pull: Pull) -> str:
        """Let it merge by itself, or not any more."""
        with self.shop.acting() as pulls:
            try:
                if pull.auto_merge is not None:
                    landing.disable_auto_merge(pulls, pull, ALICE)
                    return "off"
                landing.enable_auto_merge(pulls, pull, AutoMerge(ALICE, pulls.time(), "squash"), expected=None)
            except Invalid:
                return "refused"
        return "on"

    def revert(self, pull: Pull) -> str:
        """Put back on the base branch what a merged pull request changed there."""
        return self._put_back(self.shop.pins(pull.base_sha), self.shop.pins(pull.head_sha), f'Revert "{pull.title}"')

    def revert_commit(self, which: int) -> str:
        """Put back what a commit on the base branch changed there: `which` of those that did, the newest first."""
        log = self.shop.remote.git("log", "--first-parent", "-20", "--format=%H", "main").decode().split()
        changed = [one for one, older in pairwise(log) if self.shop.pins(one) != self.shop.pins(older)]
        if not changed:
            return "nothing to revert"
        commit = changed[which % len(changed)]
        return self._put_back(self.shop.pins(f"{commit}^"), self.shop.pins(commit), f"Revert {commit}")

    def _put_back(self, before: Mapping[Key, Pinned], after: Mapping[Key, Pinned], message: str) -> str:
        main, undone = self.shop.branches["main"], 0
        files = dict(self.shop.files(main))
        for (path, name), pin in after.items():
            was = before.get((path, name))
            if was is not None and was != pin and self.shop.main.get((path, name)) == pin:
                files[path] = lines.repinned(files[path], name, was)
                undone += 1
        changed = {path: data for path, data in files.items() if self.shop.files(main)[path] != data}
        if changed:
            self.shop.commit("main", dict(changed), message)
            self.model.base_moved()
        return "reverted" if undone else "nothing to revert"

    # Pushes to the bot's branches

    def commit(self, branch: str, work: Work) -> str:
        """Push to a branch of the bot."""
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
            case "the bot's own words":
                return self._in_its_words(branch)
            case "amended" | "reworded":
                parents = shop.remote.git("log", "-1", "--format=%P", head).decode().split()
                if len(parents) != 1 or head == shop.fork(head):
                    return "not possible"
                changed = {path: data for path, data in files.items() if shop.files(parents[0]).get(path) != data}
                if work == "amended":
                    changed["apps/notes.txt"] = b"amended\n"
                self.model.forget((key, pin) for key, (_, pin) in shop.proposed(head).items())
                self.model.theirs.pop(head, None)
                self.model.rewritten.add(branch)
                made = shop.remote.commit(branch, dict(changed), message="my own words", parents=parents)
                shop.settle()
        self.model.theirs[made] = branch  # also where it was handed back: that was for what was there before
        return work

    def _in_its_words(self, branch: str) -> str:
        shop, head = self.shop, self.shop.branches[branch]
        said = list(shop.remote.git("log", "-20", "--format=%B", head).decode().splitlines())
        environment = environment_on(branch)
        plan = next((text for text in said if text.startswith(f"Gitops-Bot-Plan: 1 {environment} ")), None)
        if plan is None or head == shop.fork(head):
            return "not possible"
        key, (_, pin) = min(shop.proposed(head).items()) if shop.proposed(head) else (("", ""), (None, None))
        if pin is None:
            return "not possible"
        after = Pinned(f"1.{version(pin)[1] + 1}.9", f"sha256:{'e' * 64}")
        change = {"file": key[0], "name": key[1], "from": _said(pin), "to": _said(after)}
        group = plan.split()[3]
        message = f"By hand\n\nGitops-Bot-Plan: 1 {environment} {group} set\nGitops-Bot-Change: {json.dumps(change)}\n"
        shop.commit(branch, {key[0]: lines.repinned(shop.files(head)[key[0]], key[1], after)}, message)
        self.model.asked.pop(key, None)
        self.model.past.names(key, after)
        return "the bot's own words"

    def delete_branch(self, branch: str) -> str:
        """Delete a branch of the bot; GitHub closes its pull request."""
        head = self.shop.branches[branch]
        self.model.touched.add(branch)
        for pull in self.shop.pulls():
            if pull.head == branch:
                self.model.closes(pull)
        self.model.forget((key, pin) for key, (_, pin) in self.shop.proposed(head).items())
        self.model.handed_back(branch)
        self.shop.forge.bare(NAME).delete(branch, expected=head)
        self.shop.settle()
        return "deleted"

    # Pushes to the base branch

    def push(self, path: str, data: bytes, message: str) -> str:
        """Push one file to the base branch."""
        self.shop.commit("main", {path: data}, message)
        self.model.base_moved()
        return "pushed"

    def touch(self, path: str, *, above: str | None = None) -> str:
        """Change a line that is no pin: the first one of the file, or the comment above an entry."""
        data = self.shop.files(self.shop.branches["main"])[path]
        what = f"# {above} in".encode() if above else b"# Reviewed"
        self.push(path, data.replace(what, what.replace(b"# ", b"# (!) "), 1), "a comment")
        return "touched"

    def pin_by_hand(self, key: Key, to: ByHand) -> str:
        """Pin something on the base branch, past every proposal."""
        path, name = key
        tags = sorted((tag for tag in self.shop.pushed[name] if "-" not in tag), key=lambda tag: version(Pinned(tag)))
        wanted = Pinned(tags[-1], self.shop.pushed[name][tags[-1]])
        if to == "older":
            wanted = Pinned(tags[0], self.shop.pushed[name][tags[0]])
        if to == "what is proposed":
            pins = [self.shop.proposed(pull.head_sha).get(key) for pull in self.shop.pulls()]
            found = next((pin for pin in pins if pin is not None), None)
            if found is None:
                return "nothing is proposed"
            wanted = found[1]
        data = self.shop.files(self.shop.branches["main"])[path]
        self.model.past.names(key, wanted)
        self.push(path, lines.repinned(data, name, wanted), f"{name} by hand")
        return to

    def remove(self, key: Key) -> str:
        """Take an entry away."""
        data = self.shop.files(self.shop.branches["main"])[key[0]]
        self.push(key[0], lines.without_entry(data, key[1]), f"without {key[1]}")
        return "removed"

    def break_file(self, path: str) -> str:
        """Break a file so that it cannot be read any more, or mend it."""
        data = self.shop.files(self.shop.branches["main"])[path]
        if path in self.model.broken:
            self.model.broken.discard(path)
            self.push(path, data.removesuffix(BROKEN), "mended")
            return "mended"
        self.model.broken.add(path)
        self.push(path, data + BROKEN, "broken")
        return "broken"

    def configure(self) -> None:
        """Push the configuration as the shop has it now."""
        self.push(CONFIG, self.shop.config(), "configure the bot")

    # What tools say of the base branch

    def report(self, source: str, what: str, commit: str, state: State, place: str | None) -> None:
        """Write on a commit how a wave is: of one place or all, by the names that gates look for."""
        forge, (status, run, deployed) = self.shop.forge, WRITTEN[state]
        for each in sorted({place_of(key) for key in self.shop.main if place in (None, place_of(key))}):
            name = f"cd/{each}-{source}"
            if what in ("everything", "status", "a stranger's"):
                forge.status(NAME, commit, name, status, by=BOB if what == "a stranger's" else "argocd[bot]")
            if what == "check run":
                forge.check_run(NAME, commit, name, run, app="argocd")
            if what in ("everything", "e2e"):
                forge.check_run(NAME, commit, f"e2e {each}", run)
        if what in ("everything", "deployment"):
            forge.deployment(NAME, source, commit, *deployed)
        if what == "the bot's record":
            forge.deployment(NAME, source, commit, *deployed, by=BOT, text=TEXT)


def _said(pin: Pinned) -> dict[str, str | None]:
    return {"tag": pin.tag, "digest": pin.digest}
