"""The embedded database: it starts anywhere, once per home, keeps its data, and recovers from anything."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from spherelinks import postgres
from spherelinks.config import Settings
from spherelinks.database import opened
from spherelinks.errors import ConfigurationError
from spherelinks.locks import FileLock
from spherelinks.postgres import EmbeddedPostgres, find_binaries, running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and modes are POSIX's")

PATIENCE_S = 120.0


@contextmanager
def made_folder():
    # not below pytest's folder, which another user, under whom the server runs for root, may not enter
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def bare_home():
    """An empty folder."""
    with made_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def prepared():
    """A home whose server has run and stopped."""
    with made_folder() as folder:
        with EmbeddedPostgres(folder):
            pass
        yield folder


@pytest.fixture
def home(prepared):
    """A copy of it: copying takes a fraction of making one."""
    with made_folder() as folder:
        subprocess.run(["cp", "-a", f"{prepared}/.", folder], check=True)
        yield folder


def query(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def server_pid(home):
    return int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def is_alive(pid):
    """Whether the process runs; one that has ended but was not yet asked for its exit code does not."""
    return bool(postgres._command_line(pid))


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return result


def test_it_starts_stops_and_keeps_what_it_was_told(bare_home):
    assert running(bare_home) is None
    with EmbeddedPostgres(bare_home) as url:
        assert running(bare_home) == url
        query(url, "CREATE TABLE kept (x int)")
        query(url, "INSERT INTO kept VALUES (7)")
        pid = server_pid(bare_home)
    assert running(bare_home) is None
    assert not is_alive(pid)
    with EmbeddedPostgres(bare_home) as again:
        assert again == url
        assert query(url, "SELECT x FROM kept") == 7


def test_it_cannot_be_reached_from_elsewhere_or_without_the_password(bare_home):
    with EmbeddedPostgres(bare_home) as url:
        assert query(url, "SHOW listen_addresses") == ""
        assert query(url, "SHOW data_checksums") == "on"
        folder = bare_home / "postgres"
        for private in ("data", "run"):
            assert (folder / private).stat().st_mode & 0o777 == 0o700
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        rules = (folder / "data/pg_hba.conf").read_text().splitlines()
        methods = {line.split()[-1] for line in rules if line and not line.startswith("#")}
        assert methods == {"scram-sha-256"}
        password = (folder / "password").read_text()
        assert len(password) >= 32
        assert not (folder / "run/password").exists()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace(password, "guess"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives root away")
def test_under_root_the_server_runs_as_its_own_user_and_no_parent_is_opened_to_it(bare_home):
    parents = {parent: parent.stat().st_mode for parent in bare_home.parents}
    with EmbeddedPostgres(bare_home):
        assert Path(f"/proc/{server_pid(bare_home)}").stat().st_uid != 0
        assert {parent: parent.stat().st_mode for parent in bare_home.parents} == parents


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives root away")
def test_under_root_a_home_behind_a_closed_folder_is_refused_with_the_remedy(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"
    with pytest.raises(ConfigurationError) as caught:
        EmbeddedPostgres(home).start()
    assert "may not enter" in caught.value.message
    assert "DATABASE_URL" in caught.value.hint
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives root away")
def test_under_root_a_folder_that_is_not_ours_alone_keeps_its_mode(tmp_path):
    (tmp_path / "something").touch()
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigurationError, match="may not enter"):
        EmbeddedPostgres(tmp_path).start()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives root away")
def test_under_root_programs_that_the_user_cannot_read_are_copied(home, tmp_path, monkeypatch):
    closed = tmp_path / "venv"
    shutil.copytree(find_binaries().parent, closed / "pg", symlinks=True)
    closed.chmod(0o700)
    monkeypatch.setattr(postgres, "_candidates", lambda: iter([closed / "pg/bin"]))
    with EmbeddedPostgres(home) as url:
        assert query(url, "SELECT 1") == 1
        program = Path(f"/proc/{server_pid(home)}/exe").resolve()
        assert home / "postgres/program" in program.parents
    assert closed.stat().st_mode & 0o777 == 0o700


def test_killed_it_comes_back_with_all_that_was_committed(home):
    with EmbeddedPostgres(home) as url:
        query(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS x")
        for _ in range(3):
            pid = server_pid(home)
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            eventually(lambda before=pid: running(home) and server_pid(home) != before)
            assert time.monotonic() - began < 10
            assert query(url, "SELECT count(*) FROM kept") == 1000


def test_killed_with_a_client_at_work_it_comes_back(home):
    """The client's process keeps the shared memory for a moment, in which the server cannot start again."""
    with EmbeddedPostgres(home) as url:
        busy = psycopg.connect(url)
        busy.execute("CREATE TABLE t AS SELECT 1 AS x")
        pid = server_pid(home)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running(home) and server_pid(home) != pid)
        busy.close()
        assert query(url, "SELECT to_regclass('t') IS NULL"), "what was not committed is gone"


