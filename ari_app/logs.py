"""Logging: one line per event on stderr, JSON unless somebody watches; nobody's numbers, words or secrets in it.

Redaction is the last step before the line is written, so that it sees tracebacks and other libraries' lines as well.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TextIO, cast

import structlog

HIDDEN = "•••"
LIBRARIES = (
    *("aioari", "aiohttp", "aiosqlite", "anthropic", "asyncio", "cartesia", "deepgram", "elevenlabs", "httpcore"),
    *("httpcore2", "httpx", "httpx2", "openai", "sqlalchemy", "urllib3", "uvicorn", "websockets"),
)
"They log what people said and who called at INFO or DEBUG; only their warnings are kept."

_PHONE = re.compile(
    r"""(?<![\w.])(?:
        \+\d(?:[ ().-]{0,2}\d){6,14}                             # +1 (415) 555-0123
        | (?<!-)\d{7,15}(?!\w|\.\d|-[0-9a-f]{4}-)                # 14155550123, but no channel id and no UUID
        | (?:\(\d{3}\)[ ]?|\d{3}[ -])\d{3}[ -]\d{4}(?![\w-])     # (415) 555-0123
    )""",
    re.VERBOSE,
)
_SECRET_TEXT = re.compile(
    r"""(?ix)
    (\b(?:bearer|basic)\s+ | [?&](?:api_key|key|token|password)=)[^&\s"']+   # headers, queries
    | (://[^/@\s:]*:)[^/@\s]+(?=@)                                          # https://user:password@host
    | (;ext=)[0-9*\#A-D]+                                                   # the rest of a phone number
    """
)
_SECRET_KEY = re.compile(r"(?i)password|passwd|secret|token|authorization|api_?key|credential")
_SPOKEN_KEYS = frozenset({"chat_history", "content", "conversation", "summary", "transcript", "turns", "heard", "said"})


def mask_number(number: str) -> str:
    """At most the first two and the last two digits: +14155550123 → +14•••23."""
    digits = re.sub(r"\D", "", number)
    plus = "+" if number.startswith("+") else ""
    return f"{plus}{digits[:2]}{HIDDEN}{digits[-2:]}"


def redact(text: str) -> str:
    """The text without phone numbers and secrets; channel ids, UUIDs and our own ids stay as they are."""
    return _PHONE.sub(lambda found: mask_number(found.group()), _SECRET_TEXT.sub(rf"\1\2\3{HIDDEN}", text))


@dataclass(frozen=True, repr=False)
class Private:
    """Text that prints redacted wherever it is printed; `.text` is the thing itself."""

    text: str

    def __repr__(self) -> str:
        return redact(self.text)

    __str__ = __repr__


class Redaction:
    """The structlog processor; `spoken` lets conversations through, numbers and secrets never."""

    def __init__(self, *, spoken: bool) -> None:
        self._spoken = spoken

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {
            key: value if key in ("timestamp", "level") else self._clean(key, value) for key, value in event.items()
        }

    def _clean(self, key: str, value: Any) -> Any:
        if isinstance(value, bool | int | float | None):
            return value
        if _SECRET_KEY.search(key) or (key in _SPOKEN_KEYS and not self._spoken):
            return HIDDEN
        if isinstance(value, Mapping):
            return {redact(str(inner)): self._clean(str(inner), value[inner]) for inner in value}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(key, part) for part in value]
        return redact(value if isinstance(value, str) else repr(value))


class _Stderr:
    """Today's stderr. A log that can't be written (full disk, closed pipe) must not end a call."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


class _Forward(logging.Handler):
    """The standard library's loggers speak through ours."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger().bind(logger=record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure(level: str) -> None:
    """Sets up structlog and the standard library's logging, once per process; `level` as in the settings."""
    number = logging.getLevelNamesMapping()[level.upper()]
    on_console = sys.stderr.isatty()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Redaction(spoken=number <= logging.DEBUG),
            plain if on_console else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=number, force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
