"""What `--from` names: a file, a folder of files, or an address that is downloaded once."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lakehouse import private
from lakehouse.redaction import register_address
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.settings import Settings

MOST_BYTES = 2 << 30
"""A longer download is given up: it is better downloaded by hand."""
_NAMELESS = "download.csv"
_DATA = re.compile(r"\.(csv|tsv|tab|txt|jsonl|ndjson|json|parquet)(\.gz|\.zst)?$", re.IGNORECASE)


@contextmanager
def find_files(place: str, settings: Settings) -> Iterator[list[tuple[Path, str]]]:
    """The files at `place`, each with its name below it, sorted; downloads exist in the block.

    Raises:
        ScaffoldingError: when there is none.
    """
    if "://" not in place:
        yield _local(Path(place).expanduser())
        return
    address = urlsplit(place)
    if address.scheme == "file":
        yield _local(Path(unquote(address.path)))
        return
    if address.scheme not in ("http", "https"):
        raise ScaffoldingError(
            f"{address.scheme}:// is not an address that is read here; give a file, a folder, "
            "file://, http:// or https://"
        )
    register_address(place)
    spill = private.make_private(settings.data_dir / "spill")
    with tempfile.TemporaryDirectory(dir=spill) as scratch:
        name = Path(unquote(address.path)).name.lstrip(".") or _NAMELESS
        yield [(_download(place, Path(scratch) / name), name)]


def _local(path: Path) -> list[tuple[Path, str]]:
    if path.is_file():
        return [(path, path.name)]
    if not path.exists():
        raise ScaffoldingError(f"there is no file or folder {path}")
    if not path.is_dir():
        raise ScaffoldingError(f"{path} is neither a file nor a folder")
    files = [
        (one, one.relative_to(path).as_posix())
        for one in sorted(path.rglob("*"))
        if one.is_file() and not any(part[0] == "." for part in one.relative_to(path).parts)
    ]
    if not files:
        raise ScaffoldingError(f"there is no file in {path}")
    # a README beside the data is no data
    return [one for one in files if _DATA.search(one[1])] or files


def _download(address: str, path: Path) -> Path:
    import requests

    try:
        with requests.get(address, stream=True, timeout=30) as response, path.open("xb") as file:
            response.raise_for_status()
            size = 0
            for block in response.iter_content(1 << 20):
                size += file.write(block)
                if size > MOST_BYTES:
                    raise ScaffoldingError(
                        f"{address} has more than {MOST_BYTES >> 30} GiB; download it, and give "
                        "the file"
                    )
    except (requests.RequestException, OSError) as error:
        raise ScaffoldingError(f"cannot download {address}: {error}") from None
    return path
