"""A real git server: nginx, fcgiwrap and `git http-backend` with basic authentication on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.conftest import free_port, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

#: May read and write.
WRITER = ("x-access-token", "ghs_writer0123456789abcdef")
#: May read; a push is answered with 403.
READER = ("reader", "ghs_reader0123456789abcdef")

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    client_max_body_size 0;
    map "$remote_user $arg_service $uri" $refused {{
        default 0;
        "~^{reader} git-receive-pack " 1;
        "~^{reader} .*/git-receive-pack$" 1;
    }}
    server {{
        listen 127.0.0.1:{port};
        location = /under-way {{ access_log off; return 200 $connections_writing; }}
        location ~ ^/moved(/.*)$ {{ return 301 http://{elsewhere}$1$is_args$args; }}
        location / {{
            if ($refused) {{ return 403; }}
            auth_basic git;
            auth_basic_user_file {folder}/users;
            fastcgi_pass unix:{folder}/fcgi.sock;
            fastcgi_param SCRIPT_FILENAME {backend};
            fastcgi_param GIT_PROJECT_ROOT {folder}/repositories;
            fastcgi_param GIT_HTTP_EXPORT_ALL "";
            fastcgi_param GIT_CONFIG_NOSYSTEM 1;
            fastcgi_param GIT_CONFIG_GLOBAL {folder}/gitconfig;
            fastcgi_param GIT_PROTOCOL $http_git_protocol;
            fastcgi_param PATH {path};
            fastcgi_param PATH_INFO $uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_USER $remote_user;
            fastcgi_param REMOTE_ADDR $remote_addr;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Remote:
    """A bare repository as the server keeps it; `url` is its address over HTTP, `file_url` beside the server."""

    path: Path
    url: str = ""

    @property
    def file_url(self) -> str:
        return self.path.as_uri()

    @classmethod
    def create(
        cls,
        path: Path,
        files: Mapping[str, bytes],
        *,
        branch: str = "main",
        object_format: str = "sha1",
        filters: bool = True,
        url: str = "",
    ) -> Remote:
        """Make a bare repository whose first commit holds `files`; without files it stays empty."""
        path.mkdir(parents=True)
        remote = cls(path, url)
        remote.git("init", "--quiet", "--bare", f"--object-format={object_format}", f"--initial-branch={branch}")
        remote.git("config", "uploadpack.allowFilter", str(filters).lower())
        remote.git("config", "gc.auto", "0")
        if files:
            remote.commit(branch, files, message="first")
        return remote

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints in this repository."""
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=self.path, env=environment, input=stdin, check=True, capture_output=True
        ).stdout

    def commit(
        self,
        branch: str,
        files: Mapping[str, bytes | None],
        *,
        message: str = "a person's change",
        modes: Mapping[str, str] | None = None,
        parents: Sequence[str] = (),
        author: str = "Ada <ada@example.test>",
        at: datetime | None = None,
    ) -> str:
        """Commit on top of the branch (or of `parents`); `None` removes a file; answers with the new commit's id.

        `at` is the time that the commit bears, as the history of a repository tells it; now without it.
        """
        parents = parents or [tip for name, tip in self.branches().items() if name == branch]
        text = message.encode()
        when = b"now" if at is None else b"%d +0000" % at.timestamp()
        stream = [b"feature done\n"]
        if not parents:
            stream.append(b"reset refs/heads/%s\n\n" % branch.encode())
        stream.append(b"commit refs/heads/%s\nmark :1\nauthor %s %s\n" % (branch.encode(), author.encode(), when))
        stream.append(b"committer %s %s\ndata %d\n%s\n" % (author.encode(), when, len(text), text))
        stream += [
            b"%s %s\n" % (word, parent.encode())
            for word, parent in zip([b"from", *[b"merge"] * len(parents)], parents, strict=False)
        ]
        for path, content in files.items():
            name = b'"%s"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
            mode = (modes or {}).get(path, "100644").encode()
            if content is None:
                stream.append(b"D %s\n" % name)
            elif mode == b"160000":
                stream.append(b"M %s %s %s\n" % (mode, content, name))
            else:
                stream.append(b"M %s inline %s\ndata %d\n%s\n" % (mode, name, len(content), content))
        stream.append(b"get-mark :1\ndone\n")
        form = "now" if at is None else "raw"
        made = self.git(
            "fast-import", "--quiet", "--force", f"--date-format={form}", "--cat-blob-fd=1", stdin=b"".join(stream)
        )
        return made.decode().strip()

    def branches(self) -> dict[str, str]:
        """Every branch and its commit."""
        lines = self.git("for-each-ref", "--format=%(refname:lstrip=2)%00%(objectname)", "refs/heads/").decode()
        return dict(line.split("\0", 1) for line in lines.splitlines())

    def show(self, branch: str, path: str) -> bytes:
        """The bytes of a file on a branch (or at a commit)."""
        return self.git("cat-file", "blob", f"{branch}:{path}")

    def modes(self, branch: str) -> dict[str, str]:
        """Every path on a branch with its git mode."""
        entries = self.git("ls-tree", "-r", "-z", branch).split(b"\0")[:-1]
        return {os.fsdecode(entry.split(b"\t", 1)[1]): entry[:6].decode() for entry in entries}

    def log(self, branch: str, form: str = "%s") -> list[str]:
        """One line for each commit of the branch, newest first, in a form of `git log`."""
        return self.git("log", f"--format={form}", branch).decode().splitlines()

    def hook(self, name: str, script: str) -> None:
        """Install a hook: a shell script without its first line."""
        file = self.path / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def refuse(self, *lines: str) -> None:
        """Refuse every push with these words, as a protected branch does."""
        said = "\n".join(f"echo '{line}' >&2" for line in lines)
        self.hook("pre-receive", f"{said}\nexit 1")


