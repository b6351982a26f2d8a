"""The rules of the test suite: helpers are in `support`, tests import no other test, and nobody changes the import path.

Tests and benchmarks do not import each other. Files of the package and the tests stay small, and folders, those of documents too.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PROGRAMS = [path for folder in ("tests", "benchmarks", "docs") for path in sorted((ROOT / folder).rglob("*.py"))]
_PARTS = (path.relative_to(ROOT / "benchmarks").with_suffix("").parts for path in (ROOT / "benchmarks").rglob("*.py"))
BENCHMARKS = {parts[0] for parts in _PARTS} | {"benchmarks"}
LIMIT_OF_LINES, MOST_FILES = 350, 16


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or "src" in path.parts, f"{named(path)} imports a relative module"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_tests_import_helpers_from_support_alone():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"support", "__pycache__"}
    for path in TESTS:
        for name in imported(path):
            first, last = name.split(".")[0], name.split(".")[-1]
            assert first != "tests" and not first.startswith("test_") and not last.startswith("test_"), f"{named(path)} imports {name}"
            assert "conftest" not in name, f"{named(path)} imports {name}"
            if first in folders:  # `docs` and `notebooks` are no packages of Python's, and a package of that name is no test.
                assert not (ROOT / "tests" / Path(*name.split("."))).with_suffix(".py").exists(), f"{named(path)} imports {name}"


def test_tests_and_benchmarks_do_not_import_each_other():
    for path in TESTS:
        assert not {name.split(".")[0] for name in imported(path)} & BENCHMARKS, named(path)
    for path in (ROOT / "benchmarks").rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & {"support", "tests"}, named(path)


def test_no_test_and_no_benchmark_changes_the_import_path():
    changing = {"insert", "append", "extend"}
    for path in PROGRAMS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in changing:
                assert ast.unparse(node.func.value) != "sys.path", named(path)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
            assert not any(ast.unparse(target).startswith("sys.path") for target in targets), named(path)


def test_files_and_folders_stay_small():
    files = [path for folder in ("src", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: n for name, n in lengths.items() if n >= LIMIT_OF_LINES} == {}
    pages = [path for path in (ROOT / "docs").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    counts = Counter(named(path.parent) for path in [*files, *pages])
    assert counts["docs"] and counts["docs/how_to"]
    assert {name: n for name, n in counts.items() if n > MOST_FILES} == {}
