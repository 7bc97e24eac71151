"""A version is found by its full name, or by an unambiguous prefix."""

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.registry import RegistryError, promote
from lakehouse.registry.abbreviation import find_version
from lakehouse.registry.versions import register
from tests.registry.test_registry import always_ready, version


@pytest.fixture
def names(lake: Lake) -> list[str]:
    made = [version(number) for number in (1, 2, 12)]
    with lake.writer(Author("test")) as writer:
        for one in made:
            register(writer, one, "training", "first version")
    return [one.version for one in made]


@pytest.mark.parametrize(("text", "place"), [("v0001", 0), ("v0002-0", 1), ("v001", 2)])
def test_a_unique_prefix_finds_its_version(
    lake: Lake, names: list[str], text: str, place: int
) -> None:
    assert find_version(lake, "m", text).version == names[place]
    assert find_version(lake, "m", names[place]).version == names[place]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("v00", "m: several versions begin with 'v00'"), ("v9", "m: no version begins with 'v9'")],
)
def test_any_other_prefix_is_an_error_that_names_every_version(
    lake: Lake, names: list[str], text: str, sentence: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        find_version(lake, "m", text)
    assert str(caught.value) == f"{sentence}; known versions: {', '.join(reversed(names))}"


def test_without_a_prefix_it_is_the_champion_or_else_the_newest_version(
    lake: Lake, names: list[str]
) -> None:
    assert find_version(lake, "m", "").version == names[2]
    promote(lake, "m", names[1], who="me", why="better", prove=always_ready)
    assert find_version(lake, "m", "").version == names[1]


def test_an_untrained_model_is_an_error_that_names_the_command(
    lake: Lake,
) -> None:
    with pytest.raises(RegistryError, match="m has no version yet; `lakehouse run` trains it"):
        find_version(lake, "m", "")
