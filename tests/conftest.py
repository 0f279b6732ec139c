"""The longest files first, so that at the end no worker waits for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# They start whole processes: dbt, Dagster, the demo from its beginning to its end.
LONGEST = ("test_readme.py", "test_demo_data.py", "orchestration")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files, and leave the order within them."""

    def place(item: pytest.Item) -> int:
        parts = item.path.parts
        return next((n for n, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=place)
