"""Signed user events (docs/reference/signatures.md): who wrote this, for which call, when, and not twice.

An HMAC-SHA256 over the event's name, its channel, a time, a nonce and the variables in the canonical JSON of RFC 8785,
which survives Asterisk's own reading and writing. Both sides use this module: the app checks, the SDK signs.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from time import time
from typing import Any, Literal

from ari_app.errors import RequestRefused

KEY = "signature"
VERSION = 1
TOLERANCE = 30
"Seconds a signature may be older or newer than our clock."
LARGEST = 65_536
"Bytes of canonical JSON that are checked."
MOST_NONCES = 100_000
"Nonces remembered; where there are more within a minute, signed events are refused until there is room."
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MAC = re.compile(r"[0-9a-f]{64}")
_SAFE_INTEGER = 2**53

Demand = Literal["none", "optional", "required"]


def signed(
    event: str, channel: str, variables: Mapping[str, Any], secret: bytes, now: float, nonce: str | None = None
) -> dict[str, Any]:
    """The variables with their signature."""
    bare = {key: value for key, value in variables.items() if key != KEY}
    timestamp, nonce = int(now), nonce or token_hex(16)
    made = mac(event, channel, timestamp, nonce, canonical(bare), secret)
    return bare | {KEY: {"v": VERSION, "timestamp": timestamp, "nonce": nonce, "mac": made}}


def mac(event: str, channel: str, timestamp: int, nonce: str, body: bytes, secret: bytes) -> str:
    head = "\n".join((f"v{VERSION}", event, channel, str(timestamp), nonce, ""))
    return hmac.new(secret, head.encode() + body, "sha256").hexdigest()


def canonical(value: Any) -> bytes:
    """RFC 8785. Raises ValueError for what JSON can't say, and RecursionError for what is too deep."""
    return _text(value).encode()


def _text(value: Any) -> str:
    match value:
        case dict():
            # the order of UTF-16 code units
            pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
            return "{" + ",".join(f"{_text(key)}:{_text(each)}" for key, each in pairs) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_text, value)) + "]"
        case bool() | None | str():
            return json.dumps(value, ensure_ascii=False)
        case int() if abs(value) <= _SAFE_INTEGER:
            return str(value)
        case int() | float():
            return _number(float(value))
    raise ValueError(f"{type(value).__name__} is no JSON")


def _number(value: float) -> str:
    """As ECMAScript writes it; Python finds the same shortest digits and sets them differently."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("NaN and infinity are no JSON")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, power = f"{abs(value)!r}".partition("e")
    whole, _, rest = mantissa.partition(".")
    rest = "" if rest == "0" else rest
    digits = (whole + rest).lstrip("0")
    point = len(digits) - len(rest) + int(power or 0)
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """`digits` with the decimal point behind the first `point` of them (ECMA-262, Number::toString)."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{digits[0]}.{digits[1:]}{exponent}" if digits[1:] else digits[0] + exponent


@dataclass(frozen=True)
class Signer:
    """What the settings say about one agent's user events."""

    demand: Demand = "none"
    secrets: Sequence[bytes] = ()
    "Each of them signs."


class Seals:
    """Checks signatures, and remembers which have been used. One for all calls of this life of the app."""

    def __init__(self, signers: Mapping[str | None, Signer], wall: Callable[[], float] = time) -> None:
        """`signers`: of each agent, and under None of calls without one. `wall`: the time of day, as it is set now."""
        self._signers = signers
        self._wall = wall
        self._started = wall()
        self._used: set[str] = set()
        self._by_age: deque[tuple[float, str]] = deque()

    def opened(
        self,
        event: str,
        variables: Mapping[str, Any],
        *,
        agent: str | None,
        channel: str,
        recalled: bool = False,
    ) -> Mapping[str, Any]:
        """The variables without their signature, which was good if one is wanted. Raises RequestRefused.

        `recalled`: the call is older than this life of the app, and what was signed before it may have been used."""
        signer = self._signers.get(agent) or self._signers.get(None) or Signer()
        if KEY not in variables:
            if signer.demand == "required":
                raise RequestRefused("is missing, and the settings require one", key=KEY, status=403)
            return variables
        bare = {key: value for key, value in variables.items() if key != KEY}
        if signer.demand != "none":
            given = _read(variables[KEY])
            self._compare(given, signer, event, channel, bare)
            self._check_time(given.timestamp, recalled)
            self._use(f"{channel} {given.nonce}")
        return bare

    def _compare(self, given: _Signature, signer: Signer, event: str, channel: str, bare: Mapping[str, Any]) -> None:
        body = _body(bare)
        wanted = (mac(event, channel, given.timestamp, given.nonce, body, secret) for secret in signer.secrets)
        # every one is compared, so that the time tells nothing
        if not sum(hmac.compare_digest(given.mac, each) for each in wanted):
            raise RequestRefused("is not that of this event, this channel and this agent", key=KEY, status=403)

    def _check_time(self, timestamp: int, recalled: bool) -> None:
        off = self._wall() - timestamp
        if abs(off) > TOLERANCE:
            raise RequestRefused(f"is not of now: its time is {off:+.0f} s off", key=KEY, status=403)
        if recalled and timestamp <= self._started:
            raise RequestRefused("is older than this life of the app; sign it anew", key=KEY, status=403)

    def _use(self, name: str) -> None:
        now = self._wall()
        while self._by_age and self._by_age[0][0] < now:
            self._used.discard(self._by_age.popleft()[1])
        if name in self._used:
            raise RequestRefused("has been used", key=KEY, status=403)
        if len(self._used) >= MOST_NONCES:
            raise RequestRefused("can't be checked now: too many within a minute", key=KEY, status=503)
        self._used.add(name)
        # by then it is too old to be accepted, however early it came
        self._by_age.append((now + 2 * TOLERANCE + 1, name))


@dataclass(frozen=True)
class _Signature:
    timestamp: int
    nonce: str
    mac: str


def _read(given: Any) -> _Signature:
    """A dialplan can say it as JSON text only."""
    if isinstance(given, str) and len(given) < 1_000:
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    match given:
        case {"v": 1, "timestamp": int() as timestamp, "nonce": str() as nonce, "mac": str() as made} if (
            len(given) == 4
            and not isinstance(timestamp, bool)
            and abs(timestamp) < _SAFE_INTEGER
            and _NONCE.fullmatch(nonce)
            and _MAC.fullmatch(made)
        ):
            return _Signature(timestamp, nonce, made)
    raise RequestRefused("is not {v: 1, timestamp, nonce, mac}", key=KEY, status=403)


def _body(bare: Mapping[str, Any]) -> bytes:
    try:
        body = canonical(dict(bare))
    except (ValueError, RecursionError):
        raise RequestRefused("covers what RFC 8785 can't say", key=KEY) from None
    if len(body) > LARGEST:
        raise RequestRefused(f"covers more than {LARGEST} bytes", key=KEY, status=413)
    return body
