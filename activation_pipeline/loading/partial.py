"""What is right in a section that is wrong, so that rules can still judge it.

A stand-in has the section's valid values as attributes; asking for any other raises
``NotThereError``, and the rule that asked is not answered. So every problem of a file is
reported at once, and none that only follows from another.
"""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class NotThereError(Exception):
    """A rule asked for a value that the file does not have, or has wrong."""


class Partial:
    """A section with its valid values only."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Keep the valid values as attributes."""
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not valid.

        Raises:
            NotThereError: always; attributes that are there do not come here.
        """
        raise NotThereError(name)


def valid_part(annotation: Any, constraints: Iterable[Any], value: object) -> Any:
    """Give the valid value, or a stand-in with its valid parts.

    Raises:
        NotThereError: nothing of it can be used.
    """
    whole = annotation
    for constraint in constraints:
        whole = Annotated[whole, constraint]
    try:
        return TypeAdapter(whole).validate_python(value, by_alias=True, by_name=False)
    except ValidationError:
        return _parts(annotation, value)


def _parts(annotation: Any, value: object) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _parts(arguments[0], value)
    if isinstance(value, dict) and isinstance(annotation, type):
        return _section(annotation, value)
    if isinstance(value, dict) and origin is dict:
        return {key: valid_part(arguments[1], (), child) for key, child in value.items()}
    if isinstance(value, list) and origin is tuple and value:
        return tuple(valid_part(arguments[0], (), child) for child in value)
    if isinstance(value, dict) and origin in (Union, UnionType):
        arms = (arm for arm in arguments if arm is not type(None) and _takes_sections(arm))
        arm = next(arms, None)
        return _parts(arm, value)
    raise NotThereError


def _takes_sections(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _takes_sections(get_args(annotation)[0])
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return is_model or get_origin(annotation) is dict


def _section(model: type, value: Mapping[str, object]) -> Partial:
    if not issubclass(model, BaseModel):
        raise NotThereError
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in value:
            if not field.is_required():
                values[name] = field.get_default(call_default_factory=True)
            continue
        try:
            values[name] = valid_part(field.annotation, field.metadata, value[key])
        except NotThereError:
            continue
    return Partial(values)
