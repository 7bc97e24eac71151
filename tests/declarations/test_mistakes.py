"""Every mistake in a declaration is one sentence with its file, its line and the remedy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.document import SpecError
from lakehouse.declarations.specs import Declarations, read_declarations
from lakehouse.features import FeatureSetSpec
from lakehouse.models import ModelSpec
from lakehouse.sources import SourceSpec

from .broken import BROKEN, FEATURES, MODEL, SOURCE, Broken

KINDS: dict[str, type[Declaration]] = {
    "Source": SourceSpec,
    "FeatureSet": FeatureSetSpec,
    "PredictiveModel": ModelSpec,
}
PYDANTIC_PHRASES = ("Value error", "Input should", "Extra inputs", "Field required", "function-")


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a1.({", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab1"), inner, max_size=2),
    max_leaves=4,
)


def declare(folder: Path, text: str, name: str = "one") -> Path:
    path = folder / name / "defs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(SpecError) as refused:
        read_declarations(KINDS, folder).require_valid()
    assert refused.value.__cause__ is None
    return str(refused.value).splitlines()


@pytest.mark.parametrize("text", [SOURCE, FEATURES, MODEL])
def test_the_unbroken_declarations_are_valid(tmp_path: Path, text: str) -> None:
    declare(tmp_path, text)
    assert len(read_declarations(KINDS, tmp_path).specs) == 1


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: re.sub(r"\W+", "-", one.new)[:40])
def test_a_mistake_is_one_sentence_with_file_line_and_remedy(
    tmp_path: Path, broken: Broken
) -> None:
    path = declare(tmp_path, broken.text)
    sentences = mistakes(tmp_path)
    assert len(sentences) == 1, sentences
    assert re.match(rf"{re.escape(str(path))}, line {broken.line}\b", sentences[0]), sentences[0]
    assert re.search(broken.words, sentences[0]), sentences[0]
    assert not any(words in sentences[0] for words in PYDANTIC_PHRASES), sentences[0]


def test_all_mistakes_of_all_files_are_reported_in_line_order(tmp_path: Path) -> None:
    worse = MODEL.replace("task: binary", "tsk: binary").replace("psi: 0.2", "psi: x")
    fitting = MODEL.replace("name: detector", "name: other").replace("at_least: 0.7", "at_least: 1")
    fitting = fitting.replace("alerts: 100", "alerts: 100, unit: card").replace("auc_roc", "auc")
    for name, text in (("a", worse), ("b", "type: ["), ("c", FEATURES), ("d", fitting)):
        declare(tmp_path, text, name)
    places = [re.findall(r"/(\w)/defs\.yaml, line (\d+)", line)[0] for line in mistakes(tmp_path)]
    assert places == [("a", "5"), ("a", "21"), ("b", "1"), ("d", "15"), ("d", "17")]


def test_two_declarations_with_the_same_kind_and_name_are_refused_with_both_files(
    tmp_path: Path,
) -> None:
    first = declare(tmp_path, SOURCE, "a")
    second = declare(tmp_path, SOURCE, "b")
    declare(tmp_path, MODEL.replace("name: detector", "name: payments"), "c")
    assert mistakes(tmp_path) == [
        f"{second}, line 3: name: payments is already declared in {first}; names are unique across "
        "all domains, so rename one of them"
    ]


def test_components_of_other_packages_are_not_validated(tmp_path: Path) -> None:
    path = declare(tmp_path, "type: somebody.Else\nattributes: {anything: 1}\n")
    assert read_declarations(KINDS, tmp_path) == Declarations(others=(path,))


def test_a_secret_in_a_wrong_value_is_not_shown(tmp_path: Path) -> None:
    url = "postgresql://reader:hunter2hunter2@bank.example/" + "x" * 60
    declare(tmp_path, SOURCE.replace("kind: files", f'kind: "{url}"'))
    assert "hunter2" not in mistakes(tmp_path)[0]


@pytest.mark.slow
@given(data=st.data())
def test_for_any_content_each_error_line_names_file_and_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = yaml.safe_load(data.draw(st.sampled_from([SOURCE, FEATURES, MODEL])))
    paths = [path for path in every_path(values["attributes"]) if path]
    *way, last = data.draw(st.sampled_from(paths))
    around = values["attributes"]
    for step in way:
        around = around[step]
    around[last] = data.draw(odd)
    path = tmp_path_factory.mktemp("odd") / "defs.yaml"
    path.write_text(yaml.safe_dump(values))
    try:
        read_declarations(KINDS, path.parent).require_valid()
    except SpecError as error:
        for line in str(error).splitlines():
            assert re.match(rf"{re.escape(str(path))}, line \d+: \S", line), line
            assert not any(words in line for words in PYDANTIC_PHRASES), line


def every_path(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from every_path(inner, (*path, step))
