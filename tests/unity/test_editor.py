"""The editor's part without Unity: compiled against checked signatures, tested, and reloaded at random moments."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import peers
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENGINE = ROOT / "tests" / "unity_stubs" / "api.csv"
SCHEDULES = 100


@pytest.fixture(scope="module")
def dotnet(built):
    """Runs an assembly on .NET and returns what it says."""
    engines = Path(os.environ.get("SPHERELINKS_ENGINES") or Path.home() / ".cache" / "spherelinks-engines")

    def run(*command):
        program = [engines / "bin" / "dotnet", *(str(part) for part in command)]
        done = subprocess.run(program, cwd=built, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def table():
    with ENGINE.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_the_compiler_takes_csharp_9_and_no_later(compiler, tmp_path):
    source = tmp_path / "Ten.cs"
    source.write_text("namespace Ten; public class C { }")
    wrong = compiler({"out": str(tmp_path / "Ten.dll"), "files": [str(source)], "references": []})
    assert "CS8773" in wrong  # file-scoped namespaces are not available in C# 9


def test_the_editor_uses_no_name_of_unitys_that_was_not_checked(built, table):
    lists = [built / "names.txt", built / "sample" / "names.txt"]
    used = {name for path in lists for name in path.read_text().split("\n") if name}
    assert len(used) > 200
    assert used <= set(table)
    # conversions have no name in the source
    assert {name for name in set(table) - used if "op_Implicit" not in name} == set()


def test_every_checked_name_has_its_sources(table):
    for name, row in table.items():
        assert re.fullmatch(r"(2019\.4|2020\.3|2021\.3|2022\.3) or earlier|2020\.3|2021\.3|2022\.3", row["since"]), name
        for version in ("2022.3", "6000.0", "6000.3"):
            assert row[version].endswith(".cs"), name


@pytest.mark.parametrize("assembly", ["SphereLinks.Tests", "SphereLinks.Editor.Tests"])
def test_the_packages_own_tests_pass(dotnet, built, assembly):
    said = dotnet(built / "nunit.exe", built / f"{assembly}.dll")
    passed, failed, skipped = map(int, re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped", said).groups())
    assert passed > 3
    assert (failed, skipped) == (0, 0)


def test_random_domain_reloads_lose_no_job_and_charge_none_twice(dotnet, built, tmp_path):
    handler = type(
        "Charging", (peers.Charging,), {"keys": {}, "asset": (ROOT / "contract/files/asset.glb").read_bytes()}
    )
    with peers.running(handler) as server:
        said = dotnet(built / "loop.exe", server.address("loop"), SCHEDULES, tmp_path, ROOT / "unity_bridge")
    told = [json.loads(line) for line in said.splitlines()]
    assert len(told) == SCHEDULES
    for each in told:
        assert [job["state"] for job in each["jobs"]] == ["placed"] * each["submitted"], each
        assert each["prefabs"] == each["inScene"] == each["submitted"], each
        assert (each["wrong"], each["progress"]) == (0, 0), each
    submitted = sum(each["submitted"] for each in told)
    assert len(handler.keys) == submitted
    assert set(handler.keys) == {job["id"] for each in told for job in each["jobs"]}
    assert sum(each["reloads"] for each in told) > SCHEDULES / 2
