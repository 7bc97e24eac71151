"""Secrets, hidden in every text that leaves the process: the values themselves, and what looks so.

Whatever reads a secret (settings, the address of a source, the key of the tokens) tells it here
once; every sink (log records, Dagster's history, the webhook, errors, streams) asks `redact`.
Values are known to the process as a whole, as the sinks are: a library's log record knows no lake.
"""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
SHORT = 4
"""Fewer characters are hidden only where an address or a `password=` shows what they are."""
LONG = 8
"""Fewer characters are hidden only as a word of their own: the password `lake` hides no lakehouse.
"""
_SECRET_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|signature|credential)"
    r"|(?:[\w.-]*[_.-])?(?:pass|auth|sig|code|api[_.-]?key|subscription[_.-]?key|access[_.-]?key"
    r"|private[_.-]?key|key))"
)
_VARIABLE = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|(?:API|SECRET|ACCESS|PRIVATE|PII)_?KEY)$",
    re.IGNORECASE,
)
_LIBPQ = re.compile(
    r"\b(?:ssl)?password\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'?|(?:\\.|[^\s\\])+)"
    r"(?P<rest>(?:\s+[^\s=]+(?![^\s]*\s*=))*)",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"[\w./:+-]*|[\d .:+-]*")
"""A name, a number or a time, as a program stores it to read it again."""
_NO_SECRETS = ("true", "false", "none", "null")
_ESCAPED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\a": "a", "\v": "v"}
_WORD = r"(?:(?!\\+[nrt])[^\s'\"<>])"
_PATTERNS = (
    # user:password@host, to the last @ of the word: passwords may hold one
    ("://", re.compile(rf"(://[^\s:/@'\"<>]*:){_WORD}+(?=@)"), rf"\1{HIDDEN}"),
    ("://", re.compile(r"(\bhttps?://)[^\s/:@?#'\"<>]+(?=@)"), rf"\1{HIDDEN}"),
    # libpq's, quoted or escaped
    (
        "password",
        re.compile(
            r"(\b(?:ssl)?password\s*=\s*\\*)('(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\&\"',;)])+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (
        "=",
        re.compile(rf"([?&;]{_SECRET_NAME}=)[^\s&;#'\"<>)\\]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (
        "authorization",
        re.compile(
            r"(\bauthorization\\*['\"]?\s*[:=]\s*\\*['\"]?\w+\s+)[^\s'\"\\]+", re.IGNORECASE
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redactor:
    """The secrets that are known, and the texts without them."""

    def __init__(self) -> None:
        self._known: dict[str, re.Pattern[str]] = {}

    def learn(self, value: str) -> None:
        """Hide `value` from now on, however it is quoted, escaped or encoded."""
        value = value.strip()
        if value == HIDDEN or value.lower() in _NO_SECRETS or value in self._known:
            return
        if len(value) >= SHORT:
            known = {**self._known, value: _spelt(value)}
            # the longest first: one secret may be a part of another
            self._known = dict(sorted(known.items(), key=lambda item: -len(item[0])))

    def learn_address(self, address: str) -> None:
        """Hide what is secret in an address: URL or libpq's words, also where it is malformed."""
        for value in _secrets_of_address(address):
            self.learn(value)

    def learn_webhook(self, address: str) -> None:
        """Hide all of an address but its host: who knows a webhook's path may post to it."""
        self.learn_address(address)
        if "://" not in address:
            return
        path = address.split("://", 1)[1].partition("/")[2]
        pieces = re.split(r"[/?&#;]", path)
        for value in (path, *pieces, *(piece.partition("=")[2] for piece in pieces)):
            if not _is_common(value):  # `services` is no token
                self.learn(value)
                self.learn(unquote_plus(value))

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        """Hide the secrets among environment variables: by name, or as part of an address."""
        for name, value in environment.items():
            if _VARIABLE.search(name):
                self.learn(value)
            elif name.upper().endswith("WEBHOOK_URL"):
                self.learn_webhook(value)
            elif "://" in value or "password" in value.lower():
                self.learn_address(value)

    def redact(self, text: str, *, words: bool = True) -> str:
        """`text` with every known secret, and what looks like one in an address, as `***`.

        Without `words`, a secret that is short or an ordinary word stays: for names, of which some
        program knows the spelling. Somebody's password is `customers`, or `2026`.
        """
        for value, pattern in self._known.items():
            if _core(value) in text and (words or not _is_common(value)):
                text = pattern.sub(HIDDEN, text)
        lower = text.lower()
        for mark, pattern, hidden in _PATTERNS:
            if mark in lower:  # most texts have none, and to look for it costs next to nothing
                text = pattern.sub(hidden, text)
        return text


REDACTOR = Redactor()
learn, learn_address = REDACTOR.learn, REDACTOR.learn_address
learn_environment, learn_webhook = REDACTOR.learn_environment, REDACTOR.learn_webhook
redact = REDACTOR.redact


def redact_all(value: Any) -> Any:
    """`value` with the texts in its mappings and sequences redacted; the rest stays as it is."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_all(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(one) for one in value]
    return value


def redact_document(text: str) -> str:
    """JSON as some program reads it again, with its names whole and its texts redacted."""
    clean = redact(text)
    if clean == text:
        return text
    try:
        document = json.loads(text)
    except ValueError:
        return _redact_value(text)
    return json.dumps(_redact_values(document))


def _redact_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _redact_values(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_redact_values(one) for one in value]
    return _redact_value(value) if isinstance(value, str) else value


def _redact_value(text: str) -> str:
    return redact(text, words=not _NAME.fullmatch(text))


def _secrets_of_address(address: str) -> list[str]:
    found: list[str] = []
    if "://" in address:
        scheme, rest = address.split("://", 1)
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        # an address that nobody encoded may have / or @ in its password: then up to the last @
        for part in {authority.rpartition("@")[0], rest.rpartition("@")[0]}:
            user, colon, password = part.partition(":")
            if colon:
                found += [password, unquote(password), *_pieces(password)]
                if len(password) >= SHORT:  # as the header of a request has it
                    pair = f"{unquote(user)}:{unquote(password)}"
                    found.append(base64.b64encode(pair.encode()).decode().rstrip("="))
            elif part and "/" not in part and scheme.endswith(("http", "https")):
                found += [part, unquote(part)]
        for query in re.findall(r"[?#&;]([^?#&;]*)", rest):
            name, _, value = query.partition("=")
            if re.fullmatch(_SECRET_NAME, name, re.IGNORECASE):
                found += [value, unquote_plus(value)]
    for match in _LIBPQ.finditer(address):
        value = match["value"]
        whole = (value + match["rest"]).strip()
        bare = value[1:].removesuffix("'") if value.startswith("'") else value
        # libpq's message about a value with an unquoted space shows the words behind it
        found += [value, bare, re.sub(r"\\(.)", r"\1", bare), whole, *match["rest"].split()]
    return found


def _pieces(password: str) -> list[str]:
    """What an error shows of an unencoded password whose `/`, `@`, `?` or `#` ended it early."""
    return [piece for piece in re.split(r"[/@?#:\s]", password) if piece]


def _is_common(value: str) -> bool:
    return len(value) < LONG or (value.isalpha() and value.islower())


@cache
def _core(value: str) -> str:
    """The longest run of letters and digits: nothing encodes it, and to look for it is cheap."""
    runs: list[str] = re.findall(r"[A-Za-z0-9]*", value)
    return max(runs, key=len)


def _spelt(value: str) -> re.Pattern[str]:
    """`value` with each character as it is, or as URLs, SQL, JSON, Python or HTML write it."""
    text = "".join(map(_spellings, value))
    if len(value) < LONG:
        # the n of a JSON text's \n belongs to no word
        text = rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{text})(?![A-Za-z0-9])"
    return re.compile(text)


def _spellings(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    octets = "".join(f"%(?:25)*{_hex(f'{octet:02x}')}" for octet in character.encode())
    forms = [rf"\\*{re.escape(character)}", octets]
    if character == " ":
        forms.append(r"\+")
    elif character == "'":
        forms.append("''")
    elif character in _ESCAPED:
        forms.append(rf"\\+{_ESCAPED[character]}")
    elif character == "\\":
        forms.append(r"\\+")
    if character.isspace():
        forms.append(r"\s+")
    named = {"&": "amp", "<": "lt", ">": "gt", '"': "quot"}
    if character in named:
        forms.append(f"&{named[character]};")
    forms += [f"&#0*{code};", f"&#[xX]0*{_hex(f'{code:x}')};"]
    units = character.encode("utf-16-be")
    pairs = zip(units[::2], units[1::2], strict=True)
    forms.append("".join(rf"\\+u{_hex(f'{high:02x}{low:02x}')}" for high, low in pairs))
    forms.append(rf"\\+U{_hex(f'{code:08x}')}")
    if code < 256:
        forms.append(rf"\\+x{_hex(f'{code:02x}')}")
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


def _hex(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
