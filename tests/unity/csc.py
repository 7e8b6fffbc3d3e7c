"""The compiler Roslyn, driven from Python: csc.py PLAN.json with the Python of scripts/engines.sh dotnet.

PLAN is a list of compilations: ``out``; ``files``; ``references``, of which a folder stands for all in it; ``language``
(9); ``defines``; ``target`` (library or exe); ``allow``: warnings that are none; ``names``: a file for the names of the
assembly UnityStubs that the sources use. Warnings are errors. Prints what is wrong with the first of which
anything is, and exits with 1.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ENGINES = Path(sys.executable).parents[2]
RUNTIMES = ENGINES / "net" / "shared" / "Microsoft.NETCore.App"
VERSION = next(RUNTIMES.iterdir()).name
CONFIGURATION = {
    "runtimeOptions": {
        "tfm": "net8.0",
        "framework": {"name": "Microsoft.NETCore.App", "version": VERSION},
        "configProperties": {"System.Globalization.Invariant": True},
    }
}


def start() -> None:
    from pythonnet import load  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runtimeconfig.json"
        path.write_text(json.dumps(CONFIGURATION))
        load("coreclr", runtime_config=str(path), dotnet_root=str(ENGINES / "net"))
    import clr  # type: ignore[import-not-found]

    for name in ("Microsoft.CodeAnalysis", "Microsoft.CodeAnalysis.CSharp"):
        clr.AddReference(str(ENGINES / "roslyn" / f"{name}.dll"))


def files(references: list[str]) -> list[Path]:
    """The assemblies of the references; native libraries lie beside those of .NET itself."""
    found: list[Path] = []
    for reference in map(Path, references):
        for path in sorted(reference.rglob("*.dll")) if reference.is_dir() else [reference]:
            if not reference.is_dir() or path.name.startswith(
                ("System.", "mscorlib", "netstandard", "Microsoft.CSharp")
            ):
                found.append(path)
    return found


READ: dict[Path, Any] = {}
"""Assemblies of earlier compilations; those that are compiled here are read anew."""


def reference(path: Path) -> Any:
    from Microsoft.CodeAnalysis import MetadataReference  # type: ignore[import-not-found]

    if path not in READ:
        READ[path] = MetadataReference.CreateFromFile(str(path))
    return READ[path]


def compile_one(plan: dict[str, Any]) -> list[str]:
    import System  # type: ignore[import-not-found]
    from Microsoft.CodeAnalysis import (  # type: ignore[import-not-found]
        DiagnosticSeverity,
        MetadataReference,
        OutputKind,
        ReportDiagnostic,
        SyntaxTree,
    )
    from Microsoft.CodeAnalysis.CSharp import (  # type: ignore[import-not-found]
        CSharpCompilation,
        CSharpCompilationOptions,
        CSharpParseOptions,
        CSharpSyntaxTree,
        LanguageVersion,
    )
    from Microsoft.CodeAnalysis.Text import SourceText  # type: ignore[import-not-found]
    from System.Collections.Generic import Dictionary  # type: ignore[import-not-found]

    out = Path(plan["out"])
    language = System.Enum.Parse(LanguageVersion, f"CSharp{plan.get('language', 9)}")
    parse = CSharpParseOptions.Default.WithLanguageVersion(language)
    parse = parse.WithPreprocessorSymbols(System.Array[System.String](plan.get("defines", [])))
    trees = [
        CSharpSyntaxTree.ParseText(
            SourceText.From(Path(path).read_text("utf-8"), System.Text.Encoding.UTF8), parse, path
        )
        for path in plan["files"]
    ]
    references = [reference(path) for path in files(plan["references"])]
    exe = plan.get("target") == "exe"
    options = CSharpCompilationOptions(OutputKind.ConsoleApplication if exe else OutputKind.DynamicallyLinkedLibrary)
    allowed = Dictionary[System.String, ReportDiagnostic]()
    for code in (
        "CS1701",
        "CS1702",
        *plan.get("allow", []),
    ):  # the first two: Json.NET was compiled for an older mscorlib
        allowed[code] = ReportDiagnostic.Suppress
    options = options.WithGeneralDiagnosticOption(ReportDiagnostic.Error).WithSpecificDiagnosticOptions(allowed)
    compilation = CSharpCompilation.Create(
        out.stem, System.Array[SyntaxTree](trees), System.Array[MetadataReference](references), options
    )
    stream = System.IO.MemoryStream()
    result = compilation.Emit(stream)
    problems = [d.ToString() for d in result.Diagnostics if int(d.Severity) >= int(DiagnosticSeverity.Warning)]
    if result.Success:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(out.name + ".part")
        part.write_bytes(bytes(stream.ToArray()))
        part.replace(out)
        out.with_suffix(".runtimeconfig.json").write_text(json.dumps(CONFIGURATION))
        if "names" in plan:
            Path(plan["names"]).write_text("\n".join(sorted(names(compilation, trees))) + "\n")
    return problems


def names(compilation: Any, trees: list[Any]) -> set[str]:
    """Every type and member of UnityStubs that the sources use, as Roslyn writes its documentation id."""
    from Microsoft.CodeAnalysis.CSharp import CSharpExtensions
    from Microsoft.CodeAnalysis.CSharp.Syntax import (  # type: ignore[import-not-found]
        AttributeSyntax,
        BaseObjectCreationExpressionSyntax,
        BinaryExpressionSyntax,
        SimpleNameSyntax,
    )
    from System.Linq import Enumerable  # type: ignore[import-not-found]

    found = set()
    for tree in trees:
        model = compilation.GetSemanticModel(tree)
        nodes = tree.GetRoot().DescendantNodes()
        # names, and what uses a member without naming it
        for kind in (SimpleNameSyntax, BaseObjectCreationExpressionSyntax, BinaryExpressionSyntax, AttributeSyntax):
            for node in Enumerable.OfType[kind](nodes):
                _add(CSharpExtensions.GetSymbolInfo(model, node).Symbol, found)
    return found


def _add(symbol: Any, found: set[str]) -> None:
    from Microsoft.CodeAnalysis import IMethodSymbol

    if symbol is None or symbol.ContainingAssembly is None or symbol.ContainingAssembly.Name != "UnityStubs":
        return
    if str(symbol.Kind) == "Method":
        method = IMethodSymbol(symbol)
        # of an extension as it is declared; of an accessor its event or property
        symbol = method.ReducedFrom or method.AssociatedSymbol or symbol
    if str(symbol.Kind) != "Namespace" and (identity := symbol.OriginalDefinition.GetDocumentationCommentId()):
        found.add(str(identity))


def main() -> int:
    start()
    for plan in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        if problems := compile_one(plan):
            sys.stdout.writelines(f"{problem}\n" for problem in problems)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
