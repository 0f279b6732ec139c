"""Which edits of a dbt project change the logic behind a relation, and what is said of them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation_pipeline.logic import logic_changes
from activation_pipeline.manifest import read_manifest
from activation_pipeline.sql_text import significant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Edit = Callable[[dict[str, Any]], object]

SAME_TEXT = {
    "a comment behind": ("select 1 -- one\nfrom x", "select 1\nfrom x"),
    "a comment of its own": ("-- don't\nselect 'a'", "select 'a'"),
    "a comment between": ("select /* all */ *", "select *"),
    "a remark of Jinja": ("{# it's\n two lines #}\nselect 1", "select 1"),
    "a remark in a comment": ("-- {# over\ntwo #} lines\nselect 1", "select 1"),
    "indentation": ("select\n    a,\n\n    b\n", "select\na,\nb"),
    "line ends": ("select 1\r\nfrom x\r\n", "select 1\nfrom x"),
    "one line or two": ("select 1 from x", "select 1\nfrom x"),
    "a comment in a macro": (
        "{% macro m() %}\n  -- why\n  a\n{% endmacro %}",
        "{% macro m() %}\n  a\n{% endmacro %}",
    ),
}
OTHER_TEXT = {
    "a dash in a string": ("select 'a -- b'", "select 'a -- c'"),
    "space in a string": ("select 'a  b'", "select 'a b'"),
    "space in a name": ('select "a  b"', 'select "a b"'),
    "a dash in Jinja": ("select {{ f('a --b') }}", "select {{ f('a --c') }}"),
    "a dash in Jinja in a string": ("select '{{ f('a --b') }}'", "select '{{ f('a --c') }}'"),
    "a tag in a comment": ("-- {{ ref('a') }}\nselect 1", "-- {{ ref('b') }}\nselect 1"),
    "where such a comment ends": ("-- {{ a }}\nselect 1", "-- {{ a }} select 1"),
    "a backslash": (r"select 'it\'s' -- x'", r"select 'it\'s' -- y'"),
    "three quotes": ('select """a "b -- c"""', 'select """a "b -- d"""'),
    "a hash comment": ("# don't\nselect 'x -- y'", "# don't\nselect 'x -- z'"),
    "dollar quotes": ("select $$ -- a$$", "select $$ -- b$$"),
    "comments in comments": ("/* /* */ a */ b", "/* /* */ c */ b"),
    "a hint": ("select /*+ full(a) */ 1", "select /*+ full(b) */ 1"),
    "a raw block": ("{% raw %}'{{'{% endraw %} -- a", "{% raw %}'{{'{% endraw %} -- b"),
    "text that a variable keeps": ("{% set s %}a --b{% endset %}", "{% set s %}a --c{% endset %}"),
    "space that a macro gives": (
        "{% macro m() %}a  b{% endmacro %}",
        "{% macro m() %}a b{% endmacro %}",
    ),
    "a quote that never ends": ("select 'a -- b", "select 'a -- c"),
    "words apart": ("select a b", "select ab"),
}


@pytest.mark.parametrize("what", SAME_TEXT)
def test_comments_and_layout_are_no_logic(what: str) -> None:
    one, other = map(significant, SAME_TEXT[what])
    assert one == other


@pytest.mark.parametrize("what", OTHER_TEXT)
def test_what_only_looks_like_a_comment_or_layout_is_logic(what: str) -> None:
    """Else somebody could change a value, and the old approval would still hold."""
    one, other = map(significant, OTHER_TEXT[what])
    assert one != other


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    words=st.lists(st.sampled_from(["a", "1", "'x --'", '"y /*"', ",", "{{ z }}"]), min_size=1),
    remarks=st.lists(st.sampled_from(["-- it's\n", '/* " */', "{# ' #}", "\n", "  "]), min_size=1),
)
def test_remarks_between_words_never_change_a_text(words: list[str], remarks: list[str]) -> None:
    noisy = "".join(f"{word} {remarks[at % len(remarks)]} " for at, word in enumerate(words))
    assert significant(noisy) == significant(" ".join(words))
    assert significant(noisy) != significant(" ".join([*words, "b"]))


