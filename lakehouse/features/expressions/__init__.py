"""The expression language of features and conditions: SQL's grammar, compiled to SQL and Python.

Both give bit-identical values. Arithmetic is on doubles (integers are cast first), every operation
is defined exactly by IEEE 754; a division by zero is NULL. Logarithms and powers are left out:
their last bit depends on the library, and a tree splits the same with or without them.

`forms.py` lists everything that can be written; `docs/reference/expressions.md` is made from it.
"""

from lakehouse.features.expressions.compiler import compile_expression
from lakehouse.features.expressions.forms import EXAMPLE, FORMS, Form, version_text
from lakehouse.features.expressions.syntax import names_in
from lakehouse.features.expressions.terms import NUMBERS, FeatureError, Kind, Name, Term, Values

__all__ = [
    "EXAMPLE",
    "FORMS",
    "NUMBERS",
    "FeatureError",
    "Form",
    "Kind",
    "Name",
    "Term",
    "Values",
    "compile_expression",
    "names_in",
    "version_text",
]
