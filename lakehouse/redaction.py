"""Redact secrets in every text that leaves the process: known values, and text that looks secret.

Whatever reads a secret (settings, a source's address, the tokenization key) registers it here once;
every sink (log records, Dagster's history, the webhook, errors, streams) calls `redact`. The values
apply to the whole process, as the sinks do: a library's log record has no reference to a lake.
"""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, unquote_plus

MASK = "***"
MIN_LENGTH = 4
"""Shorter values are hidden only where an address or a `password=` identifies them."""
MIN_SUBSTRING_LENGTH = 8
"""Shorter values are hidden only as a whole word: the password `lake` does not hide "lakehouse"."""
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
"""A name, a number or a time, stored by a program for its own use."""
_NO_SECRETS = ("true", "false", "none", "null")
_ESCAPED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\a": "a", "\v": "v"}
_WORD = r"(?:(?!\\+[nrt])[^\s'\"<>])"
_PATTERNS = (
    # user:password@host, to the last @ of the word: passwords may contain one
    ("://", re.compile(rf"(://[^\s:/@'\"<>]*:){_WORD}+(?=@)"), rf"\1{MASK}"),
    ("://", re.compile(r"(\bhttps?://)[^\s/:@?#'\"<>]+(?=@)"), rf"\1{MASK}"),
    # libpq's, quoted or escaped
    (
        "password",
        re.compile(
            r"(\b(?:ssl)?password\s*=\s*\\*)('(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\&\"',;)])+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        "=",
        re.compile(rf"([?&;]{_SECRET_NAME}=)[^\s&;#'\"<>)\\]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (
        "authorization",
        re.compile(
            r"(\bauthorization\\*['\"]?\s*[:=]\s*\\*['\"]?\w+\s+)[^\s'\"\\]+", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """The known secrets, and the redaction of texts."""

    def __init__(self) -> None:
        self._known: dict[str, re.Pattern[str]] = {}

    def register_secret(self, value: str) -> None:
        """Hide `value` from now on, in any quoting, escaping or encoding."""
        value = value.strip()
        if value == MASK or value.lower() in _NO_SECRETS or value in self._known:
            return
        if len(value) >= MIN_LENGTH:
            known = {**self._known, value: _secret_pattern(value)}
            # the longest first: one secret may be part of another
            self._known = dict(sorted(known.items(), key=lambda item: -len(item[0])))

    def register_address(self, address: str) -> None:
        """Hide the secrets in an address: a URL or libpq parameters, even if malformed."""
        for value in _secrets_of_address(address):
            self.register_secret(value)

    def register_webhook(self, address: str) -> None:
        """Hide all of an address except its host: a webhook's path alone authorizes posting."""
        self.register_address(address)
        if "://" not in address:
            return
        path = address.split("://", 1)[1].partition("/")[2]
        pieces = re.split(r"[/?&#;]", path)
        for value in (path, *pieces, *(piece.partition("=")[2] for piece in pieces)):
            if not _is_common(value):  # `services` is not a token
                self.register_secret(value)
                self.register_secret(unquote_plus(value))

    def register_environment(self, environment: Mapping[str, str]) -> None:
        """Hide the secrets in environment variables: by name, or as part of an address."""
        for name, value in environment.items():
            if _VARIABLE.search(name):
                self.register_secret(value)
            elif name.upper().endswith("WEBHOOK_URL"):
                self.register_webhook(value)
            elif "://" in value or "password" in value.lower():
                self.register_address(value)

    def redact(self, text: str, *, common: bool = True) -> str:
        """Replace every known secret in `text`, and what looks like one in an address, with `***`.

        Without `common`, a secret that is short or an ordinary word stays: for names that some
        program depends on. A real password can be `customers`, or `2026`.
        """
        for value, pattern in self._known.items():
            if _core(value) in text and (common or not _is_common(value)):
                text = pattern.sub(MASK, text)
        lower = text.lower()
        for mark, pattern, hidden in _PATTERNS:
            if mark in lower:  # most texts contain no mark, and the check costs little
                text = pattern.sub(hidden, text)
        return text


REDACTOR = Redactor()
register_secret, register_address = REDACTOR.register_secret, REDACTOR.register_address
register_environment, register_webhook = REDACTOR.register_environment, REDACTOR.register_webhook
redact = REDACTOR.redact


def redact_all(value: Any) -> Any:
    """`value` with the texts in its mappings and sequences redacted; the rest is unchanged."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_all(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(one) for one in value]
    return value


def redact_document(text: str) -> str:
    """Redact the texts of a JSON document but not its names, so that programs can still read it."""
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
    return redact(text, common=not _NAME.fullmatch(text))


def _secrets_of_address(address: str) -> list[str]:
    found: list[str] = []
    if "://" in address:
        scheme, rest = address.split("://", 1)
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        # an unencoded password may contain / or @: then up to the last @
        for part in {authority.rpartition("@")[0], rest.rpartition("@")[0]}:
            user, colon, password = part.partition(":")
            if colon:
                found += [password, unquote(password), *_pieces(password)]
                if len(password) >= MIN_LENGTH:  # as in an HTTP header
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
        # libpq's message about a value with an unquoted space quotes the words after it
        found += [value, bare, re.sub(r"\\(.)", r"\1", bare), whole, *match["rest"].split()]
    return found


def _pieces(password: str) -> list[str]:
    """What an error shows of an unencoded password if its `/`, `@`, `?` or `#` ended it early."""
    return [piece for piece in re.split(r"[/@?#:\s]", password) if piece]


def _is_common(value: str) -> bool:
    return len(value) < MIN_SUBSTRING_LENGTH or (value.isalpha() and value.islower())


@cache
def _core(value: str) -> str:
    """The longest run of letters and digits: no encoding changes it, and its search is cheap."""
    runs: list[str] = re.findall(r"[A-Za-z0-9]*", value)
    return max(runs, key=len)


def _secret_pattern(value: str) -> re.Pattern[str]:
    """`value` with each character literal, or as URLs, SQL, JSON, Python or HTML encode it."""
    text = "".join(map(_character_pattern, value))
    if len(value) < MIN_SUBSTRING_LENGTH:
        # the n of \n in a JSON text is not part of a word
        text = rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{text})(?![A-Za-z0-9])"
    return re.compile(text)


def _character_pattern(character: str) -> str:
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
