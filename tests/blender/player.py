"""Plays the contract's scenarios as the user of an editor does; by itself it is an editor that can be killed.

python -m player FOLDER ADDRESS KEY PICTURE
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from blender_addon.client import runner as runners
from blender_addon.client.http import Connection
from blender_addon.client.jobs import Jobs
from blender_addon.client.runner import Runner

LIMIT_S = 60
HERE = Path(__file__).parent


class Recorded(Jobs):
    """Jobs, and what their user has seen of them."""

    def __init__(self, folder):
        self.states, self.progress = [], []
        super().__init__(folder)

    def _put(self, job):
        super()._put(job)
        for seen, now in ((self.states, job.state), (self.progress, job.progress)):
            if seen[-1:] != [now]:
                seen.append(now)


class Player:
    """A user with one job.

    folder : of the jobs; address, key : of the server
    """

    def __init__(self, folder, address, key, picture=b"picture"):
        self.folder, self.address, self.key, self.picture = folder, address, key, picture
        self.process = None
        self.job_id = ""
        self.start()

    @property
    def connection(self):
        return Connection(self.address, self.key, False)

    def start(self):
        """An editor that goes on with what an earlier one has left."""
        self.jobs = Recorded(self.folder)
        self.runner = Runner(self.jobs)
        for job in self.jobs.adopt():
            self.runner.start(job.id, self.connection)

    def submit(self):
        # a picture may be followed by anything
        sides = {"back": self.picture + b"behind", "left": self.picture + b"beside"}
        self.job_id = self.jobs.new(self.address, "mug", self.picture, sides).id
        self.runner.start(self.job_id, self.connection)

    def submit_elsewhere(self):
        """In an editor of its own, which can be killed."""
        self.close()
        picture = self.folder / "picture"
        picture.write_bytes(self.picture)
        command = [sys.executable, "-m", "player", self.folder, self.address, self.key, picture]
        where = {"PYTHONPATH": os.pathsep.join((str(HERE.parents[1]), str(HERE)))}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | where)
        self.job_id = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def cancel(self):
        theirs = self.jobs.get(self.job_id).job_id
        assert self.jobs.advance(self.job_id, state="cancelled", eta=None)
        if theirs:
            runners.stop(self.connection, theirs)

    def again(self):
        self.job_id = self.jobs.again(self.jobs.get(self.job_id)).id
        self.runner.start(self.job_id, self.connection)

    def shown(self):
        """The job as it is on disk."""
        return json.loads((self.folder / f"{self.job_id}.json").read_text())

    def until(self, wanted):
        """Wait until the job shows this, and return it."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            job = self.shown()
            if wanted == {name: job[name] if name in job else (job["problem"] or {}).get(name) for name in wanted}:
                return job
            assert job["state"] not in ("ready", "failed", "cancelled"), f"{job} and not {wanted}"
            assert time.monotonic() < deadline, f"{job} and not {wanted}"
            time.sleep(0.02)

    def rest(self):
        """Wait until nothing is done any more."""
        deadline = time.monotonic() + LIMIT_S
        while self.runner.busy():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self):
        self.runner.stop()
        self.jobs.close()


def play(acts, player, turn, asked, begun=lambda number: None):
    """Every act of a scenario.

    turn : tells the server the number of each
    begun : is told it once the user has done what they do in it
    asked : says how often the server was asked for an operation
    """
    for number, act in enumerate(acts):
        client = act.get("client")
        if client == "cancel":
            player.cancel()
        if client == "resume":
            player.kill()
        turn(number)
        if client == "submit":
            killed = any(later.get("client") == "resume" for later in acts)
            player.submit_elsewhere() if killed else player.submit()
        if client == "resume":
            player.start()
        if client == "again":
            player.again()
        begun(number)
        player.until({name: value for name, value in act["until"].items() if name != "asked"})
        deadline = time.monotonic() + LIMIT_S
        while "asked" in act["until"] and not asked(act["until"]["asked"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    player.rest()


def main(folder, address, key, picture):
    player = Player(Path(folder), address, key, Path(picture).read_bytes())
    player.submit()
    sys.stdout.write(player.job_id + "\n")
    sys.stdout.flush()
    time.sleep(LIMIT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
