"""One sandbox: its state, set-up, faults, log and vendors, put together.

It starts by loading the initial records when the state is empty, and can be set back to that point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.sandbox.faults import Faults
from activation_pipeline.sandbox.journal import Journal
from activation_pipeline.sandbox.limits import Meter
from activation_pipeline.sandbox.records import load_records
from activation_pipeline.sandbox.store import Store
from activation_pipeline.sandbox.wire import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.sandbox.catalogue import Org
    from activation_pipeline.sandbox.wire import Vendor


class Sandbox:
    """Everything that one sandbox process holds."""

    def __init__(
        self,
        home: Path,
        org: Org,
        vendors: Mapping[str, Vendor],
        *,
        clock: Callable[[], datetime],
        records: Path | None,
        seed: str,
    ) -> None:
        """Open the state under ``home``; load ``records`` if nothing was ever loaded."""
        self.store = Store(home)
        self.vendors = vendors
        self.clock = clock
        self.journal = Journal(self.store)
        self.faults = Faults(self.store, vendors, org)
        self._meters = {name: Meter(self.store, name) for name in vendors}
        self._records = records
        self._seed = seed
        if self.store.setting("started_at") is None:
            try:
                with self.store.transaction():
                    self._start()
            except BaseException:
                self.store.close()
                raise

    def world(self, vendor: str) -> World:
        """Return what a vendor's functions work on, as the set-up is now."""
        org = self.faults.org(vendor)
        limits = {**org.limits, **self.store.setting(f"limits:{vendor}", {})}
        return World(vendor, self.store, org, self._meters[vendor], limits, self._seed)

    def limit(self, vendor: str, limits: Mapping[str, int]) -> None:
        """Set some of a vendor's limits, until a reset."""
        with self.store.transaction():
            kept = self.store.setting(f"limits:{vendor}", {})
            self.store.keep(f"limits:{vendor}", {**kept, **limits})

    def reset(self) -> None:
        """Forget everything that happened, and load the initial records again."""
        with self.store.transaction():
            self.store.clear()
            for meter in self._meters.values():
                meter.clear()
            self._start()

    def _start(self) -> None:
        now = self.clock()
        self.store.keep("started_at", now.isoformat())
        for name, vendor in self.vendors.items():
            world = self.world(name)
            vendor.start(world, now)
            if self._records is not None:
                load_records(world, vendor, self._records, now)
