"""The package's C# compiled with warnings as errors, and run on .NET 8 and on mono.

``scripts/engines.sh dotnet`` installs compiler and runtimes; where they are missing these tests are skipped and say so.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import peers
import pytest
from serving import local_server

from contract import stand_in as stand_ins
from contract.coverage import Contract

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PACKAGE = ROOT / "unity_bridge"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ENGINES = Path(os.environ.get("SPHERELINKS_ENGINES") or CACHE / "spherelinks-engines")
DOTNET, MONO = ENGINES / "dotnet", ENGINES / "mono" / "usr" / "lib" / "mono"
JSON = DOTNET / "Newtonsoft.Json.dll"
FRAMEWORK = MONO / "4.7.1-api"
LIMIT_S = 120
COMPILE_S = 280


def pytest_collection_modifyitems(items):
    """What the contract's files are played by comes before the test that asks for it."""
    items.sort(key=lambda item: item.path == HERE / "test_coverage.py")


def sources(*folders):
    return [str(path) for folder in folders for path in sorted(folder.rglob("*.cs"))]


def library(out, files, *references, **more):
    """A compilation as csc.py takes it, against the class library of Unity's .NET Framework level."""
    return {
        "out": str(out),
        "files": files,
        "references": [str(each) for each in (FRAMEWORK, JSON, *references)],
        **more,
    }


@pytest.fixture(scope="session")
def compiler(tmp_path_factory):
    """Compiles what it is given, in order, and returns what was wrong."""
    if not (DOTNET / "complete").exists() or not FRAMEWORK.exists():
        pytest.skip(".NET is not installed; scripts/engines.sh dotnet installs it")

    def compile_all(*plans):
        path = tmp_path_factory.mktemp("plan") / "plan.json"
        path.write_text(json.dumps(plans))
        python = DOTNET / "python" / "bin" / "python"
        done = subprocess.run([python, HERE / "csc.py", path], capture_output=True, text=True, timeout=COMPILE_S)
        assert done.returncode in (0, 1), done.stderr
        return (done.stdout + done.stderr).strip()

    return compile_all


@pytest.fixture(scope="session")
def built(compiler, tmp_path_factory):
    """A folder with the package's assemblies, the editor's against the stubs, and what drives them."""
    folder = tmp_path_factory.mktemp("built")
    runtime, editor = sources(PACKAGE / "Runtime"), sources(PACKAGE / "Editor")
    net = next((DOTNET / "net" / "shared" / "Microsoft.NETCore.App").iterdir())
    nunit = DOTNET / "roslyn" / "nunit.framework.dll"
    client, stubs, ours = (folder / f"{name}.dll" for name in ("SphereLinks", "UnityStubs", "SphereLinks.Editor"))

    def modern(out, files, *references, **more):
        """A compilation against .NET 8: NUnit and the loop need it; Unity's level .NET Standard 2.1 is part of it."""
        paths = [str(each) for each in (net, JSON, *references)]
        return {"out": str(folder / out), "files": files, "references": paths, "allow": ["CS0436"], **more}

    # Unity sets SerializeField's fields, and raises the stubs' events
    engine, set_by_unity = {"allow": ["CS0067", "CS0649"]}, {"allow": ["CS0649"]}
    symbols = ["UNITY_EDITOR", "UNITY_2022_3_OR_NEWER"]
    tests = sources(PACKAGE / "Tests" / "Editor", HERE / "steps")
    wrong = compiler(
        library(client, runtime),
        library(folder / "driver.exe", sources(HERE / "driver"), client, target="exe"),
        modern("standard/SphereLinks.dll", runtime),
        library(stubs, sources(ROOT / "tests" / "unity_stubs"), **engine),
        library(folder / "without" / "SphereLinks.Editor.dll", editor, client, stubs, defines=symbols, **set_by_unity),
        library(
            ours,
            editor,
            client,
            stubs,
            defines=[*symbols, "SPHERELINKS_GLTFAST"],
            names=str(folder / "names.txt"),
            **set_by_unity,
        ),
        modern("SphereLinks.Tests.dll", sources(PACKAGE / "Tests" / "Runtime"), client, nunit),
        modern("SphereLinks.Editor.Tests.dll", tests, client, stubs, ours, nunit),
        modern("nunit.exe", sources(HERE / "nunit"), nunit, target="exe"),
        modern("loop.exe", sources(HERE / "loop"), stubs, target="exe"),
        library(
            folder / "sample" / "Sample.dll",
            sources(PACKAGE / "Samples~"),
            client,
            stubs,
            names=str(folder / "sample" / "names.txt"),
            **set_by_unity,
        ),
    )
    assert not wrong
    shutil.copy(JSON, folder)
    shutil.copy(nunit, folder)
    return folder


@dataclass(frozen=True)
class Runtime:
    """A program that runs assemblies."""

    program: Path
    folder: Path

    def start(self, asked, **variables):
        """The driver at work on what is asked."""
        process = subprocess.Popen(
            [self.program, self.folder / "driver.exe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        return process

    def ask(self, command, **asked):
        """What the driver answers."""
        variables = asked.pop("variables", {})
        with self.start({"command": command, **asked}, **variables) as process:
            said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said
        return self.result(said)

    @staticmethod
    def result(said):
        """Of what the driver printed; mono may report threads of its own at its end."""
        [result] = [line for line in said.split("\n") if line.startswith('{"result":')]
        return json.loads(result)["result"]


@pytest.fixture(scope="session", params=["dotnet", "mono"])
def runtime(request, built):
    return Runtime(ENGINES / "bin" / request.param, built)


@pytest.fixture(scope="session")
def served():
    """A server with the real pipeline, and a key of its owner's account."""
    with local_server() as server:
        yield server


PLAYED = {"dotnet": Contract(), "mono": Contract()}


@pytest.fixture(scope="session")
def contract(runtime):
    """contract/, whose files are all played by the end, on each runtime."""
    return PLAYED[runtime.program.name]


@pytest.fixture(scope="session")
def stand_in():
    """The contract's server, that goes wrong in many ways."""
    with stand_ins.stand_in() as running:
        yield running


@pytest.fixture(scope="session")
def slow():
    with peers.running(peers.Slow) as server:
        yield server
