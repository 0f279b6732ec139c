"""A tiny company of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from company import Company

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)