def macro(name: str, text: str, *calls: str, package: str = "shop") -> dict[str, Any]:
    body = f"{{% macro {name}() %}}{text}{{% endmacro %}}"
    return {
        "name": name, "package_name": package, "macro_sql": body, "depends_on": {"macros": calls}
    }  # fmt: skip


def model(name: str, code: str, *nodes: str, macros: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resource_type": "model", "name": name, "package_name": "shop", "schema": "marts",
        "alias": name, "raw_code": code, "depends_on": {"nodes": nodes, "macros": macros},
        "columns": {"id": {"data_type": "varchar"}}, "config": {"materialized": "table"},
    }  # fmt: skip


PROJECT: dict[str, Any] = {
    "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
    "nodes": {
        "model.shop.mart": model(
            "mart", "select * from x where a > {{ var('floor') }} + {{ var('unset', 1) }}",
            "model.shop.part", "snapshot.shop.past", "source.shop.crm.accounts", "function.shop.f",
            macros=("macro.shop.outer", "macro.dbt.dateadd"),
        ),
        "model.shop.part": model("part", "select 1"),
        "snapshot.shop.past": {
            **model("past", "select 2"), "resource_type": "snapshot",
            "config": {"materialized": "snapshot", "strategy": "check", "target_schema": "a"},
        },
        "model.shop.unread": model("unread", "select {{ var('other') }}"),
    },
    "sources": {
        "source.shop.crm.accounts": {
            "resource_type": "source", "source_name": "crm", "name": "accounts",
            "package_name": "shop", "schema": "raw", "identifier": "accounts",
            "unrendered_config": {"meta": {"external_location": "accounts.csv"}},
        },
    },
    "functions": {"function.shop.f": {"resource_type": "function", "name": "f",
                                      "package_name": "shop", "raw_code": "x + 1"}},
    "macros": {
        "macro.shop.outer": macro("outer", "a", "macro.shop.inner"),
        "macro.shop.inner": macro("inner", "b"),
        "macro.dbt.dateadd": macro("dateadd", "c", "macro.shop.duckdb__dateadd", package="dbt"),
        "macro.shop.duckdb__dateadd": macro("duckdb__dateadd", "d"),
        "macro.shop.materialization_table_default": macro("materialization_table_default", "e"),
    },
}  # fmt: skip
VARIABLES = {"floor": 3, "other": 1, "shop": {"ceiling": 9}}
BEFORE = read_manifest(PROJECT, variables=VARIABLES).logic(["mart"])


def after(edit: Edit) -> dict[str, str]:
    """Digest the project after one edit; ``vars`` are the project file's."""
    project = deepcopy(PROJECT) | {"vars": deepcopy(VARIABLES)}
    edit(project)
    return read_manifest(project, variables=project["vars"]).logic(["mart"])


def put(*path: str, to: Any) -> Edit:
    def edit(project: dict[str, Any]) -> None:
        at = project
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = to

    return edit


