"""What the files of both halves import of their own half, and which of them do so in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

Graph = dict[str, set[str]]


def python_graph(package: Path) -> Graph:
    """Of each part of a Python package, a module or a folder, the parts that it imports when it runs."""
    graph: Graph = {}
    for file in package.rglob("*.py"):
        part = _part_of(file, package)
        if part not in ("__init__", "__main__"):
            names = (name.removeprefix(f"{package.name}.") for name in _imported(ast.parse(file.read_text()).body))
            graph.setdefault(part, set()).update({name.partition(".")[0] for name in names} - {part})
    return {part: names & graph.keys() for part, names in graph.items()}


def _imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    """The full names of what is imported, wherever in the code, but not for type checkers only."""
    for node in statements:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from _imported(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _imported(ast.iter_child_nodes(node))


def rust_graph(sources: Path) -> Graph:
    """Of each part of a Rust crate, a file or a folder beside its root, the parts that it names."""
    graph: Graph = {}
    for file in sources.rglob("*.rs"):
        part = _part_of(file, sources)
        if part != "lib":
            code = re.sub(r"//.*", "", file.read_text())
            named = {name for path in re.findall(r"(?<![\w:$])crate::(\w+|\{[^;]*\})", code) for name in _heads(path)}
            graph.setdefault(part, set()).update(named - {part})
    return {part: names & graph.keys() for part, names in graph.items()}


def _heads(path: str) -> list[str]:
    """The first names of a path, of which there are several in braces."""
    while "{" in path[1:]:
        path = re.sub(r"(?<=.)\{[^{}]*\}", "", path)
    return re.findall(r"(?<![\w:])\w+", path)


def _part_of(file: Path, folder: Path) -> str:
    return file.relative_to(folder).parts[0].partition(".")[0]


def circles(graph: Graph) -> set[frozenset[str]]:
    """The groups of which every part imports every other, if only through others: those that are in no other group."""
    reached = {part: _reachable(graph, part) for part in graph}
    return {
        frozenset(other for other in reached[part] if part in reached[other]) for part in graph if part in reached[part]
    }


def _reachable(graph: Graph, part: str) -> set[str]:
    """What is imported by a part, by what that imports, and so on."""
    found: set[str] = set()
    left = list(graph[part])
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += graph[name]
    return found
