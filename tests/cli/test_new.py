"""`lakehouse new`: files are written once, printed by --dry-run, and errors are one sentence."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lakehouse.cli import main

CSV = "id,at,n\n1,2026-05-01T10:00:00Z,5\n2,2026-05-01T11:00:00Z,6\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "mine"
    (root / "dbt_project").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "mine"\n[tool.lakehouse]\n')
    monkeypatch.chdir(root)
    (tmp_path / "orders.csv").write_text(CSV)
    return root


def new(*words: str) -> Result:
    return CliRunner().invoke(main, ["new", *words])


def files(root: Path) -> set[str]:
    return {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()}


def test_a_domain_and_a_source_are_files_of_their_own_and_nothing_else_changes(root: Path) -> None:
    before = {name: (root / name).read_bytes() for name in files(root)}
    assert new("domain", "shop").exit_code == 0
    made = new("source", "orders", "--from", "../orders.csv")
    assert made.exit_code == 0, made.output
    assert files(root) - {*before} == {
        "defs/shop/README.md",
        "defs/shop/sources/orders/defs.yaml",
        "dbt_project/models/shop/sources.yml",
        "dbt_project/models/shop/staging/stg_orders.sql",
        "dbt_project/models/shop/staging/stg_orders.yml",
        "data/landing/orders/20260501T235959999999Z_orders.csv",
    }
    assert {name: (root / name).read_bytes() for name in before} == before
    assert "id is the key: 2 of 2 values differ" in made.output
    assert made.output.splitlines()[-1] == "next: lakehouse run --select raw/orders"


def test_a_dry_run_prints_the_files_and_writes_none(root: Path) -> None:
    new("domain", "shop")
    before = files(root)
    made = new("source", "orders", "--from", "../orders.csv", "--dry-run")
    assert made.exit_code == 0
    assert "# defs/shop/sources/orders/defs.yaml" in made.output
    assert "  connector: {kind: files}" in made.output
    assert files(root) == before


def test_files_that_are_in_the_landing_zone_stay_there(root: Path) -> None:
    new("domain", "shop")
    folder = root / "data/landing/orders"
    folder.mkdir(parents=True)
    (folder / "2026-05-01.csv").write_text(CSV)
    made = new("source", "orders", "--from", str(folder))
    assert made.exit_code == 0, made.output
    assert [one.name for one in folder.iterdir()] == ["2026-05-01.csv"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("source", "orders", "--from", "../nothing.csv"), "there is no file or folder"),
        (("source", "Orders", "--from", "../orders.csv"), "'Orders' is not a valid name"),
        (("source", "orders", "--from", "ftp://x/y.csv"), "ftp:// is not an address"),
        (("source", "orders", "--from", "http://127.0.0.1:9/y.csv"), "cannot download"),
        (("source", "x", "--from", "../orders.csv", "--domain", "b"), "no domain b among shop"),
        (("domain", "shop"), "the domain shop exists"),
    ],
)
def test_an_error_is_one_sentence_and_nothing_is_written(
    root: Path, words: tuple[str, ...], sentence: str
) -> None:
    new("domain", "shop")
    before = files(root)
    result = new(*words)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert files(root) == before


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(tmp_path))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_is_downloaded_once_and_landed(root: Path, address: str) -> None:
    new("domain", "shop")
    made = new("source", "orders", "--from", f"{address}/orders.csv?token=s3cr3t")
    assert made.exit_code == 0, made.output
    assert (root / "data/landing/orders/20260501T235959999999Z_orders.csv").read_text() == CSV
    assert "s3cr3t" not in made.output + "".join(
        (root / name).read_text() for name in files(root) if name.startswith("defs")
    )
    missing = new("source", "others", "--from", f"{address}/missing.csv")
    assert "404" in missing.stderr
