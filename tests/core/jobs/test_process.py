"""The real child with the real pipeline."""

import io
import sys
from pathlib import Path

import numpy as np
import plugins
import pytest
from PIL import Image

from spherelinks.generation import registry
from spherelinks.jobs.process import ChildProcess, Success
from spherelinks.jobs.worker import PIPELINE
from spherelinks.options import Options


@pytest.fixture(scope="module")
def child():
    process = ChildProcess(PIPELINE, 8192)
    yield process
    process.close()


@pytest.fixture(scope="module")
def png():
    y, x = np.mgrid[-1:1:120j, -1:1:120j]
    pixels = np.full((120, 120, 4), 180, np.uint8)
    pixels[..., 3] = 255 * (x**2 + y**2 < 0.6)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def made(child, png, **options):
    stored = Options(texture_size=512, **options).model_dump(by_alias=True, mode="json")
    answer = child.run(png, stored, limit_s=300, pulse=lambda stage, share: None)
    assert isinstance(answer, Success), answer
    return answer


def test_a_job_warns_of_steps_only_if_somebody_asked_for_them(child, png):
    assert not any("diffusionSteps" in warning for warning in made(child, png).report["warnings"])
    asked = made(child, png, diffusion_steps=20)
    assert sum("diffusionSteps" in warning for warning in asked.report["warnings"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded is read from /proc")
def test_a_generator_is_in_memory_only_once_a_job_wants_it(png):
    process = ChildProcess(PIPELINE, 8192, "inflate")

    def loaded():
        return "onnxruntime" in Path(f"/proc/{process.pid}/maps").read_text()

    try:
        made(process, png, generator="inflate")
        assert not loaded(), "the default one costs nothing where another is offered"
        made(process, png, generator="lift")
        assert loaded()
    finally:
        process.close()


def test_a_file_in_the_current_folder_is_no_module_of_ours(tmp_path, monkeypatch, png):
    for name in ("numpy", "cv2", "pydantic"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    monkeypatch.chdir(tmp_path)
    process = ChildProcess(PIPELINE, 8192, "inflate")
    try:
        made(process, png, generator="inflate")
    finally:
        process.close()


def test_a_first_generator_that_does_not_load_hinders_no_other(png):
    process = ChildProcess(PIPELINE, 8192, "no-such-generator")
    try:
        made(process, png, generator="inflate")
    finally:
        process.close()


def test_the_child_gives_a_generator_its_own_options(tmp_path, monkeypatch, png):
    plugins.tuned(tmp_path, monkeypatch)
    process = ChildProcess(PIPELINE, 8192)
    stored = registry.card("tuned").options(generator="tuned", texture_size=512, ball_size=0.3)
    try:
        answer = process.run(
            png, stored.model_dump(by_alias=True, mode="json"), limit_s=300, pulse=lambda stage, share: None
        )
    finally:
        process.close()
    assert isinstance(answer, Success), answer
    assert "A ball of 0.3, matt." in answer.report["warnings"]
