"""What a sample shows of each column: its name and type in the contract, and figures as evidence.

Values of personal columns are never shown, here or in what is made of a profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lakehouse.scaffolding.column_types import TEXT, Guess, guess_texts, guess_typed
from lakehouse.scaffolding.names import column_names
from lakehouse.scaffolding.personal import find_personal
from lakehouse.scaffolding.samples import Sample
from lakehouse.sources.column_types import column_type
from lakehouse.sources.contract import SYSTEM_COLUMNS

_ID = ("id", "key", "uuid", "guid", "no", "nr", "number", "code", "ref", "isbn")
_FEW = 8
"""Different values up to which a description lists them."""
_LONG = 24
_CODES = ("zip", "zipcode", "postcode", "postal_code", "plz", "iban", "isbn", "ean", "sku", "vat")
_PHONES = ("phone", "mobile", "telephone", "fax")


@dataclass(frozen=True)
class Column:
    """A column of the sample. `origin` is its name in the source.

    `missing` and `distinct` count rows and different values; `few` are all values if there are
    few, `least` and `most` the range of a number or a time. `personal` is why the column is
    personal, and empty if nothing speaks for it.
    """

    origin: str
    name: str
    guess: Guess
    missing: int
    distinct: int
    few: tuple[str, ...] = ()
    least: str = ""
    most: str = ""
    personal: str = ""
    note: str = ""

    @property
    def type(self) -> str:
        """Its type in the contract."""
        return self.guess.type

    @property
    def is_birth(self) -> bool:
        """Whether it is a day of birth, of which the year is enough."""
        return bool(self.personal) and self.type == "DATE"

    @property
    def is_id(self) -> bool:
        """Whether its name is that of an identifier."""
        return self.words[-1] in _ID or self.words[0] in _ID

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return tuple(self.name.split("_"))


def is_name(origin: str) -> bool:
    """Whether a column can be declared: pandas writes an index without a name."""
    return bool(origin.strip()) and origin.isprintable()


def profile_columns(sample: Sample) -> list[Column]:
    """A profile of each column that has a name, in the order of the source."""
    origins = list(filter(is_name, sample.columns))
    names = column_names(origins, taken=(*SYSTEM_COLUMNS, *_unfit_op(sample)))
    personal = find_personal({names[one]: sample.columns[one] for one in origins})
    return [
        _profile(sample, origin, names[origin], personal.get(names[origin], ""))
        for origin in origins
    ]


def _unfit_op(sample: Sample) -> Sequence[str]:
    """The name `op`, unless the source has changes: rows whose `op` is delete are deletes."""
    if "op" not in sample.columns:
        return ()
    values = set(sample.texts("op").unique().to_pylist())
    return () if values <= {"upsert", "delete"} else ("op",)


def _profile(sample: Sample, origin: str, name: str, personal: str) -> Column:
    import pyarrow as pa

    array = sample.columns[origin].combine_chunks()
    different = array.unique().drop_null()
    note = ""
    if pa.types.is_string(array.type):
        texts = different.to_pylist()
        guess = guess_texts(texts)
        if guess.best in ("BIGINT", "DOUBLE") and _is_code(name):
            guess, note = Guess(TEXT), "a code, which may begin with a zero"
    else:
        texts = None
        guess = guess_typed(different)
    if personal and guess.type not in (TEXT, "DATE"):
        guess = Guess(TEXT)  # a token is text
    column = Column(
        origin, name, guess, array.null_count, len(different), personal=personal, note=note
    )
    return column if personal else _with_values(column, sample.rows, different, texts)


def _with_values(column: Column, rows: int, different: Any, texts: list[str] | None) -> Column:
    """The column with its values, as far as they are few or have a range."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(different):
        return column
    if column.type in (TEXT, "BOOLEAN"):
        is_repeated = len(different) <= min(_FEW, rows // 3)  # else it may be a free text
        few = different.cast(pa.string()).to_pylist() if is_repeated else []
        is_short = all(len(value) <= _LONG and value.isprintable() for value in few)
        return replace(column, few=tuple(sorted(few))) if is_short else column
    if texts is None:
        ends = pc.min_max(different).as_py()
        return replace(column, least=str(ends["min"]), most=str(ends["max"]))
    kind = column_type(column.type)
    order = float if column.type in ("BIGINT", "DOUBLE") or "DECIMAL" in column.type else str
    written = {text: kind.exact(text) or text for text in texts}
    least = min(texts, key=lambda text: order(written[text]))
    most = max(texts, key=lambda text: order(written[text]))
    return replace(column, least=written[least], most=written[most])


def _is_code(name: str) -> bool:
    return name in _CODES or any(name.endswith(f"_{code}") for code in (*_CODES, *_PHONES))
