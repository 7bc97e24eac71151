"""Files from a folder of their own: each is copied to the landing zone once, and then loaded."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lakehouse.sources import SourceSpec, extract, pending
from lakehouse.sources.connectors import files
from lakehouse.sources.errors import LandingError, SourceDown

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of

FIRST, SECOND = file_name(seal_of(0)), file_name(seal_of(1))


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """The folder that somebody puts files into."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def spec_of(folder: Path | str) -> SourceSpec:
    return make_spec(connector={"kind": "files", "folder": str(folder)})


def write(path: Path, *numbers: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json_lines(*(payment(n, datetime(2026, 5, 1, 12)) for n in numbers)))


def test_each_file_is_copied_and_loaded_once_under_its_name(harness: Harness, drop: Path) -> None:
    spec = spec_of(drop)
    write(drop / FIRST, 1, 2)
    write(drop / "more" / SECOND, 3)
    assert pending(spec, harness.lake) == f"2 new files up to more/{SECOND}"
    extraction = extract(spec, harness.settings)
    assert (extraction.files, extraction.rows) == ((FIRST, f"more/{SECOND}"), None)
    assert extraction.seal == seal_of(1)
    assert harness.load(spec).rows == 3
    assert extract(spec, harness.settings).files == ()
    assert pending(spec, harness.lake) == ""
    assert harness.rows("id", "_file") == [(1, FIRST), (2, FIRST), (3, f"more/{SECOND}")]
    assert (drop / FIRST).exists()


def test_a_relative_folder_is_in_the_project_and_may_have_placeholders(harness: Harness) -> None:
    write(harness.settings.data_dir / "drop" / FIRST, 1)
    relative = os.path.relpath(harness.settings.data_dir / "drop", harness.settings.project_dir)
    assert pending(spec_of(relative), harness.lake)
    assert pending(spec_of("{data_dir}/drop"), harness.lake)


def test_files_and_folders_with_a_dot_are_not_read(harness: Harness, drop: Path) -> None:
    write(drop / f".{FIRST}.partial", 1)
    write(drop / ".unfinished" / FIRST, 1)
    assert pending(spec_of(drop), harness.lake) == ""
    assert extract(spec_of(drop), harness.settings).files == ()


def test_a_file_that_goes_away_afterwards_stays_landed(harness: Harness, drop: Path) -> None:
    write(drop / FIRST, 1)
    extract(spec_of(drop), harness.settings)
    (drop / FIRST).unlink()
    assert extract(spec_of(drop), harness.settings).files == ()
    assert harness.load(spec_of(drop)).rows == 1


@pytest.mark.parametrize("numbers", [(1, 2), (2,)], ids=["another size", "the same size"])
def test_a_file_that_changed_after_its_copy_is_an_error_that_names_it(
    harness: Harness, drop: Path, numbers: tuple[int, ...]
) -> None:
    write(drop / FIRST, 1)
    extract(spec_of(drop), harness.settings)
    write(drop / FIRST, *numbers)
    os.utime(drop / FIRST, (0, 0))
    with pytest.raises(
        SourceDown, match=f"{FIRST} has changed since it was copied .* another name"
    ):
        extract(spec_of(drop), harness.settings)


def test_a_file_that_was_only_written_again_has_not_changed(harness: Harness, drop: Path) -> None:
    write(drop / FIRST, 1)
    extract(spec_of(drop), harness.settings)
    os.utime(drop / FIRST, (0, 0))
    assert extract(spec_of(drop), harness.settings).files == ()


def test_a_file_that_is_still_being_written_is_left_for_the_next_time(
    harness: Harness, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(drop / FIRST, 1)
    copy: Any = files.shutil.copyfile

    def while_writing(source: str, target: Path) -> None:
        copy(source, target)
        write(drop / FIRST, 1, 2)

    with monkeypatch.context() as patch:
        patch.setattr(files.shutil, "copyfile", while_writing)
        with pytest.raises(LandingError, match=f"{FIRST} is still being written"):
            extract(spec_of(drop), harness.settings)
    extract(spec_of(drop), harness.settings)
    assert harness.load(spec_of(drop)).rows == 2


def test_a_folder_that_is_not_there_is_an_error_with_its_path(harness: Harness, drop: Path) -> None:
    with pytest.raises(SourceDown, match=f"there is no folder {drop}/nowhere; make it"):
        pending(spec_of(drop / "nowhere"), harness.lake)
    with pytest.raises(ValidationError, match="'s3://bucket/x' is not a folder on this machine"):
        spec_of("s3://bucket/x")


def test_a_folder_around_the_landing_zone_is_refused(harness: Harness) -> None:
    with pytest.raises(SourceDown, match=r"contains the landing zone .* again and again"):
        extract(spec_of("{data_dir}"), harness.settings)


def test_a_link_that_leads_nowhere_is_an_error_and_one_to_a_file_is_read(
    harness: Harness, drop: Path, tmp_path: Path
) -> None:
    write(tmp_path / "elsewhere", 1)
    (drop / FIRST).symlink_to(tmp_path / "elsewhere")
    extract(spec_of(drop), harness.settings)
    assert harness.load(spec_of(drop)).rows == 1
    (drop / SECOND).symlink_to(drop / "gone")
    with pytest.raises(SourceDown, match=f"{SECOND} cannot be read: a broken link"):
        extract(spec_of(drop), harness.settings)


def test_a_name_that_is_not_valid_text_is_copied_once(harness: Harness, drop: Path) -> None:
    with open(os.fsencode(drop) + b"/" + FIRST.encode() + b"\xff.jsonl", "wb") as stream:
        stream.write(json_lines(payment(1, datetime(2026, 5, 1, 12))))
    assert len(extract(spec_of(drop), harness.settings).files) == 1
    assert extract(spec_of(drop), harness.settings).files == ()
    assert harness.load(spec_of(drop)).rows == 1
