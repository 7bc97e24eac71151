"""Parses an expression to a tree of constants, names and forms, with SQL's precedence.

Loosest first: `or`; `and`; `not`; `is`; comparisons; `in` and `between`; `+` and `-`; `*` and `/`;
the sign. Spellings of an earlier release are read too, so that stored declarations stay valid:
`a if c else b` for `case`, `None` for NULL.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lakehouse.features.expressions.terms import FeatureError
from lakehouse.features.expressions.tokens import Token, error_at, tokens


@dataclass(frozen=True)
class Node:
    """A part of an expression: `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class Constant(Node):
    """A number, a text, a time (UTC, naive), TRUE, FALSE, or NULL (`None`)."""

    value: bool | int | float | str | datetime | None


@dataclass(frozen=True)
class Reference(Node):
    """A name; `row.x` is one name."""

    name: str


@dataclass(frozen=True)
class Application(Node):
    """An operator or a function, by its key in `FORMS`, and what it is applied to.

    `case` has condition, value, ..., and the value of ELSE last; `case x` has x before them.
    """

    form: str
    arguments: tuple[Node, ...]


_OR, _AND, _NOT, _IS, _COMPARISON, _RANGE, _SUM, _PRODUCT, _SIGN = range(1, 10)
_BINARY = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "=", "<>", "==", "!="), _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/", _PRODUCT),
}
_SYNONYMS = {"==": "=", "!=": "<>"}
KEYWORDS = frozenset(
    {
        *("and", "or", "not", "is", "null", "in", "between", "true", "false"),
        *("case", "when", "then", "else", "end"),
    }
)
"""Words that are names only in double quotes."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        FeatureError: with the place and what was expected there.
    """
    try:
        return _Parser(text).whole()
    except RecursionError:
        raise FeatureError(f"expression {text[:40]!r}... is nested too deeply") from None


def names_in(text: str) -> list[str]:
    """The names that an expression mentions, `row.x` as one name; in order, without repeats."""
    found: dict[str, None] = {}
    pending = [parse(text)]
    while pending:
        node = pending.pop()
        if isinstance(node, Reference):
            found[node.name] = None
        elif isinstance(node, Application):
            pending.extend(reversed(node.arguments))
    return list(found)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
        self.position = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def advance(self) -> Token:
        token = self.next
        self.position += token.type != "end"
        return token

    def take(self, *words: str) -> bool:
        """Whether the next tokens are these; if so they are passed."""
        following = self.tokens[self.position : self.position + len(words)]
        if tuple(token.word for token in following) != words:
            return False
        self.position += len(words)
        return True

    def expect(self, word: str, purpose: str) -> None:
        if not self.take(word):
            raise self.error(f"`{word}` is expected here {purpose}")

    def error(self, message: str) -> FeatureError:
        """An error at the next token."""
        token = self.next
        if token.type == "end":
            message = f"the expression ends too early; {message}"
        return error_at(self.text, token.start, token.end, message)

    def apply(self, start: int, form: str, *arguments: Node) -> Node:
        return Application(start, self.tokens[self.position - 1].end, form, arguments)

    def whole(self) -> Node:
        node = self.conditional()
        if self.next.type != "end":
            raise self.error("an operator or the end of the expression is expected here")
        return node

    def conditional(self) -> Node:
        """An expression, or `a if c else b` of an earlier release."""
        value = self.expression(_OR)
        if not self.take("if"):
            return value
        condition = self.expression(_OR)
        self.expect("else", "(`a if c else b`)")
        return self.apply(value.start, "case", condition, value, self.conditional())

    def expression(self, lowest: int) -> Node:
        """Everything that binds at least as tightly as `lowest`."""
        left = self.operand()
        while True:
            # nothing comes between `left` and an operator of a level that it may not continue
            start, word = left.start, self.next.word
            negated = word == "not" and self.tokens[self.position + 1].word in ("in", "between")
            level = _RANGE if negated or word in ("in", "between") else _BINARY.get(word, 0)
            level = _IS if word == "is" else level
            if not level or level < lowest:
                return left
            self.advance()
            if level == _IS:
                left = self.null_test(start, left)
            elif level == _RANGE:
                left = self.range(start, left, "not " if negated else "")
            else:
                right = self.expression(level + 1)
                left = self.apply(start, _SYNONYMS.get(word, word), left, right)
                if level == _COMPARISON and _BINARY.get(self.next.word) == _COMPARISON:
                    raise self.error("comparisons are not chained; join two of them with `and`")

    def null_test(self, start: int, operand: Node) -> Node:
        negated = "not " if self.take("not") else ""
        if not (self.take("null") or self.take("none")):
            raise self.error("`is` is followed by `null` or `not null`")
        return self.apply(start, f"is {negated}null", operand)

    def range(self, start: int, operand: Node, negated: str) -> Node:
        word = self.advance().word if negated else self.tokens[self.position - 1].word
        if word == "in":
            self.expect("(", "(`x in (1, 2)`)")
            return self.apply(start, f"{negated}in", operand, *self.list())
        low = self.expression(_SUM)
        self.expect("and", "(`x between 1 and 9`)")
        return self.apply(start, f"{negated}between", operand, low, self.expression(_SUM))

    def list(self) -> list[Node]:
        """Expressions up to the closing parenthesis, at least one."""
        items = [self.conditional()]
        while self.take(","):
            items.append(self.conditional())
        self.expect(")", "after the last value")
        return items

    def operand(self) -> Node:
        token = self.advance()
        match token.type, token.word:
            case "number", _:
                return Constant(token.start, token.end, self.number(token))
            case "text", _:
                value = token.text[1:-1].replace("''", "'")
                return Constant(token.start, token.end, value)
            case "symbol", "(":
                inner = self.conditional()
                self.expect(")", "after an expression in parentheses")
                return inner
            case "symbol", "-":
                return self.negative(token.start)
            case "word", "null" | "true" | "false":
                known = {"null": None, "true": True, "false": False}
                return Constant(token.start, token.end, known[token.word])
            case "word", "not":
                return self.apply(token.start, "not", self.expression(_NOT))
            case "word", "case":
                return self.case(token.start)
            case (("word" | "quoted"), word) if word not in KEYWORDS:
                return self.named(token)
        self.position -= token.type != "end"
        is_keyword = token.word in KEYWORDS
        hint = "; a name that is a keyword is written in double quotes" if is_keyword else ""
        raise self.error(f"a value, a name or a function is expected here{hint}")

    def negative(self, start: int) -> Node:
        """The sign belongs to a number; elsewhere it is an operator."""
        if self.next.type == "number":
            token = self.advance()
            return Constant(start, token.end, -self.number(token))
        return self.apply(start, "negative", self.expression(_SIGN))

    def number(self, token: Token) -> int | float:
        try:
            is_integer = token.text.replace("_", "").isdecimal()
            return int(token.text) if is_integer else float(token.text)
        except ValueError as error:  # an underscore at the end, or thousands of digits
            raise error_at(
                self.text, token.start, token.end, f"this is not a valid number ({error})"
            ) from None

    def named(self, token: Token) -> Node:
        if token.text == "None":
            return Constant(token.start, token.end, None)
        if token.type == "word" and self.take("("):
            arguments = () if self.take(")") else self.list()
            return self.apply(token.start, f"{token.word}()", *arguments)
        if token.word == "timestamp" and self.next.type == "text":
            return self.time(token.start)
        name = _name(token)
        while self.take("."):
            if self.next.type not in ("word", "quoted"):
                raise self.error("a name is expected after the dot")
            name += "." + _name(self.advance())
        return Reference(token.start, self.tokens[self.position - 1].end, name)

    def time(self, start: int) -> Node:
        token = self.advance()
        try:
            value = datetime.fromisoformat(token.text[1:-1])
        except ValueError:
            value = None
        if value is None or value.tzinfo is not None:
            message = "a time is written '2026-05-31' or '2026-05-31 14:30:00', in UTC without zone"
            raise error_at(self.text, token.start, token.end, message)
        return Constant(start, token.end, value)

    def case(self, start: int) -> Node:
        operand = () if self.next.word == "when" else (self.conditional(),)
        branches: list[Node] = []
        while self.take("when"):
            branches.append(self.conditional())
            self.expect("then", "after the condition of `when`")
            branches.append(self.conditional())
        if not branches:
            raise self.error("`when` is expected here (`case when c then a else b end`)")
        at = self.next.start
        branches.append(self.conditional() if self.take("else") else Constant(at, at, None))
        self.expect("end", "at the end of `case`")
        return self.apply(start, "case x" if operand else "case", *operand, *branches)


def _name(token: Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.type == "quoted" else token.text
