"""Which columns are about a person: by their names, and by values that look like addresses.

A column that is marked by mistake is a line to change; one that is missed is in the lake.
"""

import re
from collections.abc import Mapping
from typing import Any

_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(
    r"(\+|00)[0-9][0-9 ()/.-]{6,18}"
    r"|\(?0[0-9]{1,4}\)?[ /.-][0-9][0-9 /.-]{4,12}"
    r"|(\([0-9]{3}\) ?|[0-9]{3}-)[0-9]{3}-[0-9]{4}"
)
_DAY = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_MANY = 0.1
"""The share of values from which their looks decide."""
_ASKED = 1_000
"""Different values that are looked at."""

_WORDS = frozenset(
    {
        *("email", "mail", "phone", "telephone", "mobile", "fax", "birthday", "birthdate", "dob"),
        *("surname", "lastname", "firstname", "forename", "fullname", "username", "login"),
        *("vorname", "nachname", "geburtsdatum", "telefon", "strasse", "adresse", "prenom"),
        *("street", "iban", "ssn", "passport", "ip", "latitude", "longitude"),
    }
)
_NAMES = frozenset(
    {
        *("e_mail", "first_name", "last_name", "full_name", "given_name", "family_name"),
        *("middle_name", "maiden_name", "customer_name", "user_name", "contact_name"),
        *("person_name", "employee_name", "patient_name", "client_name", "account_holder"),
        *("date_of_birth", "birth_date", "day_of_birth", "address", "home_address", "ip_address"),
        *("postal_address", "card_number", "tax_id", "national_id", "social_security_number"),
    }
)
_HINTS = frozenset({"gender", "sex", "age", "birth", "nationality"})
"""Words next to which a column `name` is that of a person."""
_OF_THINGS = frozenset({"latitude", "longitude"})
"""A place of a person only in a table about people."""


def find_personal(columns: Mapping[str, Any]) -> dict[str, str]:
    """Why each personal column is so, by name; the others are left out.

    `columns` are Arrow arrays by the name in the contract.
    """
    found: dict[str, str] = {}
    for name, values in columns.items():
        if why := _by_name(name) or _by_values(values):
            found[name] = why
    words = {word for name in columns for word in name.split("_")}
    about_people = bool(found.keys() - _OF_THINGS) or bool(words & _HINTS)
    if "name" in columns and about_people:
        found.setdefault("name", "its name, next to columns about people")
    return {name: why for name, why in found.items() if about_people or name not in _OF_THINGS}


def _by_name(name: str) -> str:
    words = set(name.split("_"))
    is_named = name in _NAMES or words & _WORDS or any(name.endswith(f"_{n}") for n in _NAMES)
    return "its name" if is_named or (words & {"birth", "born"} and "year" not in words) else ""


def _by_values(values: Any) -> str:
    import pyarrow as pa

    if not pa.types.is_string(values.type):
        return ""
    texts = values.slice(0, 50 * _ASKED).unique().drop_null()[:_ASKED].to_pylist()
    for what, looks in (("e-mail addresses", _is_e_mail), ("phone numbers", _is_phone)):
        hits = sum(map(looks, texts))
        if texts and hits / len(texts) >= _MANY:
            return f"{hits:,} of {len(texts):,} values look like {what}"
    return ""


def _is_e_mail(text: str) -> bool:
    return bool(_E_MAIL.fullmatch(text.strip()))


def _is_phone(text: str) -> bool:
    text = text.strip()
    digits = sum(letter.isdigit() for letter in text)
    if not 7 <= digits <= 15 or _DAY.fullmatch(text):
        return False
    if _NUMBER.fullmatch(text) and text[0] != "+":
        return False
    return bool(_PHONE.fullmatch(text))
