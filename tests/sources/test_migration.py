"""A changed contract is carried out from the landed files, or refused; it never yields NULLs."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, staging
from lakehouse.sources.decisions import Choice, discard, release
from lakehouse.sources.errors import ContractError, LandingError, LoadError
from lakehouse.sources.undecided import find_undecided

from .conftest import PAYMENTS, Harness, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
NOW = datetime.fromisoformat("2026-05-09T00:00:00+00:00")
WIDER = make_spec([*PAYMENTS[:2], column("amount", "DECIMAL(18, 3)", nullable=False), PAYMENTS[3]])
ALL = ("_file", "_row", "_load_id", "_loaded_at", "id", "time", "amount", "note", "known_at")


def rebuilt(harness: Harness, spec: SourceSpec) -> Any:
    from lakehouse.sources.rebuilding import rebuild

    return rebuild(spec, harness.lake, harness.settings)


def filled(harness: Harness, spec: SourceSpec | None = None, **more: Any) -> None:
    """Three files: two in order, then a late one, with a row of three decimals."""
    for number, (day, amount) in enumerate([(0, "1.00"), (4, "2.50"), (2, "0.125")], start=1):
        time = datetime(2026, 5, 1, 9) + timedelta(days=day)
        rows = payment(number, time, amount, **more), payment(number + 10, time, "7.00", **more)
        harness.land(file_name(seal_of(day)), json_lines(*rows))
        harness.load(spec or make_spec())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "more", "message"),
    [
        pytest.param(
            [*PAYMENTS[:2], column("amount", "DECIMAL(18, 3)", nullable=False), PAYMENTS[3]],
            {},
            r"amount is DECIMAL\(18,2\) in the lake but DECIMAL\(18,3\) in the contract",
            id="a type that widens",
        ),
        pytest.param(
            [column("id", "INTEGER"), *PAYMENTS[1:]],
            {},
            "id is BIGINT in the lake but INTEGER in the contract",
            id="a type that narrows",
        ),
        pytest.param(
            [*PAYMENTS, column("wallet", "BIGINT")],
            {},
            "wallet is VARCHAR in the lake but BIGINT in the contract",
            id="a type for a column that evolved",
        ),
        pytest.param(
            [*PAYMENTS[:2], column("sum", "DECIMAL(18, 2)"), PAYMENTS[3]],
            {},
            "amount is in the lake but no longer in the contract",
            id="another name",
        ),
        pytest.param(
            [*PAYMENTS, column("size", "INTEGER", nullable=False)],
            {},
            "size is new and may not be NULL",
            id="a new column that may not be NULL",
        ),
        pytest.param(
            [*PAYMENTS, column("day", "DATE", expression="CAST(time AS DATE)")],
            {},
            "day is new, and not yet computed",
            id="a new expression",
        ),
        pytest.param(
            [*PAYMENTS[:3], column("note", nullable=False)],
            {},
            "note may not be NULL, and 5 rows in the lake do not comply",
            id="a column that may no longer be NULL",
        ),
        pytest.param(
            PAYMENTS, {"key": ["id", "time"]}, "`key` was id and is now id, time", id="another key"
        ),
        pytest.param(
            [*PAYMENTS, column("at", "TIMESTAMP")],
            {"declared_time": "at"},
            "`declared_time` was time and is now at",
            id="another time",
        ),
        pytest.param(
            PAYMENTS[:2] + PAYMENTS[3:],
            {},
            "amount is in the lake but no longer in the contract",
            id="a column that was dropped",
        ),
        pytest.param(
            PAYMENTS,
            {"on_change": "discard"},
            "wallet is in the lake but no longer in the contract",
            id="undeclared columns that are no longer kept",
        ),
        pytest.param(
            [*PAYMENTS[:3], {**column("note"), "from": "remark"}],
            {},
            "origin of note was note and is now remark",
            id="another origin",
        ),
        pytest.param(
            [*PAYMENTS[:2], {**PAYMENTS[2], "maximum": 5}, PAYMENTS[3]],
            {},
            "amount has new bounds, and 3 rows in the lake do not comply",
            id="a bound that rows break",
        ),
    ],
)  # fmt: skip
def test_a_change_that_the_rows_do_not_allow_is_refused_with_the_remedy(
    harness: Harness, columns: list[dict[str, Any]], more: dict[str, Any], message: str
) -> None:
    filled(harness, wallet="w")
    before, snapshot = harness.rows("*"), harness.lake.snapshot()
    with pytest.raises(ContractError, match=message) as caught:
        harness.load(make_spec(columns, contract=more))
    assert "lakehouse run --full-refresh --select raw/payments+" in str(caught.value)
    assert (harness.rows("*"), harness.lake.snapshot()) == (before, snapshot)
    assert harness.load(make_spec()).files == []


def test_personal_data_that_becomes_plain_is_a_change_although_both_are_text(
    harness: Harness,
) -> None:
    secret = make_spec(
        [*PAYMENTS[:3], column("note", pii="token")], contract={"on_change": "discard"}
    )
    filled(harness, secret)
    with pytest.raises(ContractError, match="pii of note was token and is now none"):
        harness.load(make_spec(contract={"on_change": "discard"}))


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param([*PAYMENTS, column("size", "INTEGER")], id="a new column that may be NULL"),
        pytest.param([*PAYMENTS[:2], column("amount", "DECIMAL(18, 2)"), PAYMENTS[3]], id="NULL"),
        pytest.param(
            [*PAYMENTS[:2], column("amount", "DECIMAL(18, 2)", minimum=1), PAYMENTS[3]], id="bound"
        ),
        pytest.param([*PAYMENTS, column("wallet")], id="a declared name for text that evolved"),
        pytest.param(PAYMENTS[:3], id="text that goes on as undeclared"),
    ],
)
def test_a_change_that_the_rows_allow_is_applied(
    harness: Harness, columns: list[dict[str, Any]]
) -> None:
    filled(harness, wallet="w")
    before = harness.rows(*ALL)
    report = harness.load(make_spec(columns))
    assert harness.rows(*ALL) == before
    assert report.new_columns == (["size"] if columns[-1]["name"] == "size" else [])
    snapshot = harness.lake.snapshot()
    harness.load(make_spec(columns))
    assert harness.lake.snapshot() == snapshot


@pytest.mark.slow
def test_a_lake_without_stored_terms_is_judged_by_its_rows(harness: Harness) -> None:
    filled(harness)
    with harness.lake.cursor() as cursor:
        cursor.execute("DROP TABLE lake.ops.contracts")
        cursor.execute("UPDATE lake.raw.payments SET amount = NULL WHERE id = 1")
    with pytest.raises(ContractError, match="amount may not be NULL, and 1 rows in the lake"):
        harness.load(make_spec())
    assert rebuilt(harness, make_spec()).rows == 5
    harness.load(make_spec())


def test_a_table_without_rows_takes_any_contract(harness: Harness) -> None:
    harness.load(make_spec())
    harness.load(WIDER)
    assert (
        dict(row[:2] for row in harness.query("DESCRIBE raw.payments"))["amount"] == "DECIMAL(18,3)"
    )


@pytest.mark.slow
def test_a_rebuild_under_the_same_contract_makes_the_same_table(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(harness, wallet="w")
    before, bad = harness.rows("*"), harness.rows("*", table="quarantine.rows")
    manifest = harness.query("FROM ops.files ORDER BY load_id")
    monkeypatch.setattr(staging, "BATCH_BYTES", 1)
    done = rebuilt(harness, make_spec())
    assert (done.files, done.rows, done.rejected, done.rows_before) == (3, 5, 1, 5)
    assert harness.rows("*") == before
    assert harness.rows("*", table="quarantine.rows") == bad
    assert harness.query("FROM ops.files ORDER BY load_id") == manifest


@pytest.mark.slow
def test_a_widened_type_gets_the_exact_values_from_the_landed_files(harness: Harness) -> None:
    filled(harness)
    before = harness.rows("_file", "_row", "_load_id", "_loaded_at", "id", "known_at")
    done = rebuilt(harness, WIDER)
    report = harness.load(WIDER)
    assert (done.rows, done.rejected, report.files) == (6, 0, [])
    assert [str(amount) for (amount,) in harness.rows("amount")] == [
        "1.000",
        "7.000",
        "2.500",
        "7.000",
        "0.125",
        "7.000",
    ]
    after = harness.rows("_file", "_row", "_load_id", "_loaded_at", "id", "known_at")
    assert [row for row in after if row[4] != 3] == before
    late = seal_of(4) + timedelta(microseconds=1)
    assert {row[5] for row in after if row[2] == 3} == {late}
    assert harness.rows("*", table="quarantine.rows") == []
    assert harness.query("SELECT rows, rejected FROM ops.files ORDER BY load_id") == [(2, 0)] * 3


@pytest.mark.slow
def test_a_renamed_column_is_filled_for_all_rows(harness: Harness) -> None:
    filled(harness)
    renamed = make_spec(
        [*PAYMENTS[:2], {**column("total", "DECIMAL(18, 2)"), "from": "amount"}, PAYMENTS[3]]
    )
    rebuilt(harness, renamed)
    harness.load(renamed)
    assert harness.query("SELECT count(*), count(total) FROM raw.payments") == [(5, 5)]
    assert "amount" not in dict(row[:2] for row in harness.query("DESCRIBE raw.payments"))


def test_rows_that_a_new_contract_rejects_await_a_decision(harness: Harness) -> None:
    filled(harness)
    bounded = make_spec(
        [*PAYMENTS[:2], column("amount", "DECIMAL(18, 2)", nullable=False, minimum=2), PAYMENTS[3]]
    )
    rebuilt(harness, bounded)
    assert sorted(harness.rows("id")) == [(2,), (11,), (12,), (13,)]
    with harness.lake.reader() as cursor:
        found = find_undecided(cursor, bounded)
    assert [(one.load_id, one.rows, one.of) for one in found] == [(1, 1, 2), (3, 1, 2)]


@pytest.mark.slow
def test_decisions_stay_and_released_rows_stay_where_they_are(
    harness: Harness,
) -> None:
    filled(harness)
    third = file_name(seal_of(2))
    release(make_spec(), harness.lake, harness.settings, Choice(), who="a", why="b", now=NOW)
    rebuilt(harness, WIDER)
    harness.load(WIDER)
    assert harness.rows("_file", "id")[-1] == (third.replace(".", "_released_1."), 3)
    before = harness.rows(*ALL)
    rebuilt(harness, WIDER)
    assert harness.rows(*ALL) == before
    rebuilt(harness, make_spec())
    discard(make_spec(), harness.lake, Choice(), who="a", why="b", now=NOW)
    rebuilt(harness, make_spec())
    with harness.lake.reader() as cursor:
        assert find_undecided(cursor, make_spec()) == []


@pytest.mark.slow
def test_a_missing_altered_or_refused_file_leaves_the_table_unchanged(
    harness: Harness,
) -> None:
    filled(harness, wallet="w")
    before, snapshot = harness.rows("*"), harness.lake.snapshot()
    with pytest.raises(LoadError, match=r"refuses files.*columns not in the contract: wallet"):
        rebuilt(harness, make_spec(contract={"on_change": "freeze"}))
    path = Path(harness.settings.landing) / "payments" / file_name(seal_of(0))
    path.write_bytes(path.read_bytes().replace(b"1.00", b"3.00"))
    with pytest.raises(LandingError, match=f"{path.name} has other bytes"):
        rebuilt(harness, WIDER)
    path.unlink()
    with pytest.raises(LandingError, match=f"{path.name} were loaded and are no longer in"):
        rebuilt(harness, WIDER)
    assert (harness.rows("*"), harness.lake.snapshot()) == (before, snapshot)
    assert list((harness.settings.data_dir / "spill").iterdir()) == []


@pytest.mark.slow
def test_a_load_during_a_rebuild_is_not_lost(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakehouse.sources import rebuilding

    filled(harness)
    mark = rebuilding.mark_released

    def load_meanwhile(*arguments: Any) -> None:
        monkeypatch.setattr(rebuilding, "mark_released", mark)
        harness.land(file_name(seal_of(9)), json_lines(payment(9, NOON)))
        harness.load(make_spec())

    monkeypatch.setattr(rebuilding, "mark_released", load_meanwhile)
    with pytest.raises(LoadError, match="were loaded or unloaded while"):
        rebuilt(harness, make_spec())
    assert harness.rows("id")[-1] == (9,)


KILLED = """
import os, signal, sys
from pathlib import Path
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, rebuilding, staging

staging.BATCH_BYTES = 1
settings = load_settings({}, data_dir=Path(sys.argv[1]))
spec = SourceSpec.model_validate_json(Path(sys.argv[2]).read_text())
die = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
steps = {"reading": "mark_released", "writing": "write_terms"}
setattr(rebuilding, steps[sys.argv[3]], die)
with Lake(settings) as lake:
    rebuilding.rebuild(spec, lake, settings)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["reading", "writing"])
def test_a_rebuild_that_is_killed_leaves_the_old_table(tmp_path: Path, when: str) -> None:
    settings = load_settings({}, data_dir=tmp_path / "data")
    (tmp_path / "spec.json").write_text(WIDER.model_dump_json(by_alias=True))
    with Lake(settings) as lake:
        harness = Harness(settings, lake)
        filled(harness)
        before = harness.rows("*")
    command = [sys.executable, "-c", KILLED, str(settings.data_dir), str(tmp_path / "spec.json")]
    done = subprocess.run([*command, when], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    with Lake(settings) as lake:
        harness = Harness(settings, lake)
        assert harness.rows("*") == before
        assert rebuilt(harness, WIDER).rows == 6
    assert list((settings.data_dir / "spill").glob("rebuild-*")) == []
