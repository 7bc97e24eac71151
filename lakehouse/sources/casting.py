"""Text and typed values as the contract's types: exactly, or NULL. What is lossy is never done.

A value depends on its own spelling alone. DuckDB's casts round decimals, drop the time of a DATE,
read `1_000`, and carry a named time zone on to the rows behind it; so a spelling must have the
form that is written down here before a cast sees it. Pure functions that build SQL, and the macros
which that SQL calls.
"""

import duckdb

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
_NUMBER_PARTS = r"^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$"
_DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?"
_OFFSET = r"[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
_ZONE = r"Z|UTC|GMT|[A-Za-z_]+/[A-Za-z0-9_/+-]+"
_MOMENT = rf"^({_DATE})(?:[T ] *({_TIME}) *({_OFFSET})? *({_ZONE})?)?$"
_PLAIN_MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|\+00:00)?"
)
_MIDNIGHT = rf"^({_DATE})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00(?::?00)?)?)?$"
_TRUE, _FALSE = "('true', 't', 'yes', 'y', '1')", "('false', 'f', 'no', 'n', '0')"
_FINITE = {
    "DOUBLE": "isfinite({0})",
    # what Python and most databases can hold
    "DATE": "{0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'",
    "TIMESTAMP": "{0} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'",
}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_INTEGERS |= {f"U{name}" for name in _INTEGERS}

_MACROS = {
    # 12.5e-3 as 0.0125, 1.50 as 1.5, 007. as 7: digits shifted as text, so that no digit is lost
    "_digits_of(part)": "part.whole || part.fraction",
    "_point_of(part)": "length(part.whole) + coalesce(try_cast(part.power AS INTEGER), 0)",
    "_shifted(part, digits, point)": """CASE
        WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits
        WHEN point >= length(digits) THEN digits || repeat('0', point - length(digits))
        ELSE left(digits, point) || '.' || substr(digits, point + 1) END""",
    "_trimmed(number)": """regexp_replace(
        CASE WHEN contains(number, '.') THEN rtrim(rtrim(number, '0'), '.') ELSE number END,
        '^0+([0-9])', '\\1')""",
    "_shifted_part(part)": "_shifted(part, _digits_of(part), _point_of(part))",
    "_written_out(part)": "part.sign || _trimmed(_shifted_part(part))",
    "_number(text)": f"""CASE WHEN regexp_full_match(text, '{NUMBER}') THEN _written_out(
        regexp_extract(text, '{_NUMBER_PARTS}', ['sign', 'whole', 'fraction', 'power'])) END""",
    # seconds east of UTC of +02, +0230 or +02:30:00
    "_east(sign, part)": """CASE WHEN part[3:4] < '60' AND part[5:6] < '60' AND part[1:2] < '24'
        THEN to_seconds((CASE sign WHEN '-' THEN -1 ELSE 1 END)
          * (3600 * CAST(part[1:2] AS INTEGER)
          + 60 * coalesce(try_cast(part[3:4] AS INTEGER), 0)
          + coalesce(try_cast(part[5:6] AS INTEGER), 0))) END""",
    "_utc_of(zone, local)": "timezone(zone, local) AT TIME ZONE 'UTC'",
    "_local_of(zone, utc)": "timezone(zone, utc AT TIME ZONE 'UTC')",
    "_lag(zone, utc)": "_local_of(zone, utc) - utc",
    # a local time that a change of clocks leaves out or gives twice is none
    "_other_utc(zone, local, utc, away)": "local - _lag(zone, utc + away)",
    "_is_twice(zone, local, utc, other)": "other <> utc AND _local_of(zone, other) = local",
    "_only_utc(zone, local, utc)": """CASE WHEN _local_of(zone, utc) = local
        AND NOT _is_twice(zone, local, utc, _other_utc(zone, local, utc, to_days(1)))
        AND NOT _is_twice(zone, local, utc, _other_utc(zone, local, utc, to_days(-1)))
        THEN utc END""",
    "_in_zone(zone, local)": """CASE WHEN zone IN (SELECT name FROM pg_timezone_names())
        THEN _only_utc(zone, local, _utc_of(zone, local)) END""",
    "_placed(local, part)": """CASE
        WHEN part.shift <> '' AND part.zone = '' THEN
            local - _east(left(part.shift, 1), replace(substr(part.shift, 2), ':', ''))
        WHEN part.shift <> '' THEN NULL
        WHEN part.zone IN ('', 'Z', 'UTC', 'GMT') THEN local
        ELSE _in_zone(part.zone, local) END""",
    "_moment_of(part)": "_placed(try_cast(part.date || ' ' || CASE part.time WHEN '' "
    "THEN '00:00' ELSE part.time END AS TIMESTAMP), part)",
    "_moment(text)": f"""CASE WHEN regexp_full_match(text, '{_PLAIN_MOMENT}')
        THEN try_cast(left(replace(text, '+00:00', ''), 26) AS TIMESTAMP)
        ELSE _moment_of(
            regexp_extract(text, '{_MOMENT}', ['date', 'time', 'shift', 'zone'])) END""",
    "_day(text)": f"try_cast(nullif(regexp_extract(text, '{_MIDNIGHT}', 1), '') AS DATE)",
}


