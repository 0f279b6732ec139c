"""Reading a vendor's address and credentials from settings, and refusing unsafe ones.

Settings arrive as a mapping, normally the process's environment. A value is never shown in a
message: an address may hide a password, and a token is one.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def required(environment: Mapping[str, str], name: str) -> str:
    """Read one setting that has no default.

    Raises:
        ConfigurationError: missing, empty, or with characters that no header can carry.
    """
    value = environment.get(name, "").strip()
    if not value:
        message = f"{name}: not set, looked in the environment; set it"
        raise ConfigurationError(message)
    if not value.isascii() or not value.isprintable() or " " in value:
        message = f"{name}: has a space, a control or a non-ASCII character; write the value alone"
        raise ConfigurationError(message)
    return value


def whole_number(environment: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """Read one number from 1 to ``most``.

    Raises:
        ConfigurationError: something else.
    """
    text = environment.get(name, "").strip() or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ConfigurationError(f"{name}: not a number from 1 to {most}; write one")
    return int(text)


def limit(environment: Mapping[str, str], name: str, *, default: int) -> int | None:
    """Read how many requests a vendor allows; None where the setting is ``none``.

    Raises:
        ConfigurationError: neither a number nor ``none``.
    """
    text = environment.get(name, "").strip().lower() or str(default)
    if text == "none":
        return None
    if not text.isdecimal() or not int(text):
        raise ConfigurationError(f"{name}: neither a number from 1 nor none; write one of them")
    return int(text)


def base_url(environment: Mapping[str, str], name: str) -> str:
    """Read the full prefix under which a vendor's paths begin, without a final slash.

    Raises:
        ConfigurationError: missing, not an absolute address, or plain http to another machine,
            which would show the credentials to the network.
    """
    value = required(environment, name)
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid or parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{name}: not an address; write it as https://host or https://host/prefix"
        raise ConfigurationError(message)
    if parts.username is not None or parts.query or parts.fragment:
        message = f"{name}: has a user, a query or a fragment; write scheme, host and path only"
        raise ConfigurationError(message)
    if parts.scheme == "http" and not is_loopback(value):
        message = f"{name}: http to another machine would show the credentials; write https"
        raise ConfigurationError(message)
    return value.rstrip("/")


def is_loopback(url: str) -> bool:
    """Tell whether an address stays on this machine."""
    host = host_of(url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Name the host of an address, in lower case, without its port.

    The port is left out because a stand-in on this machine may get another one at each start.
    """
    return (urlsplit(url).hostname or "").lower()
