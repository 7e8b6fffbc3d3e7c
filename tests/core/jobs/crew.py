"""What the processes of the chaos test run: a producer that submits jobs until it is killed, and a worker."""

import os
import random
import time

from spherelinks.accounts import keys
from spherelinks.database import connect, transaction
from spherelinks.errors import DatabaseUnavailable
from spherelinks.jobs import submission
from spherelinks.jobs.worker import run_worker
from spherelinks.options import Options
from spherelinks.storage import open_storage


def produce(settings, secret, notes):
    """Submit as a server would, and note each job that was acknowledged: its id and what it is to do."""
    engine = connect(settings.database_url)
    storage = open_storage(settings)
    file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        time.sleep(random.uniform(0, 0.2))  # on an idle machine the workers could not keep up
        picture = random.choices([b"work 0.1", b"refuse", b"die"], [78, 20, 2])[0]
        try:
            with transaction(engine) as session:
                principal = keys.authenticate(session, secret)
            job = submission.submit(engine, storage, principal, picture, Options(), bypass_cache=True).job_id
        except DatabaseUnavailable:
            continue
        # one write is whole or absent, also when we are killed
        os.write(file, f"{job} {picture.decode()}\n".encode())


def work(settings):
    run_worker(settings, settings.database_url, concurrency=2, runner="runners:obey")
