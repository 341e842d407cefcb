"""The tree is the architecture: the package imports nothing that is optional, nothing that is slow, and nothing above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import hotset
import pytest
from imports import circles, python_graph, rust_graph

PACKAGE = Path(hotset.__file__).parent
BINDING = Path(__file__).parents[3] / "python" / "src"
ABOVE = ("hotset.cli", "hotset.integrations", "hotset.testing")
ENTRY_POINT = "__main__.py"


def imports(file: Path) -> set[str]:
    """The full names of all that a file of the package imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["hotset" if node.level else "", node.module]))
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def modules_after(statement: str) -> set[str]:
    """The names of the modules that a new interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_imports_nothing_above_it() -> None:
    climbing = {
        f"{file.name} imports {name}"
        for file in PACKAGE.glob("*.py")
        if file.name != ENTRY_POINT
        for name in imports(file)
        if f"{name}.".startswith(tuple(f"{above}." for above in ABOVE))
    }
    assert climbing == set()


def test_an_import_is_seen_however_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("import hotset.cli\nfrom hotset import integrations\ndef f():\n    from .cli.demo import main\n")
    assert imports(file) == {"hotset.cli", "hotset.integrations", "hotset.cli.demo.main"}


def test_importing_the_package_loads_nothing_optional_and_nothing_slow() -> None:
    loaded = modules_after("import hotset") - modules_after("")
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - sys.stdlib_module_names == {"hotset"}
    slow = {
        "asyncio",
        "collections",
        "contextlib",
        "contextvars",
        "datetime",
        "enum",
        "functools",
        "threading",
        "types",
        "typing",
        "weakref",
    }
    assert slow & loaded == set()
    assert not any(f"{name}.".startswith(tuple(f"{above}." for above in ABOVE)) for name in loaded)


def test_leaving_a_program_loads_nothing_either() -> None:
    tell = "import atexit\natexit.register(lambda: print(*sys.modules))"
    # What is registered first is called last.
    loaded = modules_after(f"{tell}\nimport hotset") - modules_after(tell)
    assert {"contextlib", "functools", "typing", "hotset._percall.caller"} & loaded == set()


def test_a_program_without_tiers_loads_nothing_of_them() -> None:
    loaded = modules_after("import hotset\nhotset.cache_result(lambda key: key)(1)")
    of_tiers = {"_tiers", "_values", "disk", "preview"}
    assert {f"hotset.{name}" for name in of_tiers} & loaded == set()
    slow = {"dataclasses", "enum", "inspect", "logging", "uuid", "decimal", "hashlib", "json", "pickle", "urllib", "re"}
    assert (slow | {"annotationlib", "ast", "threading", "typing"}) & (loaded - modules_after("")) == set()


def test_what_is_imported_late_is_part_of_the_interface_all_the_same() -> None:
    assert "hotset._percall.caller" not in modules_after("import hotset")
    assert {"Caller", "CircuitBreaker", "Entry", "Explanation"} <= set(dir(hotset))
    assert all(hasattr(hotset, name) for name in hotset.__all__)
    with pytest.raises(AttributeError, match="module 'hotset' has no attribute 'Entries'"):
        hotset.Entries  # type: ignore[attr-defined]


def test_nothing_imports_in_a_circle() -> None:
    assert circles(python_graph(PACKAGE)) == set()
    assert circles(rust_graph(BINDING)) == set()


def test_a_circle_is_found_in_either_language(tmp_path: Path) -> None:
    for folder in ("package/above", "package/of/more", "crate/deep"):
        (tmp_path / folder).mkdir(parents=True)
    package, crate = tmp_path / "package", tmp_path / "crate"
    (package / "above" / "first.py").write_text("def late():\n    from package import of\n    return of")
    (package / "of" / "more" / "last.py").write_text("import package.between")
    (package / "between.py").write_text("from package.above.first import late")
    (package / "typed.py").write_text("from package import between\nif TYPE_CHECKING:\n    import package.lower")
    (package / "lower.py").write_text("import package.typed")
    assert circles(python_graph(package)) == {frozenset({"above", "between", "of"})}

    (crate / "lib.rs").write_text("use crate::first; use crate::deep;")
    (crate / "first.rs").write_text("// use crate::alone;\nuse crate::{\n  alone::{One, two::Three}, deep,\n};")
    (crate / "deep" / "mod.rs").write_text("fn f() { crate::second::call() }")
    (crate / "second.rs").write_text("use crate::first::{self, Name};")
    (crate / "alone.rs").write_text("")
    assert rust_graph(crate)["first"] == {"alone", "deep"}
    assert circles(rust_graph(crate)) == {frozenset({"first", "deep", "second"})}


def test_no_test_imports_another() -> None:
    """What several need is in a module that is no test."""
    tests = Path(__file__).parents[1]
    importing = {
        (file.name, name) for file in tests.rglob("*.py") for name in imports(file) if name.startswith("test_")
    }
    assert importing == set()
