"""What the supervisor's INVITE says about the call, for the screen of whoever is rung. Pure encoding.

A rule's `context` decides: `x-headers` are lines to read, `user-to-user` is RFC 7433 with JSON in hex. Both are
bounded, and nothing in them can end a header or begin another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from ari_app.transfer.model import Route

FIELDS = ("who", "problem", "tried", "decision", "mood", "language")
"What is known about a call, the most useful first."
LINE_BYTES = 200
"Of one text, encoded."
JSON_BYTES = 512
"Of all texts in a `User-to-User`, before they become hex."
PLAIN = " !'()*+-./:?@_~"
"""What stays readable besides letters and digits: no comma or semicolon, at which a reader may split a header, nothing
that quotes or expands, and no percent sign, which begins what is encoded (RFC 3986, section 2.1)."""


def headers(
    route: Route, facts: Mapping[str, str], *, reason: str | None, call_id: str, transfer_id: str
) -> dict[str, str]:
    """All headers of the INVITE by name; what the request names itself wins, in whatever case it is spelt."""
    own = dict(route.headers)
    taken = {name.lower() for name in own}
    about = _about(route.context, facts, reason, call_id, transfer_id)
    return {name: value for name, value in about.items() if name.lower() not in taken} | own


def _about(
    context: str, facts: Mapping[str, str], reason: str | None, call_id: str, transfer_id: str
) -> dict[str, str]:
    if context == "x-headers":
        ids = {"X-WT-Call-ID": call_id, "X-WT-Transfer-ID": transfer_id}
        return {f"X-WT-{name.title()}": line for name in FIELDS if (line := encoded(facts.get(name, "")))} | ids
    if context == "user-to-user":
        value = user_to_user({"reason": reason or "", **{name: facts.get(name, "") for name in FIELDS}})
        return {"User-to-User": value} if value else {}
    return {}


def encoded(text: str) -> str:
    """One line of printable ASCII that `urllib.parse.unquote` reads; cut between two characters, never within one."""
    line = ""
    for char in _one_line(text):
        piece = quote(char, safe=PLAIN)
        if len(line) + len(piece) > LINE_BYTES:
            break
        line += piece
    return line.rstrip()


def user_to_user(texts: Mapping[str, str]) -> str:
    """The texts as RFC 7433 carries them, without the last ones when there is no room; empty when there are none.

    The purpose is our own: without one the data would be of an ISDN (RFC 7433, section 4.1)."""
    known = {name: cut for name, text in texts.items() if (cut := _short(text))}
    while len(data := _json(known)) > JSON_BYTES:
        known.popitem()
    return f"{data.hex()};encoding=hex;purpose=warm-transfer" if known else ""


def _json(texts: Mapping[str, str]) -> bytes:
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()


def _short(text: str) -> str:
    return _one_line(text).encode()[:LINE_BYTES].decode(errors="ignore")


def _one_line(text: str) -> str:
    """Line ends, controls and half surrogate pairs become spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
