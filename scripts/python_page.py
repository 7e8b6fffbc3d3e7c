"""docs/python.md, from the docstrings of what is public: python scripts/python_page.py [--print]"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import spherelinks

PAGE = Path(__file__).resolve().parent.parent / "docs/python.md"
HEAD = """# From Python

<!-- not run: installs from the network -->
```sh
pip install spherelinks
```

```python
import spherelinks

asset = spherelinks.generate("docs/samples/mug.jpg", texture_size=2048)
print(asset)  # mug: 11582 faces, 1.00 × 0.85 × 0.95 m, 1.0 MB; a notebook shows a model to turn
asset.save("mug.glb")  # or .usdz, .obj.zip, .ply, .stl, .png, .webp
print(asset.report["faces"], asset.report["dimensions"])
```

`import spherelinks` takes a few milliseconds; the first call loads what the pipeline needs. Only the names below are
public; all others may change at any time. `python scripts/python_page.py` generates this page from the docstrings.
"""

ERRORS = """## Errors

Each has a `message` that says what is wrong, a `hint` that says what to do, and a stable `code`:
[errors.md](errors.md).
"""


def main() -> None:
    text = page()
    if "--print" in sys.argv:
        sys.stdout.write(text)
    else:
        PAGE.write_text(text)


def page() -> str:
    parts = [HEAD]
    for name in spherelinks.__all__:
        if name == "__version__":
            continue
        found = getattr(spherelinks, name)
        if isinstance(found, type) and issubclass(found, BaseException):
            continue
        parts.append(f"## {name}\n\n```text\n{_signature(name, found)}\n```\n\n{_prose(inspect.getdoc(found) or '')}\n")
        if found is spherelinks.Asset:
            parts.append(f"### Asset.save\n\n{_prose(inspect.getdoc(spherelinks.Asset.save) or '')}\n")
    parts.append(_errors())
    return "\n".join(parts)


def _signature(name: str, found: object) -> str:
    if isinstance(found, type):
        return f"class {name}"
    parameters = [
        f"{'**' if each.kind is each.VAR_KEYWORD else ''}{each.name}"
        + ("" if each.default is each.empty else f"={each.default!r}")
        for each in inspect.signature(found).parameters.values()  # type: ignore[arg-type]
    ]
    return f"{name}({', '.join(parameters)})"


def _prose(docstring: str) -> str:
    """A docstring as Markdown: sections as bold lines, described names as a list."""
    lines: list[str] = []
    source = docstring.splitlines()
    for number, line in enumerate(source):
        following = source[number + 1] if number + 1 < len(source) else ""
        described = re.match(r"([\w*][\w*, ]*) : (.*)", line)
        if line and set(line) == {"-"}:
            continue
        if following and set(following) == {"-"}:
            lines += [f"**{line}**", ""]
        elif described:
            lines.append(f"- `{described[1]}`: {described[2]}")
        else:
            lines.append(line.replace("    ", "  ", 1) if line.startswith("    ") else line)
    text = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", "\n".join(lines))
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _errors() -> str:
    rows = [ERRORS]
    for name in spherelinks.__all__:
        found = getattr(spherelinks, name)
        if isinstance(found, type) and issubclass(found, BaseException):
            rows.append(f"- `{name}` (a `{found.__bases__[0].__name__}`): `{getattr(found, 'code', '')}`")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
