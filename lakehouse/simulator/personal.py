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


def customer_rows(names: Names, customers: Customers, which: Ints) -> list[Row]:
    """The bank's rows of the customers at these positions, in the order of its table."""
    some = customers.take(which)
    countries = country_at(some.x).tolist()
    rows: list[Row] = []
    for place, position in enumerate(which.tolist()):
        country = COUNTRIES[countries[place]]
        gender = GENDERS[some.gender[place]]
        first_names = names.male if gender == "M" else names.female
        first, last = first_names[some.first_name[place]], names.last[some.last_name[place]]
        domain = MAIL_DOMAINS[some.mail_domain[place]]
        rows.append(
            (
                position + 1,
                f"{first} {last}",
                f"{_ascii(first)}.{_ascii(last)}.{position + 1}@{domain}.example",
                f"{country.calling_code} {some.phone[place]}",
                f"{EPOCH + timedelta(days=int(some.birth_day[place])):%Y-%m-%d}",
                gender,
                country.code,
                round(float(some.x[place]), 4),
                round(float(some.y[place]), 4),
                SEGMENTS[some.segment[place]],
                sql_time(some.opened_us[place]),
                sql_time(some.updated_us[place]),
            )
        )
    return rows


def terminal_rows(names: Names, terminals: Terminals, which: Ints) -> list[Row]:
    """The bank's rows of the terminals at these positions, in the order of its table."""
    some = terminals.take(which)
    countries = country_at(some.x).tolist()
    rows: list[Row] = []
    for place, position in enumerate(which.tolist()):
        owner = names.last[some.owner[place]]
        category = int(some.category[place])
        rows.append(
            (
                position + 1,
                f"{owner} {TRADE[category]}{' Online' if some.is_online[place] else ''}",
                CATEGORIES[category],
                COUNTRIES[countries[place]].code,
                round(float(some.x[place]), 4),
                round(float(some.y[place]), 4),
                sql_time(some.opened_us[place]),
                sql_time(some.updated_us[place]),
            )
        )
    return rows


@cache
def _ascii(name: str) -> str:
    """A name in the form used in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())
