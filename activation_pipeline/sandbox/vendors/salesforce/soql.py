"""A small, real part of SOQL: parsed into a query, with the vendor's own refusals.

``SELECT fields|COUNT() FROM object [WHERE ...] [ORDER BY ...] [LIMIT n] [OFFSET n]``; conditions
with ``= != < <= > >= LIKE IN NOT IN``, joined by AND, OR, NOT and parentheses. Nothing is looked up
here: which fields there are is for the caller. Source: SOQL and SOSL Reference (read 2026-11-21).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.values import parse_moment
from activation_pipeline.sandbox.wire import Refusal

if TYPE_CHECKING:
    from datetime import datetime

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign><=|>=|!=|<>|[=<>(),]))"
)
_DEEPEST = 100
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Moment:
    """An unquoted date or date-time literal."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Test:
    """One field against one literal, or a tuple of them for IN."""

    __test__ = False
    field: str
    sign: str
    value: Any


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by ``AND`` or ``OR``, or one under ``NOT``."""

    word: str
    parts: tuple[Condition, ...]


Condition = Test | Joined


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key; empty values first unless ``nulls_last``."""

    field: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One parsed statement; no fields means ``COUNT()``."""

    fields: tuple[str, ...]
    object: str
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int


def parse_soql(text: str) -> Query:
    """Parse a statement.

    Raises:
        Refusal: MALFORMED_QUERY, with what was not expected.
    """
    return _Parser(text).query()


def malformed(message: str) -> Refusal:
    """Make the refusal of a statement."""
    return Refusal(400, "MALFORMED_QUERY", message)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise malformed(f"unexpected token: '{text[position:].split()[0]}'")
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()
        if sum(token.upper() in ("(", "NOT") for _, token in self._tokens) > _DEEPEST:
            raise malformed("the condition is nested too deeply")
        self._at = 0

    def query(self) -> Query:
        self._word("SELECT")
        fields = self._fields()
        self._word("FROM")
        name = self._name()
        where = self._condition() if self._skip("WHERE") else None
        order = self._order() if self._skip("ORDER") else ()
        limit = self._count() if self._skip("LIMIT") else None
        offset = self._count() if self._skip("OFFSET") else 0
        if self._at < len(self._tokens):
            raise malformed(f"unexpected token: '{self._tokens[self._at][1]}'")
        return Query(fields, name, where, order, limit, offset)

    def _fields(self) -> tuple[str, ...]:
        names = [self._name()]
        if names[0].upper() == "COUNT" and self._skip("("):
            self._word(")")
            return ()
        while self._skip(","):
            names.append(self._name())
        return tuple(names)

    def _condition(self) -> Condition:
        parts = [self._operand()]
        word = ""
        while self._peek() in ("AND", "OR"):
            found = self._next()[1].upper()
            if word and found != word:
                raise malformed(f"unexpected token: '{found}'; use parentheses")
            word = found
            parts.append(self._operand())
        return Joined(word, tuple(parts)) if word else parts[0]

    def _operand(self) -> Condition:
        if self._skip("NOT"):
            return Joined("NOT", (self._operand(),))
        if self._skip("("):
            inside = self._condition()
            self._word(")")
            return inside
        name = self._name()
        kind, sign = self._next()
        sign = sign.upper()
        if sign == "NOT":
            self._word("IN")
            return Test(name, "NOT IN", self._list())
        if sign == "IN":
            return Test(name, "IN", self._list())
        if kind != "sign" and sign != "LIKE":
            raise malformed(f"unexpected token: '{sign}'")
        return Test(name, "!=" if sign == "<>" else sign, self._literal())

    def _list(self) -> tuple[Any, ...]:
        self._word("(")
        values = [self._literal()]
        while self._skip(","):
            values.append(self._literal())
        self._word(")")
        return tuple(values)

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "moment":
            parsed = parse_moment(text if "T" in text else f"{text}T00:00:00Z")
            if parsed is not None:
                return Moment(parsed)
        words = {"NULL": None, "TRUE": True, "FALSE": False}
        if kind == "name" and text.upper() in words:
            return words[text.upper()]
        raise malformed(f"unexpected token: '{text}'")

    def _order(self) -> tuple[Order, ...]:
        self._word("BY")
        orders = [self._order_key()]
        while self._skip(","):
            orders.append(self._order_key())
        return tuple(orders)

    def _order_key(self) -> Order:
        name = self._name()
        descending = self._skip("DESC") or (self._skip("ASC") and False)
        nulls_last = False
        if self._skip("NULLS"):
            nulls_last = self._skip("LAST") or (self._word("FIRST") and False)
        return Order(name, descending, nulls_last)

    def _count(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            raise malformed(f"unexpected token: '{text}'")
        return int(text)

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise malformed(f"unexpected token: '{text}'")
        return text

    def _peek(self) -> str:
        return self._tokens[self._at][1].upper() if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise malformed("unexpected token: <EOF>")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _word(self, word: str) -> bool:
        if not self._skip(word):
            seen = self._tokens[self._at][1] if self._at < len(self._tokens) else "<EOF>"
            raise malformed(f"unexpected token: '{seen}'; expecting {word}")
        return True
