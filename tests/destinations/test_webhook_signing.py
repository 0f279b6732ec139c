"""How requests to a store are signed, worked out by hand and by the documented receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from destination_cases import SIGNING_SECRET

from activation_pipeline.destinations._webhook_signing import Signature

if TYPE_CHECKING:
    from activation_pipeline.destinations import webhook as module


def test_a_signature_can_be_worked_out_by_hand() -> None:
    request = requests.Request("POST", "https://store.example/v1/items", data=b'{"a":1}').prepare()
    Signature(b"0123456789abcdef0123456789abcdef", lambda: 1_795_000_000.9)(request)
    assert request.headers["X-Activation-Timestamp"] == "1795000000"
    # Both were worked out with openssl.
    assert (
        request.headers["Content-Digest"]
        == "sha-256=:AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=:"
    )
    assert request.headers["X-Activation-Signature"] == (
        "v1=d8bf120c5472a1ca62775d52771e490d13938b46c9af985c1c080efb6e1d5ca3"
    )


def test_the_documented_receiver_takes_what_is_signed_and_nothing_else() -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text(encoding="utf-8")
    sketch = page.partition("```python\n")[2].partition("```")[0]
    known: dict[str, Any] = {"base64": base64, "hashlib": hashlib, "hmac": hmac}
    exec(sketch, known)  # noqa: S102 - our own page, to prove that it says what is true
    secret, uri = b"0123456789abcdef0123456789abcdef", "https://store.example/v1/items"
    request = requests.Request("POST", uri, data=b'{"a":1}').prepare()
    Signature(secret, lambda: 1_795_000_000.9)(request)

    def is_ours(**changes: Any) -> bool:
        asked = {"method": "POST", "uri": uri, "headers": request.headers, "body": b'{"a":1}'}
        return bool(
            known["is_ours"](**{**asked, "secret": secret, "now": 1_795_000_300, **changes})
        )

    assert is_ours()
    assert not is_ours(now=1_795_000_301)
    assert not is_ours(body=b'{"a":2}')
    assert not is_ours(method="PUT")
    assert not is_ours(uri="https://store.example/v2/items")
    assert not is_ours(secret=b"another")


def test_the_secret_is_never_shown(webhook: module.Webhook) -> None:
    assert SIGNING_SECRET not in repr(webhook) + repr(Signature(SIGNING_SECRET.encode(), float))
