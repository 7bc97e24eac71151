"""Personal data: pools of names made once by Faker, and the bank's rows built from them.

The pools are stored with the world, so that a different version of Faker does not change it.
"""

import unicodedata
from datetime import timedelta
from functools import cache

from pydantic import BaseModel, ConfigDict

from lakehouse.errors import LakehouseError
from lakehouse.simulator.columns import Ints
from lakehouse.simulator.geography import COUNTRIES, country_at
from lakehouse.simulator.population import (
    CATEGORIES,
    GENDERS,
    NAMES,
    SEGMENTS,
    Customers,
    Terminals,
)
from lakehouse.simulator.times import EPOCH, sql_time

MAIL_DOMAINS = ("mail", "post", "inbox", "letters", "web", "home")  # under the reserved `.example`
TRADE = ("Market", "Fuel", "Kitchen", "Fashion", "Electronics", "Travel", "Services")

Row = tuple[int | float | str, ...]


class DemoMissing(LakehouseError):
    """The extra `demo` is not installed."""


class Names(BaseModel):
    """Names of people: NAMES for each country, in the order of the countries."""

    model_config = ConfigDict(frozen=True)

    female: tuple[str, ...]
    male: tuple[str, ...]
    last: tuple[str, ...]


def make_names(seed: int) -> Names:
    """Draw the names; the same seed and version of Faker give the same names.

    Raises:
        DemoMissing: when Faker, which only the extra `demo` brings, is not installed.
    """
    try:
        from faker import Faker
    except ModuleNotFoundError:
        raise DemoMissing(
            "the embedded world needs the package faker; install it with "
            "`pip install 'lakehouse[demo]'`"
        ) from None

    female: list[str] = []
    male: list[str] = []
    last: list[str] = []
    for country in COUNTRIES:
        faker = Faker(country.locale)
        faker.seed_instance(seed)
        female += [faker.first_name_female() for _ in range(NAMES)]
        male += [faker.first_name_male() for _ in range(NAMES)]
        last += [faker.last_name() for _ in range(NAMES)]
    return Names(female=tuple(female), male=tuple(male), last=tuple(last))


def customer_rows(names: Names, customers: Customers, positions: Ints) -> list[Row]:
    """The bank's rows of the customers at these positions, in the order of its table."""
    chosen = customers.take(positions)
    countries = country_at(chosen.x).tolist()
    rows: list[Row] = []
    for index, position in enumerate(positions.tolist()):
        country = COUNTRIES[countries[index]]
        gender = GENDERS[chosen.gender[index]]
        first_names = names.male if gender == "M" else names.female
        first, last = first_names[chosen.first_name[index]], names.last[chosen.last_name[index]]
        domain = MAIL_DOMAINS[chosen.mail_domain[index]]
        rows.append(
            (
                position + 1,
                f"{first} {last}",
                f"{_ascii(first)}.{_ascii(last)}.{position + 1}@{domain}.example",
                f"{country.calling_code} {chosen.phone[index]}",
                f"{EPOCH + timedelta(days=int(chosen.birth_day[index])):%Y-%m-%d}",
                gender,
                country.code,
                round(float(chosen.x[index]), 4),
                round(float(chosen.y[index]), 4),
                SEGMENTS[chosen.segment[index]],
                sql_time(chosen.opened_us[index]),
                sql_time(chosen.updated_us[index]),
            )
        )
    return rows


def terminal_rows(names: Names, terminals: Terminals, positions: Ints) -> list[Row]:
    """The bank's rows of the terminals at these positions, in the order of its table."""
    chosen = terminals.take(positions)
    countries = country_at(chosen.x).tolist()
    rows: list[Row] = []
    for index, position in enumerate(positions.tolist()):
        owner = names.last[chosen.owner[index]]
        category = int(chosen.category[index])
        rows.append(
            (
                position + 1,
                f"{owner} {TRADE[category]}{' Online' if chosen.is_online[index] else ''}",
                CATEGORIES[category],
                COUNTRIES[countries[index]].code,
                round(float(chosen.x[index]), 4),
                round(float(chosen.y[index]), 4),
                sql_time(chosen.opened_us[index]),
                sql_time(chosen.updated_us[index]),
            )
        )
    return rows


@cache
def _ascii(name: str) -> str:
    """A name in the form used in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())
