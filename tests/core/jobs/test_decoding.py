"""Pictures are decoded by a process with few rights, which judges as the library does, and is replaced when it ends."""

from __future__ import annotations

import io
import os
import signal
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from spherelinks import confinement
from spherelinks.errors import PictureError, PictureUnreadable, RateLimited
from spherelinks.jobs import decoding, wire
from spherelinks.jobs.decoding import Decoders
from spherelinks.picture.decode import decode


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 60, 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").convert(mode).save(file, kind, **options)
    return file.getvalue()


def mpo() -> bytes:
    file = io.BytesIO()
    first = Image.new("RGB", (40, 30), "red")
    first.save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")])
    return file.getvalue()


def exif() -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags.tobytes()


def bomb(width: int = 8000, height: int = 5000) -> bytes:
    """Interlaced, 64 bits a pixel, all of them nothing: a third of a megabyte."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packed, body = zlib.compressobj(9), b""
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for x, y, dx, dy in steps:
        row = bytes(1 + 8 * ((width - x + dx - 1) // dx))
        for _ in range((height - y + dy - 1) // dy):
            body += packed.compress(row)
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 1)
    idat = body + packed.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
PICTURES = {
    "png": encoded("PNG"),
    "png with alpha": encoded("PNG", "RGBA"),
    "png with a palette": encoded("PNG", "P"),
    "jpeg": encoded("JPEG"),
    "jpeg in cmyk": encoded("JPEG", "CMYK"),
    "jpeg with exif": encoded("JPEG", exif=exif()),
    "jpeg with a profile": encoded("JPEG", icc_profile=PROFILE),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "several in one": mpo(),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", "RGBA", lossless=True),
    "webp with exif": encoded("WEBP", exif=exif()),
    "nothing": b"",
    "a text": b"hello",
    "a cut png": encoded("PNG")[:200],
    "a cut jpeg": encoded("JPEG")[:300],
    "a gif": b"GIF89a" + bytes(100),
    "too many bytes": bytes(11 << 20),
    "too many pixels": bomb(8001, 5000),
}


@pytest.fixture(scope="module")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoders]:
    made = Decoders([tmp_path_factory.mktemp("hidden")], 2)
    yield made
    made.close()


@pytest.mark.parametrize("name", PICTURES)
def test_the_confined_process_judges_as_the_library_does(decoders: Decoders, name: str) -> None:
    def verdict(judge: Callable[[], object]) -> tuple[type[PictureError], str, str] | None:
        try:
            judge()
        except PictureError as error:
            return type(error), error.message, error.hint
        return None

    expected = verdict(lambda: decode(PICTURES[name]))
    assert verdict(lambda: decoders.prove("account", PICTURES[name])) == expected


def only_process(decoders: Decoders) -> int:
    """The process that has decoded last."""
    process = decoders._free.queue[-1]._process
    assert process is not None
    return process.pid


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worst_picture_that_is_allowed_fits_in_its_memory(decoders: Decoders) -> None:
    decoders.prove("account", bomb())
    status = Path(f"/proc/{only_process(decoders)}/status").read_text()
    peak = next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < decoding._EXPECTED_MB


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_one_that_was_killed_or_freezes_is_replaced(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    decoders.prove("account", PICTURES["png"])
    process = decoders._free.queue[-1]._process
    process.kill()
    process.wait()
    decoders.prove("account", PICTURES["png"])
    frozen = only_process(decoders)
    os.kill(frozen, signal.SIGSTOP)
    with monkeypatch.context() as short:
        short.setattr(decoding, "LIMIT_S", 1.0)
        short.setattr(decoding, "_ran", lambda pid: None)  # as where the system does not say whether it runs
        with pytest.raises(PictureUnreadable, match="too much time or memory"):
            decoders.prove("account", PICTURES["png"])
    decoders.prove("account", PICTURES["png"])
    assert only_process(decoders) != frozen


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_of_a_frozen_process_the_picture_goes_to_the_next(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    decoders.prove("account", PICTURES["png"])
    frozen = only_process(decoders)
    os.kill(frozen, signal.SIGSTOP)
    monkeypatch.setattr(decoding, "STALL_S", 2.0)
    with pytest.raises(PictureUnreadable, match="not a JPEG, PNG or WebP"):
        decoders.prove("account", PICTURES["a text"])
    assert only_process(decoders) != frozen


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_that_freezes_while_it_starts_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Decoders([], 1)
    [decoder] = made._free.queue
    frozen = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"]
    commands = [frozen, decoder._command]
    monkeypatch.setattr(decoding._Decoder, "_command", property(lambda self: commands.pop(0)), raising=False)
    monkeypatch.setattr(decoding, "START_STALL_S", 3.0)
    with pytest.raises(PictureUnreadable, match="not a JPEG, PNG or WebP"):
        made.prove("account", PICTURES["a text"])
    assert not commands
    made.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_holds_no_file_no_right_and_no_secret(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "a-secret")
    monkeypatch.setenv("MY_TOKEN", "a-secret")
    decoders.close()
    fresh = Decoders([], 2)
    fresh.prove("account", PICTURES["png"])
    proc = Path(f"/proc/{only_process(fresh)}")
    assert "a-secret" not in (proc / "environ").read_text()
    assert {int(entry.name) for entry in (proc / "fd").iterdir()} <= {0, 1, 2}
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert status["Uid"].split() == ["65534"] * 4
        assert int(status["CapEff"], 16) == 0
    limits = (proc / "limits").read_text()
    assert f"Max data size             {decoding.MEMORY_MB << 20}" in limits
    assert "Max file size             0 " in limits
    fresh.close()


def test_an_account_that_sends_the_worst_leaves_half_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, inside = threading.Event(), []

    def wait(self: object, message: wire.Message) -> wire.Message:
        inside.append(message[1])
        assert opened.wait(30)
        return {}, b""

    monkeypatch.setattr(decoding._Decoder, "ask", wait)
    monkeypatch.setattr(decoding, "PATIENCE_S", 0.3)
    made = Decoders([], 4)
    with ThreadPoolExecutor(8) as pool:
        crowd = [pool.submit(made.prove, "crowd", b"crowd") for _ in range(6)]
        while sum(each.done() for each in crowd) < 4:
            time.sleep(0.01)
        other = pool.submit(made.prove, "other", b"other")
        while len(inside) < 3:
            time.sleep(0.01)
        opened.set()
        other.result()
        refused = [each for each in crowd if isinstance(each.exception(), RateLimited)]
    assert len(refused) == 4
    assert sorted(inside) == [b"crowd", b"crowd", b"other"]


def test_limits_come_from_the_cgroup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, content in (("memory.max", "max"), ("cpu.max", "max 100000")):
        (tmp_path / name).write_text(f"{content}\n")

    def files(controller: str, *names: str) -> list[Path]:
        return [tmp_path / name for name in names if (tmp_path / name).exists()]

    monkeypatch.setattr(confinement, "_cgroup_files", files)
    free, cores = confinement.memory_limit(), confinement.cores()
    assert cores >= 1
    (tmp_path / "memory.max").write_text(str(1 << 30))
    (tmp_path / "cpu.max").write_text("50000 100000")
    assert confinement.memory_limit() == 1 << 30 < free
    assert confinement.cores() == 1
    assert decoding.affordable() == 2
