"""Addresses in YAML: `${NAME:-default}` from the environment, `{data_dir}` from settings."""

import os
import re
from collections.abc import Mapping

from lakehouse.redaction import register_address, register_environment
from lakehouse.settings import Settings
from lakehouse.sources.errors import SpecError

_PLACEHOLDER = re.compile(
    r"\$\{(?P<variable>\w+)(?::-(?P<default>(?:[^{}]|\{\w+\})*))?\}|\{(?P<place>\w+)\}"
)


def resolve(text: str, settings: Settings, environment: Mapping[str, str] | None = None) -> str:
    """`text` with its placeholders filled in; placeholders inside a variable's value are not
    expanded.

    Passwords and keys in it are hidden from now on in all output.

    Raises:
        SpecError: for a variable that is unset and has no default, or an unknown `{place}`.
    """
    variables = os.environ if environment is None else environment
    places = {
        "data_dir": str(settings.data_dir),
        "landing": settings.landing,
    }

    def fill(match: re.Match[str]) -> str:
        variable, default, place = match.group("variable", "default", "place")
        if place is not None:
            if place not in places:
                known = ", ".join(f"{{{name}}}" for name in places)
                raise SpecError(f"unknown placeholder {{{place}}} in {text!r}; known are {known}")
            return places[place]
        if variables.get(variable):
            register_environment({variable: variables[variable]})
            return variables[variable]
        if default is None:
            raise SpecError(f"{text!r} needs the environment variable {variable}; set it")
        return _PLACEHOLDER.sub(fill, default)

    resolved = _PLACEHOLDER.sub(fill, text)
    register_address(resolved)
    return resolved
