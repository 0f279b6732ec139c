"""Contract files: every problem at once, and nothing in a file can do harm."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activation_pipeline.contract import Contract
from activation_pipeline.errors import ContractError
from activation_pipeline.loading import check, check_all, load, load_all
from activation_pipeline.loading.text import SIZE_LIMIT_BYTES
from activation_pipeline.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
SHIPPED = HERE.parent / "contracts"
BAD = HERE / "bad_contracts"
TODAY = date(2026, 11, 21)
GOOD = (SHIPPED / "renewal_risk_review.yaml").read_text(encoding="utf-8")
# Each file is the same small contract with one kind of defect, or several.
DEFECTS = sorted(path.stem for path in BAD.glob("*.yaml"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def to_file(content: str | bytes, name: str = "contract.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(json.loads((BAD / "manifest.json").read_text(encoding="utf-8")))


def codes(path: Path) -> list[str]:
    return [problem.code for problem in check(path, today=TODAY).problems]


def faults_of(path: Path) -> list[tuple[str, int, int]]:
    problems = check(path, today=TODAY).problems
    return [(problem.code, problem.line, problem.column) for problem in problems]


def test_at_least_thirty_defects_are_kept() -> None:
    assert len(DEFECTS) >= 30


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_bad_contract_tells_exactly_what_is_wrong(defect: str, manifest: Manifest) -> None:
    checked = check(BAD / f"{defect}.yaml", today=TODAY, manifest=manifest)
    folder = f"{BAD.as_posix()}/"
    found = [f"{one.severity} {one.code} {one}".replace(folder, "") for one in checked.problems]
    expected = (BAD / f"{defect}.expected").read_text(encoding="utf-8").splitlines()
    assert found == expected


@pytest.mark.parametrize("defect", DEFECTS)
def test_problems_are_single_printable_lines_and_no_contract_comes_of_an_error(
    defect: str, manifest: Manifest
) -> None:
    checked = check(BAD / f"{defect}.yaml", today=TODAY, manifest=manifest)
    assert all(str(problem).isprintable() for problem in checked.problems)
    assert (checked.contract is None) == bool(checked.errors)


def test_load_raises_with_every_problem() -> None:
    with pytest.raises(ContractError) as caught:
        load(BAD / "many_at_once.yaml", today=TODAY)
    assert len(caught.value.problems) >= 12
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1


def test_a_warning_does_not_keep_a_contract_from_loading() -> None:
    checked = check(BAD / "latency_not_needed.yaml", today=TODAY)
    assert isinstance(checked.result, Contract)
    assert [problem.severity for problem in checked.problems] == ["warning"]


def test_a_malformed_file_fails_alone(tmp_path: Path) -> None:
    for shipped in SHIPPED.glob("*.yaml"):
        (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    (tmp_path / "broken.yaml").write_text("workflow: [")
    found = load_all(tmp_path, today=TODAY)
    wrong = [name for name, contract in found.items() if isinstance(contract, ContractError)]
    assert wrong == ["broken"]
    assert len(found) == len(list(SHIPPED.glob("*.yaml"))) + 1


def test_two_contracts_never_own_one_field(tmp_path: Path) -> None:
    """The two would overwrite each other's values for ever."""
    (tmp_path / "first.yaml").write_text(GOOD)
    (tmp_path / "second.yaml").write_text(GOOD.replace("Churn_Risk_Band__c", "CHURN_Risk_Band__c"))
    found = check_all(tmp_path, today=TODAY)
    for name, other in (("first", "second"), ("second", "first")):
        assert {problem.code for problem in found[name].problems} == {"owned_twice"}
        assert all(f"contract {other}" in problem.message for problem in found[name].problems)
        assert len(found[name].problems) == 3
        assert found[name].contract is None


def test_two_destinations_of_one_contract_never_own_one_list(tmp_path: Path) -> None:
    text = (SHIPPED / "expansion_education.yaml").read_text(encoding="utf-8")
    identity = "    hubspot: int_identity_product_user\n"
    text = text.replace(identity, identity + identity.replace("hubspot", "second"))
    start, end = text.index("  hubspot:\n    object"), text.index("  braze:\n    object")
    again = text[start:end].replace("  hubspot:", "  second:\n    kind: hubspot")
    (tmp_path / "twice.yaml").write_text(text[:end] + again + text[end:])
    found = check_all(tmp_path, today=TODAY)["twice"]
    assert [problem.code for problem in found.problems] == ["owned_twice", "owned_twice"]
    assert "destination second" in found.problems[0].message


