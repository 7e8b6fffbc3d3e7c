"""The state between registering and unregistering the add-on: jobs, threads, and information about the server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import bpy

from . import settings
from .client import background, info, local
from .client.errors import Failure
from .client.http import Connection
from .client.info import Info
from .client.jobs import Job, Jobs
from .client.runner import Runner, stop


class Session:
    """One for each registration. Used on the main thread only.

    info : the server's last answer about itself, perhaps to an earlier Blender
    trouble : why it could not be asked
    checking : it is being asked
    starting, server : a local server that is being started, and one that is running
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = Jobs(folder / "jobs")
        self.runner = Runner(self.jobs)
        self.info = info.load(folder / "server.json")
        self.trouble: Failure | None = None
        self.checking = False
        self.starting = False
        self.server: subprocess.Popen[bytes] | None = None

    def check(self, connection: Connection, then: Callable[[], None]) -> None:
        """Ask the server about itself on a thread; `then` is called with the result."""
        if self.checking:
            return
        self.checking = True

        def known(found: Info) -> None:
            self.checking, self.trouble = False, None
            self.learn(found)
            then()

        def refused(failure: Failure) -> None:
            self.checking, self.trouble = False, failure
            then()

        background.run(lambda: info.ask(connection), known, refused)

    def learn(self, found: Info) -> None:
        """Store what a server reported, and show its options."""
        self.info = found
        settings.show_options(found.form())
        info.save(found, self.folder / "server.json")

    def resume(self, connection: Connection) -> None:
        """Resume the jobs of this server that an earlier Blender left behind."""
        for job in self.jobs.adopt():
            if job.server == connection.address:
                self.runner.start(job.id, connection)

    def cancel(self, job: Job, connection: Connection) -> None:
        """Stop a job here and on the server."""
        stopped = self.jobs.advance(job.id, state="cancelled", eta=None)
        theirs = job.job_id
        if stopped and theirs:
            background.run(lambda: stop(connection, theirs), lambda _: None, lambda _: None)

    def retry(self, job: Job, connection: Connection) -> None:
        """Resume a failed job where it stopped. One that failed on the server, or never reached it, is sent again."""
        again = self.jobs.again(job)
        self.runner.start(again.id, connection)

    def start_server(self, program: Path, address: str, with_key: bool, then: Callable[[str | Failure], None]) -> None:
        """Start a local server on a thread; `then` receives a new key, none, or why there is no server."""
        self.starting = True

        def running(started: local.Started) -> None:
            self.starting, self.server = False, started.process
            then(started.key)

        def refused(failure: Failure) -> None:
            self.starting = False
            then(failure)

        log = self.folder / "server.log"
        background.run(lambda: local.start(program, address, log, with_key), running, refused)

    def stop_server(self) -> None:
        """Stop the server that was started here, if it is running; it requeues its jobs by itself."""
        if self.server is not None:
            self.server.terminate()
            self.server = None

    def close(self) -> None:
        """End the threads and release the jobs; the next session resumes unfinished ones."""
        self.runner.stop()
        background.stop()
        self.stop_server()
        self.jobs.close()


_current: Session | None = None


def current() -> Session:
    """The session; the add-on is registered."""
    assert _current is not None, "the add-on is not registered"
    return _current


def open_session(package: str) -> Session:
    """Begin, in the user's own folder for this extension."""
    global _current
    _current = Session(user_folder(package))
    return _current


def close_session() -> None:
    global _current
    if _current is not None:
        _current.close()
    _current = None


def user_folder(package: str) -> Path:
    """Blender's folder for an extension's data; it survives updates of the extension."""
    try:
        return Path(bpy.utils.extension_path_user(package, create=True))
    except ValueError:  # not installed as an extension: run from a source tree
        return Path(bpy.utils.user_resource("CONFIG", path="spherelinks", create=True))
