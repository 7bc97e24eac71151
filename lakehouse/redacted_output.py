"""Redact everything that a process writes: log records, tracebacks, prints.

`guard_process` is for programs (the command, Dagster's processes, a manual dbt run), not for
scripts that only import the package.
"""

import io
import logging
import os
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

from lakehouse.redaction import redact, register_environment


def guard_process() -> None:
    """Redact every log record and every traceback of this process from now on; idempotent."""
    register_environment(os.environ)
    logging.setLogRecordFactory(RedactedRecord)
    # a program with its own hook formats its own errors
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _print_error
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _print_thread_error


class RedactedRecord(logging.LogRecord):
    """A log record whose message, arguments and traceback contain no secret in any formatter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.msg, str):
            self.msg = redact(self.msg)
        if isinstance(self.args, tuple):
            self.args = tuple(map(_clean, self.args))
        elif self.args:
            self.args = {name: _clean(value) for name, value in self.args.items()}
        if isinstance(self.exc_info, tuple) and self.exc_info[0]:
            text = "".join(traceback.format_exception(*self.exc_info)).rstrip()
            if (clean := redact(text)) != text:
                # formatters use this text; some would format the error again
                self.exc_text, self.exc_info = clean, None

    def getMessage(self) -> str:  # noqa: N802
        """The message; Dagster changes it after it has created the record."""
        return redact(super().getMessage())


class RedactedStream(io.TextIOBase):
    """A text stream that redacts what is written to another one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the redacted text; return how many characters of the original were written."""
        self._stream.write(redact(text))
        return len(text)

    def flush(self) -> None:
        """Flush the underlying stream, unless it was closed first."""
        if not self._stream.closed:  # Python flushes a stream that it no longer needs
            self._stream.flush()

    def writable(self) -> bool:
        """Always True."""
        return True


def _clean(value: Any) -> Any:
    """An argument of a log record: redacted text, or an object whose text contains no secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bool | int | float | None):
        return value
    try:
        text = str(value)
    except Exception:  # the formatter will raise it again, and logging reports it
        return value
    return value if redact(text) == text else redact(text)


def _print_error(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
        return
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, frames))))


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread else "a thread"
    text = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
    sys.stderr.write(redact(f"Exception in thread {name}:\n{''.join(text)}"))
