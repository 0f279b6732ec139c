"""Signing what goes to a webhook, so that its receiver can tell our requests from anybody's.

HMAC-SHA256 over method, URI, time and the digest of the body, with a secret that both sides
keep. Every attempt is signed anew, because a receiver refuses what is older than five minutes.
Nothing is sent here.

Source: "Validating requests (v3)", developers.hubspot.com, and RFC 9530 for the digest, both
read 2026-11-21.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from requests.auth import AuthBase

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

SCHEME = "v1"
FEWEST_SECRET_BYTES = 32


def content_digest(body: bytes) -> str:
    """Write a body's digest as the header ``Content-Digest`` has it."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signed_text(method: str, uri: str, timestamp: str, digest: str) -> str:
    """Join what is signed: five lines, the scheme first; the URI is absolute, as it was sent."""
    return f"{SCHEME}\n{method}\n{uri}\n{timestamp}\n{digest}"


class Signature(AuthBase):
    """Signs each attempt of a request; keeps no state, so threads may share it."""

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        """Keep the secret; ``clock`` gives seconds since 1970."""
        self._secret = secret
        self._clock = clock

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add time, digest and signature to one attempt."""
        body = request.body or b""
        digest = content_digest(body if isinstance(body, bytes) else body.encode())
        timestamp = str(int(self._clock()))
        text = signed_text(str(request.method), str(request.url), timestamp, digest)
        signature = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        request.headers["X-Activation-Timestamp"] = timestamp
        request.headers["Content-Digest"] = digest
        request.headers["X-Activation-Signature"] = f"{SCHEME}={signature}"
        return request

    def __repr__(self) -> str:
        """Show that there is a secret, never the secret."""
        return "Signature(secret=***)"
