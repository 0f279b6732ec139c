"""What a vendor's stand-in sees and gives back: a call, an answer, a refusal, its routes.

A vendor is one value of ``Vendor``, made in one module under ``vendors``. The HTTP server, the
faults and the log of requests stay outside; a vendor's functions run inside one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import ObjectSpec, VendorOrg
    from activation_pipeline.sandbox.limits import Meter
    from activation_pipeline.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Drop:
    """Which records of a call a fault is about: the first ``count``, or those named."""

    count: int = 0
    keys: frozenset[str] = frozenset()

    def loses(self, position: int, key: object) -> bool:
        """Tell whether the record at this position (from 0) with this key is hit."""
        return position < self.count or str(key) in self.keys


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fault does inside the vendor, by its kind; ``options`` are the kind's own."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, below its vendor's mount.

    ``path`` is still percent-encoded; ``params`` are the decoded parts that the route names;
    header names are lower case; ``mount`` is the vendor's absolute address; ``number`` is the
    request's place in the log. ``drop`` names the records that are lost without a word,
    ``refuse`` those that a rule of the vendor's admin refuses one by one; ``effect`` is one of
    the vendor's own faults.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    mount: str
    now: datetime
    number: int
    params: Mapping[str, str] = field(default_factory=dict)
    drop: Drop = Drop()
    refuse: Drop = Drop()
    effect: Effect | None = None

    def json(self) -> Any:
        """Parse the body; ``ValueError`` when it is not JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; ``cut`` closes the connection instead of answering."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """Return the answer with headers added."""
        return replace(self, headers={**self.headers, **headers})


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not a defect
    """The vendor says no: its status, its error code, its message, and the fields it names."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what the vendor's envelope will carry; ``extra`` are further keys of it."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.extra = dict(extra or {})


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a vendor's function works on; ``seed`` decides what chance would."""

    vendor: str
    store: Store
    org: VendorOrg
    meter: Meter
    limits: Mapping[str, int]
    seed: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A person changes one value; ``by`` is a user's id."""

    spec: ObjectSpec
    record_id: str
    field: str
    value: Any
    by: str
    now: datetime


Function = Callable[[Call, World], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with ``{named}`` segments, answered by one function."""

    method: str
    pattern: re.Pattern[str]
    function: Function


def route(method: str, path: str, function: Function) -> Route:
    """Make a route; a ``{name}`` matches one percent-encoded segment."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(pattern + "/?"), function)


@dataclass(frozen=True)
class Vendor:
    """A destination's stand-in.

    ``admit`` refuses a call before its route is looked at; ``envelope`` spells a refusal the
    vendor's way; ``seal`` adds the headers that every answer has; ``adopt`` turns a row of initial
    records into a record's id and values; ``fault_answers`` are the refusals a fault may ask for,
    ``effects`` the faults that its functions act out themselves.
    """

    name: str
    routes: tuple[Route, ...]
    admit: Callable[[Call, World], None]
    envelope: Callable[[Refusal, Call], Answer]
    seal: Callable[[Call, World, Answer], Answer]
    edit: Callable[[World, Edit], None]
    adopt: Callable[[World, ObjectSpec, Mapping[str, str], datetime], tuple[str, dict[str, Any]]]
    fault_answers: Mapping[str, Callable[[Mapping[str, Any]], Refusal]]
    start: Callable[[World, datetime], None] = lambda _world, _now: None
    effects: frozenset[str] = frozenset()

    def find(self, call: Call) -> tuple[Route | None, Mapping[str, str], list[str]]:
        """Return the route of a call, its decoded parts, and the methods the path does take."""
        allowed: list[str] = []
        for candidate in self.routes:
            match = candidate.pattern.fullmatch(call.path)
            if match and candidate.method == call.method:
                parts = {name: unquote(part) for name, part in match.groupdict().items()}
                return candidate, parts, allowed
            if match:
                allowed.append(candidate.method)
        return None, {}, allowed


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a JSON body."""
    kind = {"content-type": "application/json;charset=UTF-8"}
    return Answer(status, orjson.dumps(value), {**kind, **(headers or {})})
