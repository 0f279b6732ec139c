"""What a store of items holds, read by a client of the tests' own, signed as its page says.

Source: ``docs/webhook.md``. Nothing of the package is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import requests
from fault_place import STORE_SECRET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_MOST = 100


def read_items(url: str, name: str, keys: Sequence[str], *, at: datetime) -> dict[str, Any]:
    """Read the items of one object by key; one that is not there is left out."""
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _MOST):
        asked = {"object": name, "keys": list(keys[start : start + _MOST])}
        answer = _post(f"{url}/webhook/read", json.dumps(asked).encode(), at)
        found |= {one["key"]: one for one in answer["items"]}
    return found


def _post(uri: str, body: bytes, at: datetime) -> Any:
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    seconds = str(int(at.timestamp()))
    text = f"v1\nPOST\n{uri}\n{seconds}\n{digest}"
    signed = hmac.new(STORE_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-Activation-Timestamp": seconds,
        "Content-Digest": digest,
        "X-Activation-Signature": f"v1={signed}",
    }
    answer = requests.post(uri, data=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()
