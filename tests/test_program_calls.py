"""Programs that no test runs whole (benchmarks, tests for a GPU) still call this project's functions with arguments that these take."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from support.project_copy import ROOT

PROGRAMS = [path for folder in ("benchmarks", "tests", "docs") for path in sorted((ROOT / folder).rglob("*.py"))]
PLACES = ("src", "benchmarks", "tests", "docs/tools")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> dict[str, ast.arguments]:
    """Functions of a module by name; a decorator may change what one takes."""
    return {node.name: node.args for node in parsed(path).body if isinstance(node, ast.FunctionDef) and not node.decorator_list}


def known(path: Path) -> dict[str, ast.arguments]:
    """Functions of this project that a module makes or imports, by the names that nothing else in it has."""
    found = functions(path)
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            files = [(ROOT / place).joinpath(*node.module.split(".")).with_suffix(".py") for place in PLACES]
            theirs = next((functions(file) for file in files if file.is_file()), {})
            found |= {each.asname or each.name: theirs[each.name] for each in node.names if each.name in theirs}
    others = {node.arg for node in ast.walk(parsed(path)) if isinstance(node, ast.arg)}
    others |= {node.id for node in ast.walk(parsed(path)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {name: taken for name, taken in found.items() if name not in others}


def misfit(call: ast.Call, taken: ast.arguments) -> str | None:
    """What a call gives that the function does not take, or lacks; None of one that passes collections on."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return None
    places = [each.arg for each in (*taken.posonlyargs, *taken.args)]
    named = {each.arg for each in call.keywords}
    given = {*places[: len(call.args)], *named}
    needed = {*places[: len(places) - len(taken.defaults)]}
    needed |= {each.arg for each, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if default is None}
    if needed - given:
        return f"lacks {sorted(needed - given)}"
    if len(call.args) > len(places) and taken.vararg is None:
        return "gives too many"
    unknown = named - {*places, *(each.arg for each in taken.kwonlyargs)}
    return f"gives {sorted(unknown)}" if unknown and taken.kwarg is None else None


def test_calls_give_what_the_function_takes():
    wrong = []
    for path in PROGRAMS:
        takers = known(path)
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        found = ((node, misfit(node, takers[node.func.id])) for node in calls if node.func.id in takers)
        wrong += [f"{path.relative_to(ROOT)}:{node.lineno}: {node.func.id} {problem}" for node, problem in found if problem]
    assert not wrong


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("f(1)", "lacks ['b', 'c']"), ("f(1, 2)", "lacks ['c']"), ("f(1, b=2, c=3)", None), ("f(*found)", None), ("f(1, **found)", None),
        ("f(1, 2, 3, c=4)", "gives too many"), ("f(1, 2, c=3, d=4, e=5)", "gives ['e']"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_fit_is_named(call, problem):
    taken = ast.parse("def f(a, b, *, c, d=1): ...").body[0].args
    assert misfit(ast.parse(call).body[0].value, taken) == problem
