"""Events as JSON, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ari_app.errors import JournalError
from ari_app.transfer.events import EVENTS, Event


def load_all() -> None:
    """The first of its kind would cost a call milliseconds."""
    for name in EVENTS:
        _codec(name)


@cache
def _codec(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENTS[name])


def encode(event: Event) -> str:
    """The event as JSON; `decode` gives back an equal one, but for lone surrogates, which become question marks."""
    try:
        return _codec(type(event).__name__).dump_json(event).decode()
    except PydanticSerializationError:
        return json.dumps(asdict(event), ensure_ascii=False).encode(errors="replace").decode()


def decode(name: str, text: str) -> Event:
    """Raises JournalError for an event this version does not know."""
    if name not in EVENTS:
        raise JournalError(f"the journal has an event {name!r} that this version does not know")
    try:
        return _codec(name).validate_json(text)
    except ValidationError as error:
        raise JournalError(f"the journal's {name} can't be read: {error.error_count()} fields do not fit") from None
