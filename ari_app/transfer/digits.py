"""Digits sent when the line has answered: what an auto attendant wants before it rings a person. Pure.

A rule's `digits_after_answer` says what they are: the keys `0-9 * # A-D`, `w` for half a second of waiting, and `{ext}`
where the extension of the request goes, which is written as RFC 3966 (section 5.3) does: `+14155550100;ext=1234`.
"""

from __future__ import annotations

import re

EXT = "{ext}"
_PARAMETER = ";ext="
EXTENSION = re.compile(r"[0-9*#A-Da-d]{1,16}")
TEMPLATE = r"^([0-9*#A-Da-dw]|\{ext\}){0,64}$"
PAUSE = "w"
PAUSE_SECONDS = 0.5
KEY_SECONDS = 0.3
"""From one key to the next: Asterisk 22 is still for 0.1 s before each, and sounds it for 0.1 s; the rest is for those
who listen, and for the way to Asterisk."""


def split(sip_call_to: str) -> tuple[str, str]:
    """What is dialed, and the extension behind it, empty when there is none."""
    number, _, extension = sip_call_to.partition(_PARAMETER)
    return number, extension


def filled(template: str, extension: str) -> str:
    """What is sent. Nothing where the rule wants an extension and the request has none: such a number is a person's
    own."""
    if EXT in template and not extension:
        return ""
    return template.replace(EXT, extension).upper().replace(PAUSE.upper(), PAUSE)


def seconds(digits: str) -> float:
    return sum(PAUSE_SECONDS if key == PAUSE else KEY_SECONDS for key in digits)
