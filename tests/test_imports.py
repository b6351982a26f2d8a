"""The package's folders import one way, as CONTRIBUTING's table says, and nothing else lies at its root."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "psy_agents"
FRAMEWORKS = {"kedro", "kedro_datasets", "kedro_mlflow", "mlflow"}
AT_ROOT = {"__init__", "__main__", "cli", "errors", "pipeline_registry", "settings"}


def table() -> dict[str, set[str]]:
    """Each part of the package with the parts that it may import, from CONTRIBUTING's table."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    allowed: dict[str, set[str]] = {}
    for name, may in rows:
        words = {"those above": set(allowed), "all": {row for row, _ in rows}, "nothing": set()}
        allowed[name] = {*words.get(may, set(re.findall(r"`(\w+)`", may))), name}
    return allowed


def imports_of(file: Path) -> Iterator[str]:
    """Full names of all that a file imports, also within functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_table_names_every_part_of_the_package():
    parts = {part_of(file) for file in files()} - (AT_ROOT - {"errors"})
    assert parts == set(table())


def test_the_root_holds_what_kedro_and_python_expect_there():
    assert {file.stem for file in PACKAGE.glob("*.py")} == AT_ROOT


@pytest.mark.parametrize("part", sorted(table()))
def test_a_part_imports_what_the_table_allows(part):
    allowed = table()[part]
    for file in files():
        if part_of(file) != part:
            continue
        for name in imports_of(file):
            if name.startswith("psy_agents."):
                imported = name.split(".")[1]
                assert imported in allowed or imported == "__version__", f"{file.relative_to(PACKAGE)} imports {name}"


def test_what_comes_before_the_datasets_knows_neither_kedro_nor_mlflow():
    names = list(table())
    low = set(names[: names.index("datasets")])
    checked = [file for file in files() if part_of(file) in low]
    assert len(checked) > 50
    for file in checked:
        found = {name.split(".")[0] for name in imports_of(file)} & FRAMEWORKS
        assert not found, f"{file.relative_to(PACKAGE)} imports {found}"


def test_no_two_modules_import_each_other():
    """Imports within functions and for type checking count: a ring is a ring."""
    names = {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): file for file in files()}
    graph = {name: {each for full in imports_of(file) for each in (full, full.rpartition(".")[0]) if each in names and each != name}
             for name, file in names.items()}  # fmt: skip
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for each in sorted(graph[name]):
                walk(each, (*path, name))
            done.add(name)

    for name in sorted(names):
        walk(name, ())
