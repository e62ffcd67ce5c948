"""What pull requests say about images: it decides nothing, and may be unknown."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitops_bot.engine.drive import answer, drive
from gitops_bot.engine.facts import Facts, ask_known
from gitops_bot.errors import BotError, RegistryError, bugs_as
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName
from gitops_bot.proposals import content
from gitops_bot.proposals.reconcile import Commit, Nothing, Open, Refresh
from gitops_bot.proposals.text import body
from gitops_bot.proposals.text.details import DescribedChange
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.context import Context, Planned
    from gitops_bot.engine.world import World
    from gitops_bot.images.build import Build
    from gitops_bot.proposals.proposal import Proposal, ProposalText
    from gitops_bot.releases.decisions import EntryKey

    Step = tuple[str, str, str]

Key = TypeVar("Key")
#: So many changes of a proposal are described; each takes up to six small requests to its registry.
MOST = 20
#: So many of them get the subjects of the commits in between, each for a request to the forge.
COMPARED = 3
#: So long after it was opened, a pull request is given the subjects that the forge did not tell before: it may never.
FOR = timedelta(days=1)


class ImageStep(NamedTuple):
    """An image before and after: names and digests. `goes_back`: the one before is the newer build."""

    before: str
    before_digest: str | None
    after: str
    after_digest: str | None
    goes_back: bool = False


def describe(world: World, planned: Planned) -> Planned:
    """The environment with the text of each proposal that would be written; a bug in that leaves it unwritten."""
    proposals: list[Proposal] = []
    failed: list[Failed] = []
    for proposal in planned.proposals:
        if not proposal.changes or not isinstance(proposal.action, Open | Refresh | Commit):
            proposals.append(proposal)
            continue
        try:
            with bugs_as(BotError, proposal.branch or ""):
                proposals.append(replace(proposal, text=_text(world, planned.context, proposal)))
        except BotError as error:
            nothing = Nothing(None, Reason(error.problem.code, error.problem.message))
            proposals.append(replace(proposal, action=nothing))
            failed.append(Failed(None, error.problem))
    return replace(planned, proposals=tuple(proposals), decisions=(*planned.decisions, *failed))


def _text(world: World, context: Context, proposal: Proposal) -> ProposalText:
    environment, changes = context.environment, proposal.changes
    by_commit = isinstance(proposal.action, Commit)
    briefly = by_commit or (proposal.source == "promotion" and len(changes) > MOST)  # of hundreds only a table is read
    steps: dict[EntryKey, ImageStep] = {}
    for change in changes[:MOST]:
        image, before, after = change.entry.image, change.before.digest, change.after.digest
        steps[change.entry.key] = ImageStep(image, before, change.new_name or image, after, change.goes_back)
    described = {} if briefly else describe_images(world, context.facts, steps)
    base = None if by_commit else context.snapshot.commit
    text = content.write(environment.name, proposal, environment.propose, base, described, at=context.snapshot.at)
    undescribed = context.facts.undescribed
    is_partial = any({step.before_digest, step.after_digest} & undescribed for step in steps.values())
    opened = proposal.action.pull_request.created_at if isinstance(proposal.action, Refresh) else None
    if opened is None or context.snapshot.at - opened < FOR:
        is_partial = is_partial or any(image.unread for image in described.values())
    if text.body and is_partial:
        return text._replace(body=body.with_lacks(text.body, ["details"]))
    return text


def describe_images(world: World, facts: Facts, images: Mapping[Key, ImageStep]) -> Mapping[Key, DescribedChange]:
    """What images say of themselves before and after, and the commits in between of the first few, by any keys."""
    answers = builds(world, facts, list(images.values()))
    steps = [
        step_of(after, before) if image.goes_back else step_of(before, after)
        for image, (before, after) in zip(images.values(), answers, strict=True)
    ]
    compared = [step for step in dict.fromkeys(steps) if step is not None and world.forge is not None][:COMPARED]
    commits = answer(world, facts, ask_known({step: facts.commits_between(*step) for step in compared}))
    unread = {*compared} - commits.keys()
    return {
        key: DescribedChange(before, after, commits.get(step, ()) if step is not None else (), step in unread)
        for key, (before, after), step in zip(images, answers, steps, strict=True)
    }


def builds(world: World, facts: Facts, images: Sequence[ImageStep]) -> list[tuple[Build | None, Build | None]]:
    """What each image says of itself before and after, asked side by side; None where no registry answers."""

    async def both(image: ImageStep) -> tuple[Build | None, Build | None]:
        built: list[Build | None] = [None, None]
        for side, (text, digest) in enumerate([(image.before, image.before_digest), (image.after, image.after_digest)]):
            if digest is not None and (name := ImageName.of(text)) is not None:
                with suppress(RegistryError):
                    built[side] = await facts.describe(name, digest)
        return built[0], built[1]

    known = drive(world, facts, [both(image) for image in images])
    return [(None, None) if isinstance(build, BotError) else build for build in known]


def step_of(older: Build | None, newer: Build | None) -> Step | None:
    """The source of the newer image and the revisions of both, where they say that and the revisions differ."""
    if older is None or newer is None or newer.source is None or older.revision is None or newer.revision is None:
        return None
    return (newer.source, older.revision, newer.revision) if older.revision != newer.revision else None
