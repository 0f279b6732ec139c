"""Keeping people's data out of what a vendor's refusal says.

Vendors quote the refused value in their messages. Here a known code gets our own sentence,
and any other message is shown with the record's values, e-mail addresses and quoted text
masked. Codes and field names always stay, because they say what to fix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activation_pipeline.destinations import OutgoingRecord

_MASK = "***"
_LONGEST = 200
_EMAIL = re.compile(r"[^\s\"'<>()\[\]:,;]+@[^\s\"'<>()\[\]:,;]+")
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'|\[[^\]]*\]|\{[^}]*\}")
_SECRET = re.compile(r"\S{32,}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,79}")

# Where the vendor's own text has the value, or says less than the code.
_TEMPLATES = {
    "STRING_TOO_LONG": "the text is longer than the field takes",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the value is not in the restricted picklist",
    "INVALID_EMAIL_ADDRESS": "the value is not an e-mail address",
    "NUMBER_OUTSIDE_VALID_RANGE": "the number is outside the field's range",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "the value does not have the field's type",
    "JSON_PARSER_ERROR": "the value does not have the field's type",
    "REQUIRED_FIELD_MISSING": "a required field has no value",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the field cannot be written by this user",
    "DUPLICATE_VALUE": "another record, or this batch, has the same value in a unique field",
    "DUPLICATE_EXTERNAL_ID": "several records there have this external id",
    "DUPLICATES_DETECTED": "a duplicate rule of the organisation matched another record",
    "ENTITY_IS_DELETED": "the record is deleted",
    "INVALID_OPTION": "the value is not one of the property's options",
    "INVALID_EMAIL": "the value is not an e-mail address",
    "INVALID_LONG": "the value is not a whole number",
    "INVALID_INTEGER": "the value is not a whole number",
    "INVALID_NUMBER": "the value is not a number",
    "INVALID_DOUBLE": "the value is not a number",
    "INVALID_BOOLEAN": "the value is not true or false",
    "INVALID_DATE": "the value is not a date",
    "READ_ONLY_VALUE": "the property cannot be written",
    "PROPERTY_DOESNT_EXIST": "the property does not exist",
    "OBJECT_NOT_FOUND": "no such record",
    "CONFLICT": "another record has the same value in a unique property",
    "UNABLE_TO_LOCK_ROW": "somebody else held the record each time that we tried",
}


def safe_code(code: object) -> str:
    """Give a vendor's code back where it looks like one, else say that there was none."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "NO_CODE"


def safe_name(name: object) -> str | None:
    """Give a vendor's field name back where it looks like one."""
    return name if isinstance(name, str) and _CODE.fullmatch(name) else None


def fault_message(code: str, message: object, record: OutgoingRecord) -> str:
    """Say why one record was refused, without any value of it."""
    if code in _TEMPLATES:
        return _TEMPLATES[code]
    told = masked(message, (record.destination_key, *record.values.values()))
    return told or "refused without a reason"


def masked(message: object, values: Iterable[object] = ()) -> str:
    """Mask values, quoted and bracketed text, addresses and long tokens; one line at most."""
    text = " ".join(message.split()) if isinstance(message, str) else ""
    for value in sorted({_shown(value) for value in values} - {""}, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
        text = re.sub(pattern, _MASK, text, flags=re.IGNORECASE)
    for pattern_ in (_QUOTED, _EMAIL, _SECRET):
        text = pattern_.sub(_MASK, text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _shown(value: object) -> str:
    if value is None:
        return ""
    return " ".join(str(value).split())