def test_a_second_user_of_the_same_home_attaches(home):
    with EmbeddedPostgres(home) as url:
        with EmbeddedPostgres(home) as other:
            assert other == url
        with opened(Settings(home=home)) as other:
            assert other == url
        assert running(home) == url, "the guest must not stop the host's server"
    assert running(home) is None


def test_another_process_attaches(home):
    code = (
        "import sys, pathlib\n"
        "from spherelinks.postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(pathlib.Path(sys.argv[1])) as url: print(url)"
    )
    with EmbeddedPostgres(home) as url:
        done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == url
        assert running(home) == url


OWN = (
    "import sys, pathlib\n"
    "from spherelinks.postgres import EmbeddedPostgres\n"
    "with EmbeddedPostgres(pathlib.Path(sys.argv[1])) as url:\n"
    "    print(url, flush=True)\n"
    "    sys.stdin.read()"
)


@contextmanager
def owner_elsewhere(home):
    """Another process that owns the server until its standard input ends."""
    command = [sys.executable, "-c", OWN, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("postgresql://")
        yield process


@pytest.mark.parametrize("how", ["leaves", "is killed"])
def test_a_guest_takes_the_server_over_from_an_owner_that(how, home):
    with owner_elsewhere(home) as owner, EmbeddedPostgres(home) as url:
        pid = server_pid(home)
        query(url, "CREATE TABLE kept (x int)")
        if how == "leaves":
            owner.stdin.close()
        else:
            owner.kill()
        owner.wait(PATIENCE_S)
        assert query(url, "SELECT count(*) FROM kept") == 0
        assert server_pid(home) == pid, "the guest's server has not stopped for a moment"
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running(home) == url)
        assert query(url, "SELECT count(*) FROM kept") == 0
        assert server_pid(home) != pid
    assert running(home) is None, "the last one to leave stops it"


def test_whoever_looks_after_the_server_survives_a_shortage(home, monkeypatch):
    """A process that is out of files, say, cannot look at the server, nor take it over; when it can again, it does."""
    failures = []

    def failing(function):
        def try_(*arguments):
            if len(failures) < 3 and threading.current_thread().name.startswith("postgres-"):
                failures.append(function)
                raise OSError(errno.EMFILE, "Too many open files")
            return function(*arguments)

        return try_

    monkeypatch.setattr(postgres, "_LOOK_S", 0.1)
    with owner_elsewhere(home) as owner, EmbeddedPostgres(home) as url:
        monkeypatch.setattr(FileLock, "acquire", failing(FileLock.acquire))
        eventually(lambda: len(failures) == 3)
        failures.clear()
        monkeypatch.setattr(postgres, "_command_line", failing(postgres._command_line))
        owner.stdin.close()
        owner.wait(PATIENCE_S)
        eventually(lambda: len(failures) == 3)
        pid = server_pid(home)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running(home) == url)
        assert server_pid(home) != pid


def test_a_guest_that_ends_without_a_word_keeps_nobody(home):
    with EmbeddedPostgres(home), owner_elsewhere(home) as guest:
        guest.kill()
        guest.wait()
    assert running(home) is None


def test_whoever_comes_and_goes_at_once_one_server_serves_all_and_none_is_left(home):
    def visit(number):
        with EmbeddedPostgres(home) as url:
            query(url, f"CREATE TABLE visit_{number} (x int)")
            time.sleep(0.1 * (number % 3))

    with ThreadPoolExecutor(6) as visitors:
        for visit_ended in [visitors.submit(visit, number) for number in range(9)]:
            visit_ended.result()
    assert running(home) is None
    with EmbeddedPostgres(home) as url:
        assert query(url, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'visit_%'") == 9


def test_a_start_that_fails_for_the_system_is_tried_again(home):
    log = home / "postgres" / "log"
    with EmbeddedPostgres(home) as url:
        log.unlink()
        log.mkdir()  # nobody can write to it
        os.kill(server_pid(home), signal.SIGKILL)
        time.sleep(1)
        assert running(home) is None
        log.rmdir()
        eventually(lambda: running(home) == url)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_on_a_full_disk_a_killed_server_starts_on_its_reserve(home):
    with made_folder() as disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "tmpfs", disk], check=True)
        try:
            subprocess.run(["cp", "-a", home / "postgres", disk / "postgres"], check=True)
            with owner_elsewhere(disk) as owner:
                query(running(disk), "CREATE TABLE kept (x int)")
                eventually(lambda: (disk / "postgres" / "reserve").exists())
                owner.kill()
                os.kill(server_pid(disk), signal.SIGKILL)
            with suppress(OSError), (disk / "stuff").open("wb", buffering=0) as stuff:
                while stuff.write(bytes(4096)):
                    pass
            assert shutil.disk_usage(disk).free == 0
            with EmbeddedPostgres(disk) as url:
                query(url, "INSERT INTO kept SELECT generate_series(1, 100000)")
                assert query(url, "SELECT count(*) FROM kept") == 100_000
                (disk / "stuff").unlink()
                eventually(lambda: (disk / "postgres" / "reserve").exists())
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def test_the_log_is_private_and_stays_small(home, monkeypatch):
    monkeypatch.setattr(postgres, "_LOG_BYTES", 2000)
    monkeypatch.setattr(postgres, "_LOOK_S", 0.1)
    log = home / "postgres" / "log"
    with EmbeddedPostgres(home) as url:
        for number in range(20):
            with pytest.raises(psycopg.errors.UndefinedTable):
                query(url, f"SELECT * FROM missing_{number}")
        eventually(lambda: log.stat().st_size < 2000 and log.with_name("log.1").exists())
        with pytest.raises(psycopg.errors.UndefinedTable):
            query(url, "SELECT * FROM the_last")
        eventually(lambda: "the_last" in log.read_text() + log.with_name("log.1").read_text())
        assert {path.stat().st_mode & 0o777 for path in (log, log.with_name("log.1"))} == {0o600}


