"""Days and microseconds: the world counts days from its start and microseconds from 1970, UTC."""

from datetime import UTC, date, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def midnight(day: date) -> int:
    """The first microsecond of a day."""
    return (day - EPOCH.date()).days * DAY


def moment(microseconds: int) -> datetime:
    """The time at `microseconds` since 1970."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def json_time(microseconds: int) -> str:
    """The format of files and API answers: `2026-05-25T10:11:12.000000Z`."""
    return f"{moment(microseconds):%Y-%m-%dT%H:%M:%S.%f}Z"


def sql_time(microseconds: int) -> str:
    """The format of the bank's database: `2026-05-25 10:11:12.000000`."""
    return f"{moment(microseconds):%Y-%m-%d %H:%M:%S.%f}"


def seal(day: date) -> str:
    """The start of the name of a day's landing file: the day's last microsecond."""
    return f"{day:%Y%m%d}T235959999999Z"
