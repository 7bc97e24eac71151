"""What was set aside waits for a decision, and each decision is made and recorded once."""

import csv
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec
from lakehouse.sources import decisions as decisions_module
from lakehouse.sources.decisions import (
    Choice,
    Decision,
    DecisionError,
    discard,
    list_decisions,
    release,
)
from lakehouse.sources.errors import LandingError
from lakehouse.sources.undecided import Undecided, find_undecided

from .conftest import PAYMENTS, Harness, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
TICK = timedelta(microseconds=1)
NOW = datetime(2026, 5, 9, tzinfo=UTC)
BOUNDED = [*PAYMENTS[:2], column("amount", "DECIMAL(18, 2)", minimum=10), PAYMENTS[3]]
STRICT = make_spec(BOUNDED)
"""Accepts large amounts only; `make_spec()` is the corrected contract."""
TOO_LITTLE = "amount: below the minimum 10"


def undecided(harness: Harness, spec: SourceSpec | None = None) -> list[Undecided]:
    with harness.lake.reader() as cursor:
        return find_undecided(cursor, spec or make_spec())


def summarize_undecided(
    harness: Harness, spec: SourceSpec | None = None
) -> list[tuple[str, str, int]]:
    return [(found.file, found.kind, found.rows) for found in undecided(harness, spec)]


def discard_choice(
    harness: Harness, choice: Choice | None = None, spec: SourceSpec | None = None
) -> Any:
    spec = spec or make_spec()
    return discard(spec, harness.lake, choice or Choice(), who="ann", why="seen", now=NOW)


def release_choice(
    harness: Harness, choice: Choice | None = None, spec: SourceSpec | None = None
) -> Any:
    spec, choice = spec or make_spec(), choice or Choice()
    return release(spec, harness.lake, harness.settings, choice, who="ann", why="fixed", now=NOW)


def two_files(harness: Harness) -> tuple[str, str]:
    first, second = file_name(seal_of(0)), file_name(seal_of(1))
    harness.land(first, json_lines(payment(1, NOON), payment(2, NOON, "x"), '{"id": "y"'))
    harness.land(second, json_lines(payment(3, NOON, "z")))
    harness.load(make_spec())
    return first, second


def test_discarded_rows_are_recorded_as_decided_and_stay_in_quarantine(harness: Harness) -> None:
    first, second = two_files(harness)
    assert summarize_undecided(harness) == [(first, "rows", 2), (second, "rows", 1)]

    made = discard_choice(harness, Choice(file=first))

    assert summarize_undecided(harness) == [(second, "rows", 1)]
    assert list_decisions(harness.lake, "payments") == made
    assert made == [
        Decision(
            decision_id=1,
            decided_at=datetime(2026, 5, 9),
            who="ann",
            decision="discard",
            why="seen",
            source="payments",
            file=first,
            kind="rows",
            load_id=1,
            refusal=None,
            reason="",
            rows=2,
            released_into="",
        )
    ]
    assert len(harness.rows("_row", table="quarantine.rows")) == 3
    harness.load(make_spec())
    assert summarize_undecided(harness) == [(second, "rows", 1)]
    author = harness.query("SELECT author, commit_message FROM lake.snapshots() ORDER BY 1, 2")
    assert ("quarantine.rows", "discard of payments: seen") in author


def test_rows_are_decided_by_their_reason(harness: Harness) -> None:
    first, second = two_files(harness)
    made = discard_choice(harness, Choice(reason="amount: not a DECIMAL(18,2)"))
    assert [(one.file, one.rows, one.decision_id) for one in made] == [
        (first, 1, 1),
        (second, 1, 1),
    ]
    assert undecided(harness) == [
        Undecided("payments", first, "rows", 1, 1, 3, {"malformed JSON": 1})
    ]


def test_deciding_twice_is_refused_and_names_who_decided_and_when(harness: Harness) -> None:
    first, _ = two_files(harness)
    discard_choice(harness)
    for decide in (discard_choice, release_choice):
        with pytest.raises(
            DecisionError, match=r"ann chose to discard .* 2026-05-09 00:00 \(seen\)"
        ):
            decide(harness, Choice(file=first))
    assert len(list_decisions(harness.lake)) == 2


def test_the_error_for_a_choice_that_matches_nothing_lists_what_is_undecided(
    harness: Harness,
) -> None:
    first, _ = two_files(harness)
    with pytest.raises(DecisionError, match=f"awaiting a decision: .*{first}.*malformed"):
        discard_choice(harness, Choice(file="no.jsonl"))
    with pytest.raises(DecisionError, match="give a reason with `--why`"):
        discard(make_spec(), harness.lake, Choice(), who="ann", why=" ", now=NOW)
    assert list_decisions(harness.lake) == []


def test_a_new_load_is_undecided_whatever_was_decided_before(harness: Harness) -> None:
    two_files(harness)
    discard_choice(harness)
    third = file_name(seal_of(2))
    harness.land(third, json_lines(payment(2, NOON, "x")))
    harness.load(make_spec())
    assert summarize_undecided(harness) == [(third, "rows", 1)]


