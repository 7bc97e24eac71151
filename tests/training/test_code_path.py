"""The code that identifies a version, on a small package and on the real one."""

import ast
import random
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import lakehouse
from lakehouse.training import code_path
from lakehouse.training.code_path import Definition, definitions_behind, hash_of, reader_of
from lakehouse.training.identity import BUILD_FUNCTIONS, OUTSIDE, code_definitions

ROOT = Path(lakehouse.__file__).parent

PACKAGE = {
    "app": "",
    "app.start": """
        \"\"\"A page of words.\"\"\"
        from app.shapes import Box, area as surface
        from app import helpers

        def start(width):
            # why
            return surface(Box(width)) + helpers.twice(width)

        def other():
            return 1
        """,
    "app.helpers": """
        FACTOR = 2

        def twice(x):
            "Words."
            return x * FACTOR

        def thrice(x):
            return 3 * x
        """,
    "app.shapes": """
        from app.shapes_box import Box

        def area(box: Box) -> float:
            return box.side() ** 2
        """,
    "app.shapes_box": """
        from pydantic import BaseModel, field_validator

        class Box(BaseModel):
            width: float
            colour: str = "red"

            @field_validator("width")
            @classmethod
            def _long_enough(cls, value):
                return value

            def side(self):
                return self.width

            def paint(self):
                return self.colour
        """,
}


def sources(**changes: tuple[str, str]):
    """The package's sources by module, with a text replaced in each of the named modules."""
    texts = {}
    for module, text in PACKAGE.items():
        old, new = changes.get(module.replace(".", "_"), ("", ""))
        assert old in text, f"{old} is not in {module}"
        lines = text.replace(old, new).splitlines() if old else text.splitlines()
        texts[module] = "\n".join(line.removeprefix(" " * 8) for line in lines)
    return texts


def code(texts, start="app.start:start", outside=()):
    return hash_of(definitions_behind([start], texts.get, outside).values())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"app_start": ("# why", "# because")}, id="a comment"),
        pytest.param({"app_start": ("A page of words", "Better words")}, id="a module's docstring"),
        pytest.param({"app_helpers": ('"Words."', '"Few words."')}, id="a function's docstring"),
        pytest.param({"app_helpers": ('"Words."', "")}, id="a docstring that goes"),
        pytest.param({"app_start": ("return 1", "return 2")}, id="a neighbour of the function"),
        pytest.param({"app_helpers": ("3 * x", "4 * x")}, id="a function that nothing calls"),
        pytest.param({"app_shapes_box": ('"red"', '"blue"')}, id="a field that nothing reads"),
        pytest.param({"app_shapes_box": ("return self.colour", "pass")}, id="an unused method"),
    ],
)
def test_changes_without_effect_keep_the_hash(changes):
    assert code(sources(**changes)) == code(sources())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"app_start": ("surface(Box", "-surface(Box")}, id="the function itself"),
        pytest.param({"app_helpers": ("x * FACTOR", "x + FACTOR")}, id="one reached by its module"),
        pytest.param({"app_helpers": ("FACTOR = 2", "FACTOR = 3")}, id="a constant"),
        pytest.param({"app_shapes": ("** 2", "** 3")}, id="one that was imported by another name"),
        pytest.param({"app_shapes_box": ("return self.width", "return 1")}, id="a method in use"),
        pytest.param({"app_shapes_box": ("width: float", "width: int")}, id="a field in use"),
        pytest.param({"app_shapes_box": ("return value", "return -value")}, id="a validator"),
        pytest.param({"app_helpers": ("FACTOR = 2", "FACTOR = 2\n        FACTOR += 1")}, id="+="),
        pytest.param(
            {"app_helpers": ("FACTOR = 2", "FACTOR = 2\n        print(1)")}, id="on import"
        ),
    ],
)
def test_changes_with_an_effect_change_the_hash(changes):
    assert code(sources(**changes)) != code(sources())


def test_a_definition_can_move_to_another_file():
    before = sources()
    after = {**before, "app.inner.helpers": before["app.helpers"], "app.helpers": ""}
    after["app.start"] = after["app.start"].replace("from app import", "from app.inner import")
    assert code(after) == code(before)
    split = {**before, "app.area": before["app.shapes"], "app.shapes": "from app.area import area"}
    assert code(split) == code(before)