MART = ("nodes", "model.shop.mart")
ACCOUNTS = ("sources", "source.shop.crm.accounts")
CHANGES: Mapping[str, tuple[Edit, str]] = {
    "a part's SQL": (put("nodes", "model.shop.part", "raw_code", to="select 3"), "model part"),
    "a macro that a macro calls": (
        put("macros", "macro.shop.inner", "macro_sql", to="{% macro inner() %}z{% endmacro %}"),
        "macro inner",
    ),
    "a macro in the stead of dbt's own": (
        put("macros", "macro.shop.duckdb__dateadd", "macro_sql", to="x"),
        "macro duckdb__dateadd",
    ),
    "the project's way of building tables": (
        put("macros", "macro.shop.materialization_table_default", "macro_sql", to="x"),
        "macro materialization_table_default",
    ),
    "rows that stay from build to build": (
        put(*MART, "config", to={"materialized": "incremental"}),
        "model mart",
    ),
    "a hook": (put(*MART, "config", "post-hook", to=[{"sql": "delete from mart"}]), "model mart"),
    "a snapshot's strategy": (
        put("nodes", "snapshot.shop.past", "config", "strategy", to="timestamp"),
        "snapshot past",
    ),
    "another table behind a source": (
        put(*ACCOUNTS, "identifier", to="old"),
        "source crm.accounts",
    ),
    "another schema that the project names": (
        put(*ACCOUNTS, "unrendered_schema", to="raw_2024"),
        "source crm.accounts",
    ),
    "another file behind a source": (
        put(*ACCOUNTS, "unrendered_config", "meta", "external_location", to="old.csv"),
        "source crm.accounts",
    ),
    "a function": (put("functions", "function.shop.f", "raw_code", to="x + 2"), "function f"),
    "a variable": (put("vars", "floor", to=2), "var floor"),
    "a variable of the package alone": (put("vars", "shop", "floor", to=3.5), "var floor"),
}
NO_CHANGES: Mapping[str, Edit] = {
    "tags and descriptions": put(*MART, "config", to={"materialized": "table", "tags": ["x"]}),
    "another target's schema": put(*MART, "schema", to="dev_marts"),
    "another target's schema of a source": put(*ACCOUNTS, "schema", to="dev_raw"),
    "a snapshot's schema": put("nodes", "snapshot.shop.past", "config", "target_schema", to="b"),
    "a variable that nothing reads": put("vars", "other", to=2),
    "types that nobody enforces": put(*MART, "columns", "id", "data_type", to="text"),
    "a model that is no ancestor": put("nodes", "model.shop.unread", "raw_code", to="x"),
    "dbt's own macro": put("macros", "macro.dbt.dateadd", "macro_sql", to="x"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_edit_that_changes_rows_is_told_by_its_piece(what: str) -> None:
    edit, piece = CHANGES[what]
    told = logic_changes(BEFORE, after(edit))
    assert [each.partition(" changed (")[0] for each in told] == [piece]


@pytest.mark.parametrize("what", NO_CHANGES)
def test_an_edit_that_changes_no_row_is_no_change(what: str) -> None:
    assert after(NO_CHANGES[what]) == BEFORE


def test_types_count_where_dbt_enforces_them() -> None:
    """It casts to them, and a cast may cut a value off."""
    enforced = put(*MART, "contract", to={"enforced": True})
    before = after(enforced)

    def edit(project: dict[str, Any]) -> None:
        enforced(project)
        put(*MART, "columns", "id", "data_type", to="varchar(3)")(project)

    assert logic_changes(before, after(edit))[0].startswith("model mart changed (")


def test_a_view_has_the_rows_of_a_table() -> None:
    plain = put("macros", to={})
    before = after(plain)

    def edit(project: dict[str, Any]) -> None:
        plain(project)
        put(*MART, "config", "materialized", to="view")(project)

    assert {k: v for k, v in after(edit).items() if "macro" not in k} == before


def test_a_variable_whose_name_is_computed_makes_all_of_them_count() -> None:
    computed = put(*MART, "raw_code", to="select {{ var(name) }}")
    before = after(computed)

    def edit(project: dict[str, Any]) -> None:
        computed(project)
        put("vars", "other", to=2)(project)

    assert logic_changes(before, after(edit)) == (
        f"var * changed ({before['var.shop.*']} -> {after(edit)['var.shop.*']})",
    )


def test_pieces_that_come_and_go_are_told() -> None:
    def edit(project: dict[str, Any]) -> None:
        project["nodes"]["model.shop.mart"]["depends_on"]["nodes"] = ["model.shop.unread"]

    told = logic_changes(BEFORE, after(edit))
    assert "model part is no longer used" in told
    assert "model unread is new" in told
