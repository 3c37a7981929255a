"""Who may be dialed, as whom: default deny. A destination becomes a `Route` only if its rule allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ari_app.transfer import digits
from ari_app.transfer.model import Route

DIALABLE = re.compile(r"\+?[A-Za-z0-9*#._-]{1,64}")
"No character that could end a number and begin a dial string: `&`, `/`, `,`, `@`, `|`, controls."


class NotAllowed(Exception):
    """Policy refuses a destination. `key` names what is wrong in the request."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


@dataclass(frozen=True)
class Rule:
    """One routing rule of the settings."""

    name: str
    endpoint: str
    callers: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    ring_timeout: float = 25.0
    max_concurrent: int = 10
    context: str = "none"
    "What the INVITE says about the call."
    keys_reach_caller: bool = False
    connected_line: bool = False
    "After the join the supervisor's phone shows the caller."
    refer: bool = False
    "Whether a REFER may ask for its destinations, and who answers there may send the caller on by one."
    present: str = "fixed"
    "Whose number the supervisor sees: `fixed`, one of ours, or `caller`, the caller's own."
    moh_class: str | None = None
    "Music of callers who wait for this rule's supervisors."
    dispositions: tuple[tuple[str, str], ...] = ()
    "Outcome → what becomes of a caller whom this rule's supervisors did not take."
    recall_within: float = 0.0
    "Seconds."
    digits_after_answer: str = ""
    "What an auto attendant wants; see digits.py."


@dataclass(frozen=True)
class Wanted:
    """A destination as the request names it."""

    rule: str
    to: str
    caller: str | None = None
    display_name: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    own: str = ""
    "The caller's own number; empty when it is withheld or not known."


def route(wanted: Wanted, rules: Mapping[str, Rule]) -> Route:
    """Raises NotAllowed."""
    rule = rules.get(wanted.rule)
    if rule is None:
        raise NotAllowed("routing_rule_id", f"no rule {wanted.rule!r}; add [routing_rules.{wanted.rule}]")
    number, extension = digits.split(wanted.to)
    _check_number("sip_call_to", number)
    _check_extension(rule, wanted.to, extension)
    if not any(matches(pattern, number) for pattern in rule.destinations):
        raise NotAllowed("sip_call_to", f"rule {rule.name} does not allow this destination")
    usual = wanted.own if rule.present == "caller" else next(iter(rule.callers), "")
    caller = wanted.caller or usual
    if wanted.caller is not None:
        _check_number("sip_call_from", wanted.caller)
        if wanted.caller not in rule.callers:
            raise NotAllowed("sip_call_from", f"rule {rule.name} does not allow this caller id")
    return Route(
        rule=rule.name,
        endpoint=rule.endpoint.replace("{to}", number),
        sip_call_to=wanted.to,
        sip_call_from=caller,
        display_name=wanted.display_name,
        headers=tuple(wanted.headers),
        ring_timeout=rule.ring_timeout,
        context=rule.context,
        keys_reach_caller=rule.keys_reach_caller,
        connected_line=rule.connected_line,
        dispositions=rule.dispositions,
        recall_within=rule.recall_within,
        refers=rule.refer and is_sip(rule.endpoint),
        digits=digits.filled(rule.digits_after_answer, extension),
    )


def _check_number(key: str, number: str) -> None:
    if not DIALABLE.fullmatch(number):
        raise NotAllowed(key, "only digits, letters, + * # . _ - are allowed")


def _check_extension(rule: Rule, to: str, extension: str) -> None:
    """A rule that can't send it must not ring whoever answers without it."""
    if ";" not in to:
        return
    if not digits.EXTENSION.fullmatch(extension):
        raise NotAllowed("sip_call_to", "write an extension as ;ext= and 1 to 16 of 0-9 * # A-D")
    if digits.EXT not in rule.digits_after_answer:
        raise NotAllowed("sip_call_to", f"rule {rule.name} takes no extension; see its digits_after_answer")


def is_sip(endpoint: str) -> bool:
    """Whether its legs have headers and may send a REFER."""
    return endpoint.upper().startswith("PJSIP/")


def matches(pattern: str, number: str) -> bool:
    """`*` is any rest, `?` one character, everything else itself."""
    translated = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(translated, number, re.DOTALL) is not None