def test_excluded_packages_are_not_followed():
    def changed(module, old, new):
        texts = sources(**{module.replace(".", "_"): (old, new)})
        return code(texts, outside=["app.helpers"])

    assert changed("app.helpers", "x * FACTOR", "x + FACTOR") == code(
        sources(), outside=["app.helpers"]
    )
    assert changed("app.shapes", "** 2", "** 3") != code(sources(), outside=["app.helpers"])


def test_a_missing_function_is_named():
    with pytest.raises(LookupError, match=r"app\.start:finish"):
        definitions_behind(["app.start:finish"], sources().get)


@pytest.mark.slow
def test_a_versions_code_includes_training_but_not_evaluation():
    names = {each.name for each in code_definitions()}
    assert {
        "boost",
        "fit_calibration",
        "gain_importance",
        "Rows",
        "FeatureSchema",
        "label_query",
        "find_metric",
        "propose",
        "ModelCard",
    } <= names
    assert not names & {
        "evaluate_version",
        "check_gates",
        "decide",
        "train",
        "reproduce",
        "write_report",
        "examine",
    }
    assert not names & {"BUILD_FUNCTIONS", "OUTSIDE"}, "their text names modules"


@pytest.mark.slow
def test_every_function_on_the_path_affects_the_hash(monkeypatch):
    """Adds a statement to each of a few functions, chosen at random in every run."""
    monkeypatch.setattr(code_path, "_parse", cache(code_path._parse))
    read = reader_of(ROOT)
    before = hash_of(definitions_behind(BUILD_FUNCTIONS, read, OUTSIDE).values())
    definitions = code_definitions()
    trees = {each.module: ast.parse(read(each.module)) for each in definitions}
    functions = [
        (module, statement)
        for module, tree in trees.items()
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef)
        and Definition(module, statement.name) in definitions
    ]
    assert len(functions) > 100
    for module, function in random.Random().sample(functions, 8):
        function.body.append(ast.parse("changed = 1").body[0])
        altered = ast.unparse(trees[module])
        function.body.pop()

        def read_altered(name, module=module, altered=altered):
            return altered if name == module else read(name)

        after = hash_of(definitions_behind(BUILD_FUNCTIONS, read_altered, OUTSIDE).values())
        assert after != before, f"{module}.{function.name} makes bytes, and is not in the hash"


@pytest.mark.slow
def test_the_real_package_can_be_rearranged_and_reworded(tmp_path):
    """In a copy, a module moves to a sub-folder and every docstring changes: the hash is the
    same."""
    copied = tmp_path / "lakehouse"
    shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns("__pycache__", "defs"))
    moved = "lakehouse.training.fitting.fold_examples"
    (copied / "training" / "inner").mkdir()
    file = copied.joinpath(*moved.split(".")[1:]).with_suffix(".py")
    file.rename(copied / "training" / "inner" / "data.py")
    for path in copied.rglob("*.py"):
        text = path.read_text().replace(f"from {moved} ", "from lakehouse.training.inner.data ")
        path.write_text(ast.unparse(OtherDocstrings().visit(ast.parse(text))))
    after = hash_of(definitions_behind(BUILD_FUNCTIONS, reader_of(copied), OUTSIDE).values())
    assert after == hash_of(code_definitions().values())


class OtherDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = "Other words."
        return node


@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13"])
def test_every_release_of_python_sees_the_same_code(python):
    script = (
        "import runpy, sys; from pathlib import Path;"
        f"at = runpy.run_path({str(Path(code_path.__file__))!r});"
        f"read = at['reader_of'](Path({str(ROOT)!r}));"
        f"found = at['definitions_behind']({BUILD_FUNCTIONS!r}, read, {OUTSIDE!r});"
        "print(at['hash_of'](found.values()))"
    )
    try:
        ran = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{python} is not here")
    if "command not found" in ran.stderr:
        pytest.skip(f"{python} is not active here")
    assert ran.stdout.strip() == hash_of(code_definitions().values()), ran.stderr
