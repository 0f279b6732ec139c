"""The stand-ins, found by name: every module in this package is one destination."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.sandbox.wire import Vendor


def find_vendors() -> Mapping[str, Vendor]:
    """Return every vendor by the name of its module, which is also its mount."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return {module.VENDOR.name: module.VENDOR for module in modules}
