"""What the names in a contract tell: an exact match rule from a guess, the data team from others.

Names are other people's, so these are readings of words and never proofs.
"""

from __future__ import annotations

import re

_WORDS = re.compile(r"[a-z]+")
_GUESSES = ("fuzzy", "domain", "soundex", "similar", "metaphone", "phonetic", "levenshtein",
            "trigram", "approx", "likely", "nearest", "guess")  # fmt: skip
_EMAIL_WORDS = frozenset({"email", "mail", "e", "address", "exact", "primary", "work", "normalised",
                          "normalized", "lower", "match"})  # fmt: skip
_DATA_TEAM = frozenset({"data", "analytics", "bi", "ml", "warehouse"})


def is_exact(rule: str) -> bool:
    """Say whether a match rule is named after a stable identifier: no guess, name or address."""
    words = set(_WORDS.findall(rule.lower()))
    is_guess = any(guess in word for word in words for guess in _GUESSES)
    is_name = any(word.endswith(("name", "names")) for word in words)
    is_email = bool(words & {"email", "mail"}) and words <= _EMAIL_WORDS
    return not (is_guess or is_name or is_email)


def is_data_team(role: str) -> bool:
    """Say whether a role is one of the data team's, by the words of its name."""
    return bool(_DATA_TEAM & set(role.split("_")))