def test_the_server_of_a_process_that_was_killed_is_taken_over(home):
    code = (
        "import sys, pathlib, time\n"
        "from spherelinks.postgres import EmbeddedPostgres\n"
        "print(EmbeddedPostgres(pathlib.Path(sys.argv[1])).start(), flush=True)\n"
        "time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)
    url = owner.stdout.readline().strip()
    query(url, "CREATE TABLE kept (x int)")
    orphan = server_pid(home)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert running(home) == url, "the server outlives its owner"
    with EmbeddedPostgres(home) as again:
        assert server_pid(home) != orphan
        assert query(again, "SELECT count(*) FROM kept") == 0
    assert not is_alive(orphan)


def test_a_stale_pid_file_whose_number_another_program_has_now_does_not_matter(home):
    with EmbeddedPostgres(home) as url:
        query(url, "CREATE TABLE kept (x int)")
        left_behind = (home / "postgres/data/postmaster.pid").read_text()
    other = subprocess.Popen(["sleep", "600"])
    try:
        file = home / "postgres/data/postmaster.pid"
        file.write_text("\n".join([str(other.pid), *left_behind.split("\n")[1:]]))
        shutil.chown(file, *_owner(home / "postgres/data"))
        assert running(home) is None
        with EmbeddedPostgres(home) as url:
            assert query(url, "SELECT count(*) FROM kept") == 0
        assert other.poll() is None, "the other program is left alone"
    finally:
        other.kill()
        other.wait()


def test_an_interrupted_first_start_leaves_nothing_that_breaks_the_next(bare_home):
    unfinished = bare_home / "postgres/data.new/base"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("half")
    bare_home.chmod(0o711)
    with EmbeddedPostgres(bare_home) as url:
        assert query(url, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_is_served_on_the_loopback_with_a_password(bare_home):
    deep = bare_home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    bare_home.chmod(0o711)
    with EmbeddedPostgres(deep) as url:
        assert "127.0.0.1" in url
        assert running(deep) == url
        assert query(url, "SHOW listen_addresses") == "127.0.0.1"
        pid = server_pid(deep)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running(deep) and server_pid(deep) != pid)
        assert running(deep) == url, "a restart keeps the address"


@pytest.mark.parametrize("comma", [",", ""])
def test_a_home_with_spaces_quotes_and_umlauts_works(bare_home, comma):
    odd = bare_home / f'it\'s a "hüt"{comma} 100%'
    odd.mkdir()
    bare_home.chmod(0o711)
    with EmbeddedPostgres(odd) as url:
        assert query(url, "SELECT 1") == 1
        assert running(odd) == url


def test_without_any_programs_the_error_names_database_url(bare_home, monkeypatch):
    monkeypatch.setattr(postgres, "_candidates", lambda: iter([]))
    with pytest.raises(ConfigurationError) as caught:
        EmbeddedPostgres(bare_home).start()
    assert "DATABASE_URL" in caught.value.message + caught.value.hint


def test_a_cluster_of_a_version_that_is_not_installed_is_named(bare_home):
    data = bare_home / "postgres/data"
    data.mkdir(parents=True)
    bare_home.chmod(0o711)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigurationError, match="created by PostgreSQL 9"):
        EmbeddedPostgres(bare_home).start()


@pytest.mark.parametrize("folder", sorted({path.resolve() for path in postgres._candidates()}), ids=str)
def test_every_installed_version_works(bare_home, folder, monkeypatch):
    """The wheel's, and where the system has one, the system's: the wheel may be missing on other machines."""
    monkeypatch.setattr(postgres, "_candidates", lambda: iter([folder]))
    if postgres._version(folder)[0] < postgres.OLDEST_MAJOR:
        pytest.skip("too old")
    with EmbeddedPostgres(bare_home) as url:
        assert query(url, "SHOW server_version").startswith(str(postgres._version(folder)[0]))


def test_a_server_that_cannot_start_says_why(home):
    (home / "postgres/data/postgresql.conf").write_text("no such setting = 1\n")
    with pytest.raises(Exception, match="syntax error"):
        EmbeddedPostgres(home).start()
    assert running(home) is None


def _owner(path):
    stat = path.stat()
    return stat.st_uid, stat.st_gid