def test_two_contracts_never_share_the_items_of_a_store(tmp_path: Path) -> None:
    """Each would delete what only the other one knows."""
    text = (BAD / "store_launched_by_fields.yaml").read_text(encoding="utf-8")
    caveats = "launch_with_caveats, caveats: {fields: [suggestion]}"
    text = text.replace(caveats, "launch")
    (tmp_path / "first.yaml").write_text(text)
    (tmp_path / "second.yaml").write_text(text.replace("suggestion: {from", "advice: {from"))
    (tmp_path / "third.yaml").write_text(text.replace("object: next_best_action", "object: other"))
    found = check_all(tmp_path, today=TODAY)
    assert found["third"].problems == ()
    assert {problem.code for problem in found["first"].problems} == {"owned_twice"}
    assert "webhook object next_best_action" in found["second"].problems[0].message


HOSTILE: dict[str, tuple[str | bytes, list[tuple[str, int, int]]]] = {
    "empty": ("", [("empty", 1, 1)]),
    "only a comment": ("# nothing\n", [("empty", 2, 1)]),
    "a scalar": ("hello", [("not_a_section", 1, 1)]),
    "a list": ("- a\n- b\n", [("not_a_section", 1, 1)]),
    "not UTF-8": (b"version: 1\nworkflow: \xff\xfe\n", [("not_utf8", 2, 11)]),
    "UTF-16": ("version: 1".encode("utf-16"), [("not_utf8", 1, 1)]),
    "NUL": ("version: 1\x00", [("control_character", 1, 11)]),
    "escape sequence of a terminal": ("a: \x1b[31m", [("control_character", 1, 4)]),
    "text that reads backwards": ("a: \u202egnp", [("control_character", 1, 4)]),
    "too large": ("a: b\n" * (SIZE_LIMIT_BYTES // 5 + 1), [("too_large", 1, 1)]),
    "ten megabytes": ("- [" * (10 * 1024 * 1024 // 3), [("too_large", 1, 1)]),
    "more values than anybody reads": ("- a\n" * 20_000, [("too_many_values", 5_000, 3)]),
    "deep lists": ("[" * 100_000, [("too_deep", 1, 26)]),
    "deep sections": ("{a: " * 50_000, [("too_deep", 1, 101)]),
    "deep dashes": ("- " * 50_000, [("too_deep", 1, 51)]),
    "endless question marks": ("? " * 50_000, [("too_deep", 1, 51)]),
    "an alias as a key": (
        "*a : 1\n? [b]\n: 2\n'': 3\n<<: 4\n",
        [
            ("alias", 1, 1),
            ("key_is_not_text", 1, 1),
            ("key_is_not_text", 2, 3),
            ("key_is_not_text", 4, 1),
            ("merge_key", 5, 1),
        ],
    ),
    "unclosed quote": ('a: "b', [("syntax", 1, 6)]),
    "number without end": ("%YAML " + "1" * 5000 + ".1\n---\na: 1", [("syntax", 1, 1)]),
    "escape beyond Unicode": ('a: "\\UFFFFFFFF"', [("syntax", 1, 1)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_answered_with_a_problem(
    name: str, write: Callable[[str | bytes], Path]
) -> None:
    content, expected = HOSTILE[name]
    assert faults_of(write(content)) == expected


def test_an_anchor_bomb_is_refused_unexpanded(write: Callable[[str | bytes], Path]) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    found = set(codes(write("\n".join(lines))))
    assert {"anchor", "alias"} <= found


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/object/new:subprocess.Popen [['touch', '{marker}']]",
        "!!python/name:os.system",
        "!ruby/object:Gem x",
        "! plain",
        "!!str text",
    ],
)
def test_a_tag_is_refused_and_nothing_runs(
    value: str, write: Callable[[str | bytes], Path], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    path = write(GOOD.replace("kind: score", f"kind: {value.replace('{marker}', str(marker))}"))
    assert "tag" in codes(path)
    assert not marker.exists()


def test_a_byte_order_mark_and_windows_lines_are_fine(
    write: Callable[[str | bytes], Path],
) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert faults_of(write(content)) == []


def test_yaml_truths_are_text_unless_true_or_false(write: Callable[[str | bytes], Path]) -> None:
    """NO is a country, on is a day's key; YAML 1.1 made booleans of both."""
    text = GOOD.replace("allowed: [low, medium, high]", "allowed: [no, off, y, 0x1G, 1_000, 1:30]")
    contract = load(write(text), today=TODAY)
    field = contract.destinations["salesforce"].fields["Churn_Risk_Band__c"]
    assert field.allowed == ("no", "off", "y", "0x1G", "1_000", "1:30")


@pytest.mark.parametrize(
    "name",
    ["Upper.yaml", "with space.yaml", "1st.yaml", "a-b.yaml", ".yaml.yaml", "x" * 64 + ".yaml",
     "new\nline.yaml", "name;rm -rf.yaml", "é.yaml"],
)  # fmt: skip
def test_a_file_name_that_is_no_contract_name_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(GOOD)
    checked = check(path, today=TODAY)
    assert [problem.code for problem in checked.problems] == ["file_name"]
    assert checked.file.isprintable()


def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.yaml")
    path.write_text(GOOD)
    found = load_all(tmp_path, today=TODAY)
    assert list(found) == ["caf\\udce9"]
    assert isinstance(found["caf\\udce9"], ContractError)


def test_another_ending_is_a_problem_and_hidden_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "renewal.yml").write_text(GOOD)
    (tmp_path / ".renewal.yaml").write_text(GOOD)
    (tmp_path / "notes.md").write_text("notes")
    found = check_all(tmp_path, today=TODAY)
    assert {name: [p.code for p in c.problems] for name, c in found.items()} == {
        "renewal.yml": ["file_ending"]
    }


def test_what_is_no_readable_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("folder", "pipe", "absent", "x\x00y"):
        assert codes(tmp_path / f"{name}.yaml")[-1] == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_nobody_may_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    assert codes(path) == ["unreadable"]


def test_a_part_is_found_by_its_path(write: Callable[[str | bytes], Path]) -> None:
    checked = check(write(GOOD), today=TODAY)
    place = checked.position("freshness", "refresh")
    line = GOOD.splitlines()[place.line - 1]
    assert line[place.column - 1 :].startswith("refresh:")
    assert checked.position("nowhere").line == 1


def test_no_address_of_a_person_is_in_a_problem() -> None:
    text = (BAD / "approvals.expected").read_text(encoding="utf-8")
    assert "@" not in text


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_a_contract_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content)
    with pytest.raises(ContractError):
        load(path, today=TODAY)


YAML_PIECES = st.sampled_from(
    ["a", "workflow", "fields", ": ", ":", "\n", "\n  ", "- ", "[", "]", "{", "}", ",", "? ", "& x",
     "&x ", "*x", "!!int ", "!", "<<", "'", '"', "#", "|", ">-", "%", "@", "`", "\t", "---", "...",
     "0", "1e9", ".inf", "null", "~", "true", "é", "\u2029", "\ufeff", "\\x", "version: 1\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(YAML_PIECES, max_size=40))
def test_random_yaml_raises_nothing_but_a_contract_error(
    pieces: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text("".join(pieces), encoding="utf-8")
    with pytest.raises(ContractError):
        load(path, today=TODAY)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
LINES = [number for number, line in enumerate(GOOD.splitlines()) if ": " in line]


@settings(max_examples=60, deadline=None)
@example(
    number=next(n for n in LINES if "review: {" in GOOD.splitlines()[n]), value={"\ud800": None}
)
@given(number=st.sampled_from(LINES), value=VALUES)
def test_any_value_anywhere_is_a_contract_or_a_contract_error(
    number: int, value: object, tmp_path_factory: pytest.TempPathFactory, manifest: Manifest
) -> None:
    lines = GOOD.splitlines()
    lines[number] = f"{lines[number].partition(': ')[0]}: {json.dumps(value)}"
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    checked = check(path, today=TODAY, manifest=manifest)
    assert isinstance(checked.result, Contract | ContractError)
    assert all(str(problem).isprintable() for problem in checked.problems)
