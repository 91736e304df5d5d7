"""Which failpoints there are: every `reach("...")` in the code of a process, found in its text.

So a place that is added is a place that must be tried (tests/faults), with no list to keep beside the code.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = {
    "intake": ("services/intake",),
    "ledger": ("services/ledger",),
    "projections": ("projections", "infra/runner"),
}
"""Process -> the folders that its loop lies in."""


def failpoints(process: str) -> list[str]:
    """The names of the places of a process, sorted."""
    found: set[str] = set()
    for folder in CODE[process]:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(_named(ast.parse(path.read_text())))
    return sorted(found)


def _named(tree: ast.Module) -> set[str]:
    return {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("reach")
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
