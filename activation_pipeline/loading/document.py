"""YAML text to a tree of values that know their line and column, safely.

Only what a contract needs is read: one document of mappings, lists and YAML 1.2 core
scalars (``on`` and ``no`` are text, dates stay text). Size, depth and numbers are limited;
anchors, aliases, tags, directives, merge keys and repeated keys are problems; nothing is
ever constructed or executed. What the values mean is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml
from yaml import events

from activation_pipeline.loading.scalars import Scalar, ScalarFault, read_scalar
from activation_pipeline.loading.wording import shown, syntax_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTH_LIMIT = 24
VALUE_LIMIT = 5_000
MERGE_KEY = "<<"


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; both count from 1."""

    line: int
    column: int


START = Position(1, 1)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the text itself."""

    position: Position
    code: str
    message: str


@dataclass
class Node:
    """One value and where it stands.

    ``value`` is a scalar, a list of nodes, or a mapping of key text to node; ``keys`` has
    the position of every key of a mapping.
    """

    position: Position
    value: Scalar | list[Node] | dict[str, Node]
    keys: dict[str, Position] = field(default_factory=dict)

    def plain(self) -> object:
        """Give the value alone: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


@dataclass
class Document:
    """What could be read of a text: the root, when it is whole, and every fault found."""

    root: Node | None
    faults: list[Fault]


def read_document(text: str) -> Document:
    """Read one YAML document; every fault that does not end the reading is collected."""
    reader = _Reader(text)
    try:
        root = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else reader.position
        opened = error.context_mark.line + 1 if error.context_mark else None
        message = syntax_fault(error.problem or "", opened)
        reader.faults.append(Fault(position, "syntax", message))
        return Document(None, reader.faults)
    except (yaml.YAMLError, ValueError, OverflowError):
        # The parser turns escapes and directives into numbers without looking at their size.
        message = "has an escape or a number that no text can hold; write it as plain text"
        reader.faults.append(Fault(reader.position, "syntax", message))
        return Document(None, reader.faults)
    except _StopReading:
        return Document(None, reader.faults)
    return Document(root, reader.faults)


class _StopReading(Exception):  # noqa: N818 - a signal, already recorded as a fault
    pass


class _Reader:
    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        self.position = START
        self._count = 0
        self._events: Iterator[events.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def document(self) -> Node | None:
        self._next()
        start = self._next()
        if isinstance(start, events.StreamEndEvent):
            self._fault("empty", "is empty; write the contract's sections, workflow first")
            return None
        if isinstance(start, events.DocumentStartEvent) and (start.version or start.tags):
            self._fault("directive", "has a YAML directive; remove the line that starts with %")
        root = self._node(self._next(), depth=0)
        self._next()
        if not isinstance(self._next(), events.StreamEndEvent):
            message = "starts a second document; write one contract in one file"
            self._fault("several_documents", message)
        return root

    def _next(self) -> events.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self.position = Position(event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _fault(self, code: str, message: str, position: Position | None = None) -> None:
        self.faults.append(Fault(position or self.position, code, message))

    def _node(self, event: events.Event, depth: int) -> Node:
        position = self.position
        self._count += 1
        if self._count > VALUE_LIMIT:
            message = f"has more than {VALUE_LIMIT} values; a contract is one to two pages"
            self._fault("too_many_values", message)
            raise _StopReading
        if depth > DEPTH_LIMIT:
            message = f"is nested more than {DEPTH_LIMIT} levels deep; a contract needs six"
            self._fault("too_deep", message)
            raise _StopReading
        if isinstance(event, events.AliasEvent):
            self._fault("alias", "has an alias (*); write the value out where it is meant")
            return Node(position, None)
        self._refuse_properties(event)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(position, depth)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(position, depth)
        return Node(position, self._scalar(event))

    def _refuse_properties(self, event: events.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            self._fault("anchor", "has an anchor (&); write the value out where it is meant")
        if getattr(event, "tag", None) is not None:
            self._fault("tag", "has a tag (!); remove it, contracts hold plain values only")

    def _scalar(self, event: events.Event) -> Scalar:
        if not isinstance(event, events.ScalarEvent):  # pragma: no cover - the grammar's promise
            self._fault("syntax", "is not valid YAML here")
            raise _StopReading
        is_plain = event.style is None
        try:
            return read_scalar(event.value) if is_plain else event.value
        except ScalarFault as fault:
            self._fault(fault.code, fault.message)
            return None

    def _sequence(self, position: Position, depth: int) -> Node:
        children: list[Node] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            children.append(self._node(event, depth + 1))
        return Node(position, children)

    def _mapping(self, position: Position, depth: int) -> Node:
        children: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            place = self.position
            key = self._key(event, depth)
            child = self._node(self._next(), depth + 1)
            if key is None:
                continue
            if key in keys:
                first = keys[key].line
                message = f"key {shown(key)} is here again, first on line {first}; keep one"
                self._fault("duplicate_key", message, place)
                continue
            children[key], keys[key] = child, place
        return Node(position, children, keys)

    def _key(self, event: events.Event, depth: int) -> str | None:
        place = self.position
        if not isinstance(event, events.ScalarEvent):
            self._node(event, depth + 1)
            self._fault("key_is_not_text", "is a list, a section or an alias used as a key", place)
            return None
        self._refuse_properties(event)
        if event.value == MERGE_KEY and event.style is None:
            self._fault("merge_key", "has a merge key (<<); write the keys out", place)
            return None
        if not event.value:
            self._fault("key_is_not_text", "has an empty key; write its name", place)
            return None
        return str(event.value)
