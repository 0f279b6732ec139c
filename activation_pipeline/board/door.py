"""Who may come in: host names, origins, sign-in, and the tokens of forms.

Every request is checked before any page is made. A host name that is not ours may be another
site's that points at this machine; a form that another page sent, or that was made by another
process, does nothing. The token of a form is bound to the browser's cookie and to this process.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.datastructures import Headers

TOKEN = "ACTIVATION_BOARD_TOKEN"  # noqa: S105 - the setting's name
HOSTS = "ACTIVATION_BOARD_HOSTS"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST = 32
_SIGNED_IN_FOR = timedelta(hours=12)


@dataclass
class Door:
    """What one process of the board lets in.

    ``hosts`` are names without port; ``token`` is None where nobody has to sign in.
    """

    hosts: frozenset[str]
    token: str | None
    clock: Callable[[], datetime]
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _signed_in: dict[str, datetime] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def knows_host(self, headers: Headers) -> bool:
        """Say whether a request names one of our own hosts, and names it once."""
        named = headers.getlist("host")
        return len(named) == 1 and _host(f"//{named[0]}") in self.hosts

    def is_own_form(self, headers: Headers) -> bool:
        """Say whether a page of ours sent this: by its origin, or else by its referrer."""
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return False
        sender = headers.get("origin") or headers.get("referer") or ""
        return bool(sender) and _place(sender) == headers.get("host", "").lower()

    def form_token(self, session: str) -> str:
        """Make the token of every form of one browser."""
        return hmac.new(self._secret, session.encode(), "sha256").hexdigest()

    def is_form_token(self, session: str, given: str) -> bool:
        """Compare a form's token, in time that tells nothing of it."""
        expected = self.form_token(session)
        return bool(session) and hmac.compare_digest(expected.encode(), given.encode())

    def sign_in(self, given: str) -> str | None:
        """Take the token; give a new session, or None where the token is another."""
        if self.token is None or not hmac.compare_digest(self.token.encode(), given.encode()):
            return None
        session, now = new_session(), self.clock()
        with self._lock:
            known = self._signed_in.items()
            self._signed_in = {each: until for each, until in known if now < until}
            self._signed_in[session] = now + _SIGNED_IN_FOR
        return session

    def admits(self, session: str, headers: Headers) -> bool:
        """Say whether somebody has signed in, by cookie or with a bearer token, or need not."""
        if self.token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return hmac.compare_digest(self.token.encode(), given.strip().encode())
        with self._lock:
            until = self._signed_in.get(session)
        return until is not None and self.clock() < until


def new_session() -> str:
    """Draw the name of a browser's session."""
    return secrets.token_urlsafe(32)


def open_door(environment: Mapping[str, str], host: str, *, clock: Callable[[], datetime]) -> Door:
    """Say who may come in when the board is bound to a host.

    Raises:
        ConfigurationError: the token is missing where others reach this host, or is too short.
    """
    token = environment.get(TOKEN) or None
    if token is None and host.lower() not in _LOOPBACK:
        raise ConfigurationError(
            f"{TOKEN}: not set, and {host} is reached from elsewhere; set {_SHORTEST} characters "
            "or more that nobody can guess, or leave --host out"
        )
    if token is not None and len(token) < _SHORTEST:
        raise ConfigurationError(
            f"{TOKEN}: {len(token)} characters, at least {_SHORTEST}; write a longer one"
        )
    others = {name.strip().lower() for name in environment.get(HOSTS, "").split(",")}
    return Door(_LOOPBACK | {host.lower()} | (others - {""}), token, clock)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _place(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
