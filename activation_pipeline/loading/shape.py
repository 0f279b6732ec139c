"""A file's tree to the sections of a contract, with every problem of shape.

Keys are compared with the models first: an unknown key is a problem, and where its right
name is sure it is read under that name, so that one slip is one problem. Then each section
is validated by itself, and what is right in a wrong one is kept for the rules to judge.
Rules between sections are in ``rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from activation_pipeline.contract import Contract, GateSpec
from activation_pipeline.loading.complaints import complaint
from activation_pipeline.loading.gate_items import read_gates
from activation_pipeline.loading.partial import NotThereError, valid_part
from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import expectation, file_keys, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from activation_pipeline.loading.document import Node

SECTIONS = tuple(name for name in Contract.model_fields if name != "name")


@dataclass(frozen=True)
class Draft:
    """What a file's sections hold.

    ``sections`` are right by themselves; ``parts`` are those and stand-ins for the others,
    which hold what is right in them; ``findings`` say what is wrong.
    """

    sections: Mapping[str, Any]
    parts: Mapping[str, Any]
    findings: tuple[Finding, ...]


def draft(root: Node) -> Draft:
    """Validate every section by itself; ``root`` is changed: sure misspellings are corrected."""
    if not isinstance(root.value, dict):
        message = f"is not a section; write the keys {', '.join(SECTIONS)}"
        return Draft({}, {}, (Finding((), "not_a_section", message),))
    findings = list(_tidy(root, Contract, ()))
    sections: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for name in SECTIONS:
        wanted = Contract.model_fields[name]
        if name not in root.value:
            message = f"is missing; write {expectation(wanted.annotation)}"
            findings.append(Finding((name,), "missing", message))
            continue
        found, wrong = _section(name, root.value[name], wanted)
        findings += wrong
        if found is not None:
            parts[name] = found
            sections |= {} if wrong else {name: found}
    return Draft(sections, parts, tuple(findings))


_NOT_TEXT = "has a key that is no text; write its letters, not codes of half a character"


def _section(name: str, node: Node, wanted: FieldInfo) -> tuple[Any, list[Finding]]:
    if name == "gates" and isinstance(node.value, list):
        return read_gates(node.value)
    annotation: Any = wanted.annotation
    for constraint in wanted.metadata:
        annotation = Annotated[annotation, constraint]
    value = node.plain()
    try:
        return TypeAdapter(annotation).validate_python(value, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        found = [f for one in errors if (f := complaint(name, value, one)) is not None]
        # Half a character in a key: no complaint finds its place.
        wrong = found or [Finding((name,), "not_text", _NOT_TEXT, at_key=True)]
    try:
        return valid_part(wanted.annotation, wanted.metadata, value), wrong
    except NotThereError:
        return None, wrong


def _tidy(node: Node, annotation: Any, path: Path) -> Iterator[Finding]:
    """Report the keys below a node that no model has; rename or drop them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(node.value, dict) and annotation is not GateSpec:
            yield from _tidy_section(node, annotation, path)
    elif isinstance(node.value, list) and origin is tuple:
        for index, child in enumerate(node.value):
            yield from _tidy(child, arguments[0], (*path, index))
    elif isinstance(node.value, dict) and origin is dict:
        for key, child in node.value.items():
            yield from _tidy(child, arguments[1], (*path, key))
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _tidy(node, argument, path)


def _tidy_section(node: Node, model: type[BaseModel], path: Path) -> Iterator[Finding]:
    children = node.value
    if not isinstance(children, dict):
        return
    known = file_keys(model)
    for key in [key for key in children if key not in known]:
        child = children.pop(key)
        meant = nearest(key, [name for name in known if name not in children])
        if meant is not None:
            children[meant], node.keys[meant] = child, node.keys[key]
        yield Finding((*path, key), "unknown_key", _unknown(key, meant, known, path), at_key=True)
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, child in list(children.items()):
        yield from _tidy(child, fields[key].annotation, (*path, key))


def _unknown(key: str, meant: str | None, known: list[str], path: Path) -> str:
    if not path and key == "name":
        return "unknown key name; remove it, the file's name is the contract's name"
    if meant is not None:
        return f"unknown key {shown(key)}; did you mean {meant}?"
    return f"unknown key {shown(key)}; the keys here are {', '.join(known)}"
