"""The table of packages: what each is, and which others it imports."""

import ast
import tomllib
from pathlib import Path

import grimp

import lakehouse

ROOT = Path(lakehouse.__file__).parent


def package_table() -> str:
    """A Markdown table of the linter's layers, the lowest first."""
    order = _layers()
    graph = grimp.build_graph("lakehouse")
    for name in order:
        graph.squash_module(f"lakehouse.{name}")
    lines = ["| package | what it is | imports |", "|---|---|---|"]
    for name in order:
        imported = graph.find_modules_directly_imported_by(f"lakehouse.{name}")
        names = {module.removeprefix("lakehouse.") for module in imported} - {name}
        imports = ", ".join(f"`{each}`" for each in order if each in names) or "none of these"
        lines.append(f"| `{name}` | {_first_sentence(name)} | {imports} |")
    return "\n".join(lines)


def _layers() -> list[str]:
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    names = [name for layer in reversed(layers) for name in layer.replace("|", ":").split(":")]
    return [name.strip().removeprefix("lakehouse.") for name in names]


def _first_sentence(name: str) -> str:
    module = ROOT / f"{name}.py"
    source = module if module.exists() else ROOT / name / "__init__.py"
    sentence = (ast.get_docstring(ast.parse(source.read_text())) or "").split("\n\n")[0]
    return " ".join(sentence.split()).removesuffix(".")