def three_rows(harness: Harness) -> str:
    """A file: a corrected contract also accepts its second row, and never the third."""
    name = file_name(seal_of(0))
    harness.land(
        name, json_lines(payment(1, NOON, "10.00"), payment(2, NOON, "1.50"), '{"id": "y"')
    )
    harness.load(STRICT)
    return name


@pytest.mark.slow
def test_released_rows_are_loaded_once_and_known_from_their_release_on(harness: Harness) -> None:
    name = three_rows(harness)
    later = file_name(seal_of(1))
    harness.land(later, json_lines(payment(3, NOON, "10.00")))
    harness.load(STRICT)

    [made] = release_choice(harness, Choice(reason=TOO_LITTLE), STRICT)
    report = harness.load(make_spec())

    assert made.released_into == name.replace(".", "_released_1.")
    assert (report.files, report.rows, report.rejected) == ([made.released_into], 1, 0)
    assert harness.rows("_file", "_row", "id") == [
        (name, 1, 1),
        (later, 1, 3),
        (made.released_into, 1, 2),
    ]
    known = [known for (known,) in harness.rows("known_at")]
    assert known[2] == seal_of(1) + TICK
    assert summarize_undecided(harness) == [(name, "rows", 1)]
    assert harness.load(make_spec()).files == []


def test_rows_rejected_again_are_undecided_under_the_new_file(harness: Harness) -> None:
    name = three_rows(harness)
    made = release_choice(harness, spec=STRICT)
    assert summarize_undecided(harness) == []
    harness.load(STRICT)
    again = name.replace(".", "_released_1.")
    assert [one.released_into for one in made] == [again]
    assert summarize_undecided(harness) == [(again, "rows", 2)]
    [twice] = release_choice(harness, spec=STRICT)
    assert twice.released_into == name.replace(".", "_released_1_released_1.")


@pytest.mark.slow
def test_a_new_lake_on_the_same_landing_zone_has_each_released_row_once(harness: Harness) -> None:
    three_rows(harness)
    release_choice(harness, spec=STRICT)
    harness.load(make_spec())
    columns = ("_file", "_row", "_load_id", "id", "amount", "known_at")
    before = harness.rows(*columns)
    fresh = load_settings(
        {}, data_dir=harness.settings.data_dir / "fresh", landing=harness.settings.landing
    )
    with Lake(fresh) as lake:
        other = Harness(fresh, lake)
        other.load(make_spec())
        assert other.rows(*columns) == before
        assert other.query("SELECT sum(rows), sum(rejected) FROM ops.files") == [(2, 3)]
        assert summarize_undecided(other) == summarize_undecided(harness)


def test_a_release_killed_before_it_was_recorded_lands_nothing_twice(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_rows(harness)
    with monkeypatch.context() as patch:
        patch.setattr(decisions_module, "_create_tables", lambda cursor: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            release_choice(harness, spec=STRICT)
    harness.load(make_spec())
    assert [found.rows for found in undecided(harness)] == [2, 1]
    release_choice(harness)
    harness.load(make_spec())
    assert sorted(harness.rows("id")) == [(1,), (2,)]
    assert len(list(Path(harness.settings.landing).glob("payments/*_released_*"))) == 2


OTHER_NAMES = make_spec(seal_pattern={"regex": r"at_(\d{8})", "strptime": "%Y%m%d"})


@pytest.mark.slow
def test_a_refused_file_that_is_released_is_read_again_and_only_once(harness: Harness) -> None:
    name = "of_20260501.jsonl"
    harness.land(name, json_lines(payment(1, NOON)))
    harness.load(OTHER_NAMES)
    assert summarize_undecided(harness) == [(name, "file", 0)]
    assert [(one.kind, one.refusal) for one in release_choice(harness)] == [("file", 1)]
    assert list(harness.load(OTHER_NAMES).quarantined_files) == [name]
    assert summarize_undecided(harness) == [(name, "file", 0)]
    release_choice(harness)
    named = make_spec(seal_pattern={"regex": r"(\d{8})", "strptime": "%Y%m%d"})
    assert harness.load(named).files == [name]
    assert summarize_undecided(harness) == []


def test_a_refused_file_that_is_discarded_stays_out(harness: Harness) -> None:
    harness.land("of_20260501.jsonl", json_lines(payment(1, NOON)))
    harness.load(OTHER_NAMES)
    discard_choice(harness)
    assert summarize_undecided(harness) == []
    assert harness.load(OTHER_NAMES).quarantined_files == {}


def test_a_file_with_too_few_rows_can_be_accepted_and_not_released(harness: Harness) -> None:
    spec = make_spec(volume={"min_rows": 2})
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    harness.load(spec)
    assert summarize_undecided(harness, spec) == [(file_name(seal_of(0)), "volume", 1)]
    with pytest.raises(DecisionError, match="changes neither the number of rows"):
        release_choice(harness, spec=spec)
    discard_choice(harness, spec=spec)
    assert summarize_undecided(harness, spec) == []


def test_a_missing_or_altered_file_cannot_be_released(harness: Harness) -> None:
    name = three_rows(harness)
    path = Path(harness.settings.landing) / "payments" / name
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.50", b"9.50"))
    with pytest.raises(LandingError, match=f"{name} .*has other bytes"):
        release_choice(harness, spec=STRICT)
    path.unlink()
    with pytest.raises(LandingError, match=f"{name} is no longer in .*discard payments"):
        release_choice(harness, spec=STRICT)
    assert summarize_undecided(harness, STRICT) == [(name, "rows", 2)]


def test_bytes_that_are_not_text_are_never_released_as_different_text(harness: Harness) -> None:
    name = file_name(seal_of(0))
    bad = b'{"id": 2, "time": "2026-05-01", "amount": "11.00", "note": "\xff"}\n'
    harness.land(name, json_lines(payment(1, NOON, "1.00")) + bad)
    harness.load(STRICT)
    assert [one.rows for one in release_choice(harness, spec=STRICT)] == [1]
    assert summarize_undecided(harness) == [(name, "rows", 1)]
    with pytest.raises(DecisionError, match="not text in the file's encoding"):
        release_choice(harness, spec=STRICT)
    assert harness.load(make_spec()).rows == 1


def test_released_personal_text_comes_from_the_landed_file_and_only_its_owner_may_read_it(
    harness: Harness,
) -> None:
    columns = [*BOUNDED[:3], column("note", pii="token")]
    strict = make_spec(columns, contract={"on_change": "discard"})
    loose = make_spec([*PAYMENTS[:3], columns[3]], contract={"on_change": "discard"})
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON, "1.00", note="Ann")))
    harness.load(strict)
    [made] = release_choice(harness, spec=strict)
    assert harness.load(loose).rows == 1
    landed = Path(harness.settings.landing) / "payments" / made.released_into
    assert json.loads(landed.read_text())["note"] == "Ann"
    assert landed.stat().st_mode & 0o777 == 0o600
    assert "Ann" not in str(harness.rows("*")) + str(harness.rows("*", table="quarantine.rows"))


