"""Write docs/vendor-operations.md: which of the vendor's operations are in the client, in keywords, and in the lab.

.venv/bin/python scripts/vendor_operations.py [--check]    (--check changes nothing and fails where the page isn't current)

Reads the vendor's document for 9.0 from ../shared/vendor, or from the folder that ATP_VENDOR_DIR names. It is no part of the
project, and nothing of its words gets into the page: paths are facts, titles are the client's own.
"""

from __future__ import annotations

import ast
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ATPLibrary.lab.platform import routes
from ATPLibrary.vdi import catalogue
from ATPLibrary.vdi.document import VendorDocument
from ATPLibrary.vdi.operations import PREFIX

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "vendor-operations.md"
VENDOR = Path(os.environ.get("ATP_VENDOR_DIR") or PROJECT.parent / "shared" / "vendor")
PACKAGE = PROJECT / "src" / "ATPLibrary"
OUTSIDE = "outside /ocloud/v1"
HEAD = """# The vendor's operations

Written by `scripts/vendor_operations.py` from the vendor's document for 9.0 and from the code; don't edit it. Paths are below
`{prefix}`; those in the part "{outside}" are whole. An operation without a method of its own is reached by
`client.call("METHOD /path", ...)`. "Keywords" are those that ask for it on their way, "lab" is the lab's platform server.

| part | operations | client | keywords | lab |
|---|---|---|---|---|
{summary}
"""

Name = tuple[str, str]  # module and function


@dataclass
class Function:
    """What a function in the keywords or below them asks the client for, and what else it calls."""

    keyword: str = ""
    asks: set[str] = field(default_factory=set)
    calls: set[Name] = field(default_factory=set)


def main() -> None:
    path = VENDOR / "ocloudview-9.0-openapi.json"
    if not path.is_file():
        raise SystemExit(f"The vendor's document {path} isn't here; set ATP_VENDOR_DIR to the folder that has it.")
    page = written(VendorDocument(path))
    if sys.argv[1:] == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
            raise SystemExit(
                f"{PAGE.relative_to(PROJECT)} isn't current: run .venv/bin/python scripts/vendor_operations.py"
            )
        return
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(PROJECT)}")


def written(document: VendorDocument) -> str:
    """The whole page."""
    titles = {str(row): row.title for row in catalogue.tables()}
    methods = defaultdict(list)
    for method, rows in catalogue.methods().items():
        for row in rows:
            methods[str(row)].append(method)
    keywords = by_operation()
    lab = {f"{method} {route.path}" for router in routes.ROUTERS for route in router.routes for method in route.methods}
    parts: dict[str, list[tuple[str, bool, bool, bool]]] = defaultdict(list)
    for method, path in document.operations():
        name = f"{method} {path}"
        cells = (
            f"`{method} {path if part_of(path) == OUTSIDE else path.removeprefix(PREFIX)}`",
            titles.get(name, ""),
            "<br>".join(f"`{each}`" for each in methods.get(name, [])),
            ", ".join(keywords.get(name, [])),
            "yes" if name in lab else "",
        )
        parts[part_of(path)].append((f"| {' | '.join(cells)} |", name in titles, name in keywords, name in lab))
    counted = [(part, *map(len_true, zip(*rows, strict=True))) for part, rows in sorted(parts.items())]
    counted.append(("**all**", *(sum(each[column] for each in counted) for column in range(1, 5))))
    summary = "\n".join(f"| {' | '.join(map(str, row))} |" for row in counted)
    sections = (
        f"## {part}\n\n| operation | what | client | keywords | lab |\n|---|---|---|---|---|\n"
        + "\n".join(row[0] for row in rows)
        for part, rows in sorted(parts.items())
    )
    return HEAD.format(prefix=PREFIX, outside=OUTSIDE, summary=summary) + "\n" + "\n\n".join(sections) + "\n"


def len_true(values: Iterable[object]) -> int:
    return sum(1 for value in values if value)


def part_of(path: str) -> str:
    return path.removeprefix(f"{PREFIX}/").split("/")[0] if path.startswith(f"{PREFIX}/") else OUTSIDE


def by_operation() -> dict[str, list[str]]:
    """Each operation with the keywords that ask for it, found by following the calls in their code."""
    functions = read_functions()
    found = defaultdict(set)
    for name, function in functions.items():
        if function.keyword:
            for method in asked(name, functions, set()):
                for row in catalogue.methods()[method]:
                    found[str(row)].add(function.keyword)
    return {operation: sorted(names) for operation, names in found.items()}


def asked(name: Name, functions: Mapping[Name, Function], seen: set[Name]) -> set[str]:
    """The client's methods that a function asks for, itself or through what it calls."""
    if name in seen:
        return set()
    seen.add(name)
    function = functions[name]
    found = set(function.asks)
    for called in function.calls:
        # Of a method of some other object only its name is known: it is followed where no other function has it.
        same_name = [called] if called in functions else [each for each in functions if each[1] == called[1]]
        if len(same_name) == 1:
            found |= asked(same_name[0], functions, seen)
    return found


def read_functions() -> dict[Name, Function]:
    """Every function and method of the keywords and of the orchestrator, with what is inside it, by module and name."""
    found: dict[Name, Function] = {}
    for folder in ("keywords", "orchestrator"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            imported = {
                name.name: str(node.module).rsplit(".", 1)[-1]
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for name in node.names
            }
            classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
            for node in [*tree.body, *(each for cls in classes for each in cls.body)]:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[path.stem, node.name] = read_function(node, path.stem, imported)
    return found


def read_function(node: ast.FunctionDef | ast.AsyncFunctionDef, module: str, imported: Mapping[str, str]) -> Function:
    function = Function(keyword=keyword_name(node))
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Call):
            continue
        called = inner.func
        if isinstance(called, ast.Name):
            function.calls.add((imported.get(called.id, module), called.id))
        elif isinstance(called, ast.Attribute):
            owner = called.value
            method = f"{owner.attr}.{called.attr}" if isinstance(owner, ast.Attribute) else ""
            if method in catalogue.methods():
                function.asks.add(method)
            elif isinstance(owner, ast.Name) and owner.id == "client" and called.attr in catalogue.SESSION:
                function.asks.add(called.attr)
            else:
                is_own = isinstance(owner, ast.Name) and owner.id == "self"
                function.calls.add((module if is_own else "", called.attr))
    return function


def keyword_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The name under which Robot Framework has it, or "" where it is no keyword."""
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Name) and target.id in ("keyword", "getter", "lister"):
            given = [each.value for each in getattr(decorator, "keywords", []) if each.arg == "name"]
            if given and isinstance(given[0], ast.Constant):
                return str(given[0].value)
            return " ".join(word.capitalize() for word in node.name.split("_"))
    return ""


if __name__ == "__main__":
    main()
