"""Log lines name their subject, in either format."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from subprocess import run
from threading import Thread

import pytest

from spherelinks import logs


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("style", logs.FORMATS)
def test_a_line_names_its_job_and_only_while_it_is_about_it(style, capfd):
    logs.configure(style)
    log = logging.getLogger("test")
    with logs.about(job_id="job_1"), logs.about(attempt="2"):
        log.warning("crashed: %s", "out of memory")
    log.warning("idle")
    first, second = capfd.readouterr().err.splitlines()
    assert "job_1" in first
    assert "crashed: out of memory" in first
    assert "job_1" not in second


def test_json_is_one_object_a_line_even_for_a_traceback(capfd):
    logs.configure("json")
    with logs.about(request_id="req_1"):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("test").exception("it broke")
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    entry = json.loads(lines[0])
    assert entry["message"] == "it broke"
    assert entry["level"] == "ERROR"
    assert entry["logger"] == "test"
    assert entry["request_id"] == "req_1"
    assert "ValueError" in entry["exc_info"]


def test_threads_do_not_share_what_they_are_about(capfd):
    logs.configure("text")
    with logs.about(job_id="job_1"):
        thread = Thread(target=lambda: logging.getLogger("test").warning("other"))
        thread.start()
        thread.join()
    assert "job_1" not in capfd.readouterr().err


def test_an_unknown_format_is_refused_by_name():
    code = "from spherelinks.config import Settings; Settings.from_env({'SPHERELINKS_LOG_FORMAT': 'xml'})"
    done = run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "SPHERELINKS_LOG_FORMAT is 'xml'" in done.stderr
