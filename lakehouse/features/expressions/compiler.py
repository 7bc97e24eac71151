"""Compiles the tree of an expression: looks up its names and forms, and checks their kinds."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from lakehouse.features.expressions.arguments import Misfit
from lakehouse.features.expressions.forms import FORMS, FUNCTIONS, Form
from lakehouse.features.expressions.syntax import Application, Constant, Node, Reference, parse
from lakehouse.features.expressions.terms import FeatureError, Kind, Name, Term, Values
from lakehouse.features.expressions.tokens import error_at
from lakehouse.lake import literal


def compile_expression(text: str, scope: Mapping[str, Name]) -> Term:
    """Compile the expression `text` over the names of `scope`.

    Raises:
        FeatureError: for anything outside the language, with its place and what to write instead.
    """
    try:
        return _Compiler(text, scope).term(parse(text))
    except RecursionError:
        raise FeatureError(f"expression {text[:40]!r}... is nested too deeply") from None


class _Compiler:
    def __init__(self, text: str, scope: Mapping[str, Name]) -> None:
        self.text, self.scope = text, scope

    def term(self, node: Node) -> Term:
        match node:
            case Constant(value=value):
                return self.constant(node, value)
            case Reference(name=name):
                return self.name(node, name)
            case Application(form=form, arguments=nodes):
                return self.application(node, form, nodes)
        raise AssertionError(node)

    def error(self, node: Node, message: str) -> FeatureError:
        return error_at(self.text, node.start, node.end, message)

    def constant(self, node: Node, value: object) -> Term:
        match value:
            case None:
                return Term(Kind.NULL, "NULL", lambda _: None)
            case bool():
                return Term(Kind.BOOLEAN, str(value).upper(), lambda _: value)
            case int() if -(2**63) <= value < 2**63:
                return Term(Kind.INTEGER, f"CAST({value} AS BIGINT)", lambda _: value)
            case float() if math.isfinite(value):
                return Term(Kind.DOUBLE, f"CAST('{value!r}' AS DOUBLE)", lambda _: value)
            case str():
                return Term(Kind.TEXT, literal(value), lambda _: value)
            case datetime():
                return Term(Kind.TIMESTAMP, f"TIMESTAMP '{value}'", lambda _: value)
        raise self.error(node, "the number is too large")

    def name(self, node: Node, name: str) -> Term:
        if name not in self.scope:
            is_quoted = self.text[node.end - 1] == '"'
            hint = "; a text is written in single quotes" if is_quoted else ""
            known = ", ".join(sorted(self.scope)) or "none"
            raise self.error(node, f"unknown name {name!r}; known: {known}{hint}")
        found = self.scope[name]
        return Term(found.kind, found.sql, lambda values: values[name], frozenset({name}))

    def application(self, node: Node, key: str, nodes: Sequence[Node]) -> Term:
        if key not in FORMS:
            raise self.error(node, f"unknown function {key}; known: {', '.join(FUNCTIONS)}")
        terms = [self.term(argument) for argument in nodes]
        misfits: list[Misfit] = []
        for form in FORMS[key]:
            try:
                fitted = form.takes.fit(terms)
            except Misfit as error:
                misfits.append(error)
            else:
                return _apply(form, fitted)
        misfit = misfits[-1]
        at = node if misfit.index is None else nodes[misfit.index]
        if at.start == at.end:  # the value of an ELSE that is not written
            at = node
        raise self.error(at, str(misfit))


def _apply(form: Form, terms: Sequence[Term]) -> Term:
    sql = form.sql if isinstance(form.sql, str) else form.sql(len(terms))
    return Term(
        form.gives or terms[form.like].kind,
        "(" + sql.format(*(term.sql for term in terms)) + ")",
        _lazily(form, terms) if form.lazy else _eagerly(form, terms),
        frozenset[str]().union(*(term.uses for term in terms)),
    )


def _lazily(form: Form, terms: Sequence[Term]) -> Callable[[Values], Any]:
    return lambda values: form.run(*(partial(term.run, values) for term in terms))


def _eagerly(form: Form, terms: Sequence[Term]) -> Callable[[Values], Any]:
    function, is_strict = form.run, form.is_strict

    def run(values: Values) -> Any:
        arguments = [term.run(values) for term in terms]
        return None if is_strict and None in arguments else function(*arguments)

    return run
