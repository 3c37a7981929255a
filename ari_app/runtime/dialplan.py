"""User events of a dialplan or an AGI script: `UserEvent(WarmTransferRequest,sip_call_to:2001,…)`.

Asterisk makes every value a text and keeps the spelling of the keys, spaces and all. Here such an event becomes what
an ARI user event says; other events are passed on as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ari_app.errors import RequestRefused

REQUEST = "WarmTransferRequest"
TRANSCRIPT = "WarmTransferTranscript"
OF_DESTINATION = {
    "destination_to": "sip_call_to",
    "sip_call_to": "sip_call_to",
    "routing_rule_id": "routing_rule_id",
    "sip_call_from": "sip_call_from",
    "participant_display_name": "participant_display_name",
    "headers": "headers",
}
"Flat key → key of a destination."
OF_MESSAGE = ("role", "content", "name")
JSON_KEYS = ("destination", "destinations", "headers", "chat_history", "metadata", "turns", "dispositions")
"What only JSON can say."


def unfolded(event: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises RequestRefused, naming the key."""
    if not all(isinstance(value, str) for value in variables.values()):
        return variables
    given = {_key(key): _value(_key(key), text) for key, text in variables.items() if text.strip()}
    if event == REQUEST:
        return _with_destination(given)
    return _with_turn(given) if event == TRANSCRIPT else given


def _key(key: str) -> str:
    return key.strip().lower().replace("-", "_")


def _value(key: str, text: str) -> Any:
    if key not in JSON_KEYS:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RequestRefused("is no JSON; in a dialplan write ${QUOTE(${…})} around it", key=key) from None


def _with_destination(given: dict[str, Any]) -> dict[str, Any]:
    flat = [key for key in OF_DESTINATION if key in given]
    if not flat:
        return given
    if "destination" in given or "destinations" in given:
        raise RequestRefused("give destination, destinations, or the keys of one", key=flat[0])
    destination: dict[str, Any] = {}
    for key in flat:
        name = OF_DESTINATION[key]
        if name in destination:
            raise RequestRefused(f"is another word for {name}; give one of them", key=key)
        destination[name] = given.pop(key)
    return given | {"destination": destination}


def _with_turn(given: dict[str, Any]) -> dict[str, Any]:
    message = {key: given.pop(key) for key in OF_MESSAGE if key in given}
    if message and "turns" in given:
        raise RequestRefused("give turns, or role and content of one", key="turns")
    return given | {"turns": [message]} if message else given