def create_macros(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the macros that the SQL of this module calls, for this connection alone."""
    for signature, body in _MACROS.items():
        cursor.execute(f"CREATE OR REPLACE TEMP MACRO {signature} AS ({body})")


def cast_sql(value: str, source: str, target: str) -> str:
    """SQL for the column `value` of DuckDB's type `source` as `target`; NULL if it does not fit.

    `target` is a type that a contract may declare. Numbers of a binary float count as the shortest
    text that gives them, except for a DOUBLE.
    """
    if source == "VARCHAR":
        return _from_text(value, target)
    if source == target or (source == "FLOAT" and target == "DOUBLE"):
        return _bounded(f"CAST({value} AS {target})", target)
    if target == "TIMESTAMP" and source in ("TIMESTAMP_S", "TIMESTAMP_MS"):
        return _bounded(f"CAST({value} AS TIMESTAMP)", target)
    if target == "TIMESTAMP" and source == "TIMESTAMP WITH TIME ZONE":
        return _bounded(f"({value} AT TIME ZONE 'UTC')", target)
    if source in _INTEGERS and (target in _INTEGERS or target.startswith("DECIMAL")):
        return f"try_cast({value} AS {target})"
    return _from_text(text_sql(value, source), target)


def rounded_sql(value: str, source: str, target: str) -> str:
    """As `cast_sql`, for a DECIMAL whose source computes in binary floats: 57.160000000000004.

    What lies within 1e-4 of the last digit's worth is taken for noise.
    """
    scale = _scale(target)
    exact, number = cast_sql(value, source, target), f"({cast_sql(value, source, 'DOUBLE')})"
    near = f"try_cast(round({number}, {scale}) AS {target})"
    is_noise = f"abs({number} - CAST({near} AS DOUBLE)) < 1e-{scale + 4}"
    return f"coalesce({exact}, CASE WHEN {is_noise} THEN {near} END)"


def text_sql(value: str, source: str) -> str:
    """SQL for the column `value` of DuckDB's type `source` as text."""
    return value if source == "VARCHAR" else f"CAST({value} AS VARCHAR)"


def _from_text(text: str, target: str) -> str:
    if target == "VARCHAR":
        return text
    text = f"trim({text}, ' \t')"
    if target == "BOOLEAN":
        word = f"lower({text})"
        return f"CASE WHEN {word} IN {_TRUE} THEN true WHEN {word} IN {_FALSE} THEN false END"
    if target == "TIMESTAMP":
        return _bounded(f"_moment({text})", target)
    if target == "DATE":
        return _bounded(f"_day({text})", target)
    if target == "DOUBLE":
        form = f"regexp_full_match({text}, '{NUMBER}')"
        cast = _bounded(f"try_cast({text} AS DOUBLE)", target)
        vanished = f"{cast} = 0 AND regexp_matches({text}, '^[^eE]*[1-9]')"
        return f"CASE WHEN {form} AND NOT ({vanished}) THEN {cast} END"
    if target in _INTEGERS:
        return _digits(text, r"[+-]?[0-9]{1,18}", r"-?[0-9]+", target)
    scale = _scale(target)
    places = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    return _digits(text, rf"[+-]?[0-9]{{1,18}}{places}", rf"-?[0-9]+{places}", target)


def _digits(text: str, plain: str, written_out: str, target: str) -> str:
    """A number with no more places than `target` has; the cheap form first, as nearly all have."""
    number = f"ltrim(_number({text}), '+')"
    return (
        f"CASE WHEN regexp_full_match({text}, '{plain}') THEN try_cast({text} AS {target}) "
        f"WHEN regexp_full_match({number}, '{written_out}') THEN try_cast({number} AS {target}) END"
    )


def _bounded(value: str, target: str) -> str:
    if target not in _FINITE:
        return value
    return f"CASE WHEN {_FINITE[target].format(value)} THEN {value} END"


def _scale(decimal: str) -> int:
    return int(decimal.rstrip(")").split(",")[1])
