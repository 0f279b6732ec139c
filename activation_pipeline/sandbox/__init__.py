"""Local stand-ins for the destinations, over HTTP, with a page to look at what landed.

They refuse what the vendors refuse, so the vendors' own clients work against them. One process and
one port: each vendor below its own mount, the sandbox's own surface under ``/_sandbox``. Nothing of
the pipeline is imported here.
"""

from activation_pipeline.sandbox.app import create_app
from activation_pipeline.sandbox.catalogue import Org, SetupError, load_org
from activation_pipeline.sandbox.server import Running, running_sandbox, serve
from activation_pipeline.sandbox.vendors import find_vendors

__all__ = [
    "Org",
    "Running",
    "SetupError",
    "create_app",
    "find_vendors",
    "load_org",
    "running_sandbox",
    "serve",
]
