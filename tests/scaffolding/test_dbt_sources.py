"""An entry is added to `sources.yml`, and no other line of it changes."""

from pathlib import Path

import pytest
import yaml

from lakehouse.scaffolding.dbt_sources import add_to_sources
from lakehouse.scaffolding.errors import ScaffoldingError

RAW = """version: 2
# ours
sources:
  - name: raw
    database: lake
    tables:
      - name: a  # first
        description: A

      # not yet: - name: x
  - name: scores
    tables: [{name: a}]
"""


@pytest.mark.parametrize(
    "text",
    [
        RAW,
        RAW.rstrip("\n"),
        RAW.replace("      - name: a", "    - name: a").replace("        desc", "      desc"),
        "sources:\n- name: raw\n  tables:\n  - name: a",
        "sources:\n  - name: scores\n    tables: [{name: a}]\n",
        RAW + "\nmodels: []\n",
        "# sources of ours\n",
    ],
)
def test_the_entry_is_added_and_every_line_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(text)
    file = add_to_sources(path, "orders", "CSV: files")
    tables = [
        table
        for source in yaml.safe_load(file.text)["sources"]
        if source["name"] == "raw"
        for table in source["tables"]
    ]
    assert tables[-1] == {"name": "orders", "description": "CSV: files"}
    left = iter(file.text.splitlines())
    assert all(line in left for line in text.splitlines())
    assert file.before == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (RAW.replace("name: a  #", "name: orders  #"), "has a table orders already"),
        ("sources: {", "is not valid YAML"),
        ("sources: [{name: raw, tables: [{name: a}]}]", "no place for another table; add"),
        ("sources:\n  - name: raw\n    tables: []\n", "no place for another table; add"),
    ],
)
def test_a_file_without_a_place_for_it_is_left_alone(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(text)
    with pytest.raises(ScaffoldingError, match=sentence):
        add_to_sources(path, "orders", "x")
    assert path.read_text() == text
