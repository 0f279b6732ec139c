"""What an admin set up in each destination: its objects, fields, users, lists and limits.

One model serves every vendor; the words inside (``type``, field names) are the vendor's own. The
defaults lie beside this file as ``org/<vendor>.json``. Nothing here knows what the records hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ORG_FOLDER = Path(__file__).parent / "org"


class SetupError(ValueError):
    """The organisation or the initial records cannot be used; the message says what to change."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(_Frozen):
    """One value that an enumerated field takes."""

    value: str
    label: str = ""
    active: bool = True


class FieldSpec(_Frozen):
    """One field of an object, with what the vendor checks on a write.

    ``length`` counts characters; ``formula`` is a ``string.Template`` over the record's values.
    """

    name: str
    label: str
    type: str
    control: str = "text"
    length: int | None = None
    precision: int | None = None
    scale: int = 0
    options: tuple[Option, ...] = ()
    restricted: bool = False
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    createable: bool = True
    updateable: bool = True
    custom: bool = False
    tracked: bool = False
    formula: str | None = None

    @property
    def is_key(self) -> bool:
        """The field finds records."""
        return self.unique or self.external_id

    @property
    def is_read_only(self) -> bool:
        """No client may write the field."""
        return self.formula is not None or not (self.createable or self.updateable)

    def fold(self, value: object) -> str:
        """Return the form in which two values of a key are the same."""
        text = str(value)
        return text if self.case_sensitive else text.lower()


class ObjectSpec(_Frozen):
    """One kind of record; ``names`` are the spellings that the API takes besides ``name``."""

    name: str
    label: str
    names: tuple[str, ...] = ()
    id_field: str
    name_field: str
    id_prefix: str = ""
    records: str = ""
    fields: tuple[FieldSpec, ...]

    def field(self, name: str) -> FieldSpec | None:
        """Return the field of exactly this name, or nothing."""
        return self.by_name.get(name)

    @property
    def by_name(self) -> Mapping[str, FieldSpec]:
        """Fields by name."""
        found: Mapping[str, FieldSpec] | None = self.__dict__.get("_by_name")
        if found is None:
            found = {field.name: field for field in self.fields}
            self.__dict__["_by_name"] = found
        return found

    def answers_to(self, name: str) -> bool:
        """Tell whether the API calls this object by the name."""
        return name.lower() in {self.name.lower(), *(other.lower() for other in self.names)}


class User(_Frozen):
    """Somebody, or something, that writes records."""

    id: str
    label: str
    kind: Literal["integration", "person"]


class ListSpec(_Frozen):
    """A list of records that an admin made."""

    id: str
    name: str
    processing: Literal["MANUAL", "SNAPSHOT", "DYNAMIC"]


class VendorOrg(_Frozen):
    """One destination's set-up; ``credentials`` are the sandbox's own and open nothing else."""

    label: str
    credentials: Mapping[str, str]
    users: tuple[User, ...]
    objects: tuple[ObjectSpec, ...]
    lists: tuple[ListSpec, ...] = ()
    limits: Mapping[str, int] = Field(default_factory=dict)

    def find(self, name: str) -> ObjectSpec | None:
        """Return the object that the API calls by this name, or nothing."""
        return next((spec for spec in self.objects if spec.answers_to(name)), None)

    def user(self, kind: str) -> User:
        """Return the first user of a kind."""
        return next(user for user in self.users if user.kind == kind)

    def label_of(self, user_id: str) -> str:
        """Return a user's label, or the id itself for a user that the set-up does not name."""
        return next((user.label for user in self.users if user.id == user_id), user_id)

    def with_field(self, object_name: str, field: str, **changes: object) -> VendorOrg:
        """Return the set-up with one field changed, or removed when ``changes`` is empty.

        Raises:
            SetupError: there is no such object or field.
        """
        spec = self.find(object_name)
        if spec is None or spec.field(field) is None:
            raise SetupError(f"org: no field {field} on {object_name}; name one that exists")
        fields = tuple(
            old.model_copy(update=changes) if old.name == field else old
            for old in spec.fields
            if changes or old.name != field
        )
        changed = spec.model_copy(update={"fields": fields})
        changed.__dict__.pop("_by_name", None)
        objects = tuple(changed if old is spec else old for old in self.objects)
        return self.model_copy(update={"objects": objects})


Org = Mapping[str, VendorOrg]


def load_org(vendors: Iterable[str], folder: Path = _ORG_FOLDER) -> Org:
    """Read each vendor's set-up from ``<folder>/<vendor>.json``.

    Raises:
        SetupError: a file is missing or is not a set-up; the message names it.
    """
    return {vendor: _read(folder / f"{vendor}.json") for vendor in vendors}


def _read(path: Path) -> VendorOrg:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return VendorOrg.model_validate(found)
    except (OSError, ValueError) as error:
        raise SetupError(f"{path.name}: not a usable set-up: {error}; see sandbox/org") from error
