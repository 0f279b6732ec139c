"""``activation sandbox``: the local stand-ins of the destinations, until somebody stops them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import typer

from activation_pipeline.cli import opening, output
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.sandbox import SetupError, find_vendors, load_org, serve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from activation_pipeline.sandbox import Org

# The setting that names each credential of the bundled set-up.
_SETTINGS = {
    ("salesforce", "client_id"): "SALESFORCE_CLIENT_ID",
    ("salesforce", "client_secret"): "SALESFORCE_CLIENT_SECRET",
    ("hubspot", "access_token"): "HUBSPOT_TOKEN",
    ("braze", "api_key"): "BRAZE_API_KEY",
    ("webhook", "secret"): "WEBHOOK_SECRET",
}


def run(*, port: int, records: Path | None, as_json: bool) -> None:
    """Serve on loopback; SIGINT and SIGTERM end it cleanly."""
    found = opening.settings()
    org = load_org(find_vendors())
    folder = records or found.dbt_project / "seeds" / "crm"
    if not folder.is_dir():
        raise ConfigurationError(f"sandbox: {folder}: no such folder of records; name --records")
    # The server puts these back when it ends and raises the signal again: so a stop is no crash.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        serve(
            found.home / "sandbox",
            port=port,
            org=org,
            records=folder,
            ready=lambda bound: _announce(org, bound, as_json=as_json),
        )
    except SetupError as error:
        raise ConfigurationError(f"sandbox: {error}") from None
    except OSError as error:
        raise ConfigurationError(
            f"sandbox: port {port} is not available ({error.strerror}); take another, or 0"
        ) from None


def _stop(_signal: int, _frame: object) -> None:
    raise typer.Exit(0)


def _announce(org: Org, port: int, *, as_json: bool) -> None:
    url = f"http://127.0.0.1:{port}"
    exports = dict(_exports(org, url))
    if as_json:
        output.show_json({"url": url, "settings": exports})
        return
    output.show([f"sandbox: {url}", *(f"export {name}={value}" for name, value in exports.items())])


def _exports(org: Org, url: str) -> Mapping[str, str]:
    found = {f"{vendor.upper()}_BASE_URL": f"{url}/{vendor}" for vendor in org}
    for (vendor, credential), setting in _SETTINGS.items():
        value = org[vendor].credentials.get(credential) if vendor in org else None
        if value:
            found[setting] = value
    return found
