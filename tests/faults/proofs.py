"""Whether a test exists that is named as the proof of something, read off the test files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]


@cache
def tests_in(file: str) -> frozenset[str]:
    """Name the test functions of one file below ``tests``; empty where there is no such file."""
    path = TESTS / file
    if not path.is_file() or not path.name.startswith("test_"):
        return frozenset()
    found = ast.parse(path.read_text(encoding="utf-8")).body
    names = (one.name for one in found if isinstance(one, ast.FunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


def missing(proofs: tuple[str, ...]) -> list[str]:
    """List the proofs (``folder/file.py::test``) that no test stands behind."""
    return [
        proof
        for proof in proofs
        if proof.partition("::")[2] not in tests_in(proof.partition("::")[0])
    ]