def test_a_seal_pattern_that_allows_no_suffix_gets_the_released_rows_in_a_folder(
    harness: Harness,
) -> None:
    pattern = {"regex": r"(\d{8})\.jsonl$", "strptime": "%Y%m%d"}
    strict = make_spec(BOUNDED, seal_pattern=pattern)
    harness.land("day=1/20260501.jsonl", json_lines(payment(1, NOON, "1.00")))
    harness.load(strict)
    [made] = release_choice(harness, spec=strict)
    assert made.released_into == "released_1/day=1/20260501.jsonl"
    assert harness.load(make_spec(seal_pattern=pattern)).files == [made.released_into]


values: Any = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6),
    st.sampled_from(['say "hi"', "a,b", "line\nbreak", " lead", "x\ty", "1;2"]),
)
amounts: Any = st.lists(st.tuples(st.sampled_from(["1.00", "2.50", "10.00", "99.99"]), values))
sources = itertools.count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = load_settings({}, data_dir=tmp_path_factory.mktemp("shared"))
    with Lake(home) as lake:
        yield Harness(home, lake)


def written(format: str, rows: list[dict[str, Any]], delimiter: str, path: Path) -> None:
    """A file of `rows`, written by third-party writers."""
    if format == "jsonl":
        path.write_bytes(json_lines(*rows))
    elif format == "parquet":
        types = [pa.int64(), pa.string(), pa.string(), pa.string()]
        schema = pa.schema(list(zip(NAMES, types, strict=True)))
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, NAMES, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(text.getvalue(), newline="")


NAMES = ["id", "time", "amount", "note"]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
@hypothesis_settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(rows=amounts, delimiter=st.sampled_from([",", ";"]))
def test_released_rows_are_those_of_the_source_in_every_format(
    shared: Harness, format: str, rows: list[tuple[str, str | None]], delimiter: str
) -> None:
    name = f"payments_{next(sources)}"
    strict = make_spec(BOUNDED, name=name, delimiter=delimiter)
    loose = make_spec(name=name, delimiter=delimiter)
    folder = Path(shared.settings.landing) / name
    folder.mkdir(parents=True)
    given_rows = [payment(n, NOON, amount, note=note) for n, (amount, note) in enumerate(rows)]
    written(format, given_rows, delimiter, folder / file_name(seal_of(0), f".{format}"))
    shared.load(strict)
    small = [row for row in given_rows if float(row["amount"]) < 10]
    if small:
        release_choice(shared, spec=strict)
    shared.load(loose)
    expected = [
        (row["id"], row["amount"], row["note"] or (None if format == "csv" else row["note"]))
        for row in [*(row for row in given_rows if row not in small), *small]
    ]
    found = shared.rows("id", "CAST(amount AS VARCHAR)", "note", table=f"raw.{name}")
    assert found == expected