@dataclass(frozen=True, slots=True)
class GitServer:
    """The running server; `create` makes a repository that it serves."""

    folder: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create(
        self, name: str, files: Mapping[str, bytes], *, object_format: str = "sha1", filters: bool = True
    ) -> Remote:
        """A bare repository served as `/<name>.git`."""
        path = self.folder / "repositories" / f"{name}.git"
        url = f"{self.address}/{name}.git"
        return Remote.create(path, files, object_format=object_format, filters=filters, url=url)

    def serve(self) -> None:
        """Start to serve, at the address that it has; again after `kill`."""
        socket_path = self.folder / "fcgi.sock"
        socket_path.unlink(missing_ok=True)
        # Whoever starts a git server after a crash clears the locks that it left.
        for lock in (self.folder / "repositories").rglob("*.lock"):
            lock.unlink(missing_ok=True)
        for command in (
            [program("fcgiwrap"), "-c", "4", "-s", f"unix:{socket_path}"],
            [
                program("nginx"),
                "-p",
                str(self.folder),
                "-c",
                str(self.folder / "nginx.conf"),
                "-e",
                str(self.folder / "error.log"),
            ],
        ):
            self.processes.append(subprocess.Popen(command, start_new_session=True))
        _ready(socket.AF_UNIX, str(socket_path), self.processes[0])
        _ready(socket.AF_INET, ("127.0.0.1", self.port), self.processes[1])

    def kill(self) -> None:
        """End it as a power cut would, with every git that it runs."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def requests(self) -> list[str]:
        """Method, path and status of every request so far, in the order of their answers.

        The server logs a request after the client has its answer, so the log is read when no request is under way.
        """
        while httpx.get(f"{self.address}/under-way", trust_env=False).text != "1":
            pass
        lines = (self.folder / "access.log").read_text().splitlines()
        return [" ".join([*line.split('"')[1].split()[:2], line.split('"')[2].split()[0]]) for line in lines]


def _ready(family: socket.AddressFamily, address: str | tuple[str, int], process: subprocess.Popen[bytes]) -> None:
    """Wait until a server accepts connections."""
    while True:
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")


@contextlib.contextmanager
def git_server(folder: Path, *, elsewhere: str = "127.0.0.1:9") -> Iterator[GitServer]:
    """Serve repositories over HTTP out of an empty folder until the block ends.

    Below `/moved/` every request is redirected to the host `elsewhere`.
    """
    program("nginx"), program("fcgiwrap")
    backend = Path(subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip())
    server = GitServer(folder, free_port())
    (folder / "repositories").mkdir(parents=True)
    (folder / "users").write_text("".join(f"{name}:{{PLAIN}}{password}\n" for name, password in (WRITER, READER)))
    (folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
    (folder / "nginx.conf").write_text(
        _NGINX.format(
            folder=folder,
            port=server.port,
            reader=READER[0],
            backend=backend / "git-http-backend",
            path=os.environ["PATH"],
            elsewhere=elsewhere,
        )
    )
    try:
        server.serve()
        yield server
    finally:
        server.kill()
