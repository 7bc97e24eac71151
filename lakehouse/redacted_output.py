"""What a process writes without asking anybody: log records, tracebacks, prints. Without secrets.

`guard_process` is for programs (the command, Dagster's processes, dbt typed by hand), not for
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

from lakehouse.redaction import learn_environment, redact


def guard_process() -> None:
    """Redact every log record and every traceback of this process from now on; may be repeated."""
    learn_environment(os.environ)
    logging.setLogRecordFactory(RedactedRecord)
    # whoever has put another one there shows errors of his own
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _show_of_thread


class RedactedRecord(logging.LogRecord):
    """A log record whose message, arguments and traceback hold no secret, whoever formats it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.msg, str):
            self.msg = redact(self.msg)
        if isinstance(self.args, tuple):
            self.args = tuple(map(_clean, self.args))
        elif self.args:
            self.args = {name: _clean(value) for name, value in self.args.items()}
        if isinstance(self.exc_info, tuple) and self.exc_info[0]:
            told = "".join(traceback.format_exception(*self.exc_info)).rstrip()
            if (clean := redact(told)) != told:
                # formatters take the text, and some would format the error again
                self.exc_text, self.exc_info = clean, None

    def getMessage(self) -> str:  # noqa: N802
        """The message; Dagster changes it after the record was made."""
        return redact(super().getMessage())


class RedactedStream(io.TextIOBase):
    """A text stream that hides secrets in what is written to another one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the redacted text; how many characters of the original were taken."""
        self._stream.write(redact(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def writable(self) -> bool:
        """Always."""
        return True


def _clean(value: Any) -> Any:
    """An argument of a log record: text redacted, an object kept unless its text holds a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bool | int | float | None):
        return value
    try:
        text = str(value)
    except Exception:  # who formats the record meets it again, and logging tells of it
        return value
    return value if redact(text) == text else redact(text)


def _show(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
        return
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, frames))))


def _show_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread else "a thread"
    told = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
    sys.stderr.write(redact(f"Exception in thread {name}:\n{''.join(told)}"))
