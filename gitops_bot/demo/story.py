"""What `gitops-bot demo` shows: the real commands, as processes of their own, against servers on this machine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gitops_bot.demo.site import REPOSITORY, begun, found, resumed
from gitops_bot.errors import ForgeError, Problem

if TYPE_CHECKING:
    import threading

    from gitops_bot.demo.site import Site

#: What the pipeline of the story pushes: a release of each service, and a candidate.
_NEWS = (("web", "v1.5.0-rc.2"), ("web", "v1.4.2"), ("api", "v2.7.4"))


def tell(out: TextIO, *, keep: bool) -> int:
    """Tell the whole story; give back 0, or the exit code of the first command that failed."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-demo-"))
    try:
        with begun(folder) as site:
            code = _story(site, out)
        if keep:
            _say(out, f"Kept in {folder}. To go on with it:\n\n  gitops-bot demo --resume {shlex.quote(str(folder))}")
        return code
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def resume(folder: Path, out: TextIO, ended: threading.Event) -> int:
    """Serve a demo that was kept until `ended` is set (or the user interrupts), and say how to go on with it.

    Raises:
        UsageError: there is nothing to resume.
    """
    with resumed(folder) as site:
        tag = site.push_next("web")
        lines = [
            f"\nThe registry is {site.registry.url}, the forge {site.forge.url}; web:{tag} was just pushed.",
            "In another terminal:\n",
            *(f"  export {name}={shlex.quote(text)}" for name, text in site.environment.items()),
            f"  gitops-bot plan --repository {REPOSITORY}",
            f"  gitops-bot update --repository {REPOSITORY}",
            f"  git clone {site.forge.url}/{REPOSITORY}.git",
            f"\nPull requests: {site.forge.url}/{REPOSITORY}/pulls. Ctrl-C ends the servers.",
        ]
        print("\n".join(lines), file=out, flush=True)
        ended.wait()
    return 0


def _story(site: Site, out: TextIO) -> int:
    _say(out, f"A registry on {site.registry.host}, a Git remote and a GitHub server on {site.forge.host}.")
    found(site)
    print(f"{REPOSITORY} is made of manifests-example/; every image that it pins is in the registry.", file=out)
    for image, tag in _NEWS:
        site.push(image, tag)
    _say(out, f"A pipeline pushes {', '.join(f'{image}:{tag}' for image, tag in _NEWS)}. What would change?")
    for words in (("plan",), ("update",)):
        if code := _run(site, out, *words):
            return code
    _say(out, "Dev and staging are committed straight, as configured. Production waits for a person:")
    for number in _open_pulls(site):
        _show(site, out, number)
        _merge(site, out, number)
    _say(out, "Argo CD would deploy that now. And the next poll?")
    if code := _run(site, out, "update"):
        return code
    _say(out, "Nothing new, so it wrote nothing. Production has trouble with that release: back to the one before.")
    if code := _run(site, out, "rollback", "production"):
        return code
    for number in _open_pulls(site):
        _merge(site, out, number)
    _say(out, "What production left by going back is not proposed again, until there is something newer:")
    if code := _run(site, out, "plan", "production"):
        return code
    _say(out, "What staging has tested can go to production as it is, by its digest:")
    return _run(site, out, "promote", "staging", "production", "--dry-run")


def _run(site: Site, out: TextIO, *words: str) -> int:
    """Run one command of the bot as a user does, and show what it prints."""
    arguments = [*words, "--repository", REPOSITORY]
    print(f"\n$ gitops-bot {shlex.join(arguments)}", file=out, flush=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
    done = subprocess.run(
        [sys.executable, "-m", "gitops_bot", *arguments],
        env=kept | site.environment,
        cwd=site.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    print("\n".join(f"  {line}".rstrip() for line in done.stdout.splitlines()), file=out, flush=True)
    return done.returncode


def _open_pulls(site: Site) -> list[int]:
    return [pull["number"] for pull in json.loads(_call(site, "GET", "/pulls?state=open"))]


def _show(site: Site, out: TextIO, number: int) -> None:
    pull = json.loads(_call(site, "GET", f"/pulls/{number}"))
    print(f"\n  #{number} {pull['title']}\n  {pull['html_url']}\n", file=out)
    diff = _call(site, "GET", f"/pulls/{number}", accept="application/vnd.github.diff")
    print("\n".join(f"  {line}".rstrip() for line in diff.splitlines()), file=out)


def _merge(site: Site, out: TextIO, number: int) -> None:
    merged = json.loads(_call(site, "PUT", f"/pulls/{number}/merge", {"merge_method": "squash"}))
    _say(out, f"alice merges #{number}: {merged['sha'][:10]}.")


def _call(
    site: Site, method: str, path: str, body: object = None, *, accept: str = "application/vnd.github+json"
) -> str:
    """Ask the forge as the person of the story does."""
    headers = {"Authorization": f"Bearer {site.person_token}", "Accept": accept, "User-Agent": "gitops-bot-demo"}
    with closing(HTTPConnection(site.forge.host, timeout=30)) as connection:
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v3/repos/{REPOSITORY}{path}", sent, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    if answer.status >= 300:
        message = f"the demo's forge answered {answer.status} to {method} {path}: {text[:200]}"
        raise ForgeError(Problem("failed.forge", message, "please report this"))
    return text


def _say(out: TextIO, text: str) -> None:
    print(f"\n{text}", file=out, flush=True)
