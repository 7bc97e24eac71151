"""Write a project: every file of the template with its names, and the sample; all or nothing."""

import re
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lakehouse.starter.naming import InitError, Names
from lakehouse.starter.sample import weekly_orders

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "init"
"""The files of a project. Their paths and texts have `__project__`, `__module__` and `__domain__`
where the names go, so that each is a valid file of its kind; `dot_x` stands for `.x`."""
_PLACEHOLDER = re.compile(r"__(project|module|domain)__")


def create_project(folder: Path, domain: str = "", *, last_day: date) -> Names:
    """Make a project in `folder`, named after it; its domain has the same name unless one is given.

    Its sample of orders ends with `last_day`.

    Raises:
        InitError: when the folder is not empty, a name is not valid, or it cannot be written.
    """
    module = folder.name.replace("-", "_")
    names = Names(folder.name, domain or module)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InitError(f"{folder} exists and is not an empty folder; choose another name")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as partial:
            made = Path(partial) / folder.name
            for name, content in _files(names, last_day):
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).write_text(content, encoding="utf-8", newline="\n")
            if not folder.exists():
                made.rename(folder)
            for part in made.iterdir() if made.exists() else ():  # a shell may be in the folder
                part.rename(folder / part.name)
    except OSError as error:
        raise InitError(f"cannot make a project in {folder}: {error.strerror or error}") from error
    return names


def _files(names: Names, last_day: date) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project."""
    for path in sorted(TEMPLATE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = _fill(path.relative_to(TEMPLATE).as_posix(), names)
            yield re.sub(r"(^|/)dot_", r"\1.", name), _fill(path.read_text("utf-8"), names)
    for name, content in weekly_orders(last_day):
        yield f"samples/orders/{name}", content


def _fill(text: str, names: Names) -> str:
    return _PLACEHOLDER.sub(lambda match: str(getattr(names, match[1])), text)
