"""Groups of destinations with opening hours: a name in a request becomes the list of whom to ring now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from ari_app.errors import RequestRefused
from ari_app.wire import MAX_AT_ONCE, Destination, WarmTransferRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REFUSE = "refuse"
_DAY = "|".join(DAYS)
_HOURS = re.compile(
    rf"(?P<days>(?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*|daily)"
    r"\s+(?P<opens>\d\d:[0-5]\d)-(?P<closes>\d\d:[0-5]\d)"
)
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Hours:
    """`Mon-Fri 08:00-18:00`, by the clock on the wall there. `22:00-06:00` ends on the day after."""

    days: frozenset[int]
    "0 is Monday."
    opens: int
    "Minutes after midnight."
    closes: int

    def holds(self, day: int, minute: int) -> bool:
        if self.opens < self.closes:
            return day in self.days and self.opens <= minute < self.closes
        return (day in self.days and minute >= self.opens) or ((day - 1) % 7 in self.days and minute < self.closes)


def hours_of(text: str) -> Hours:
    """Raises ValueError."""
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r}: write it like Mon-Fri 08:00-18:00, or Sat,Sun 10:00-14:00, or daily 22:00-06:00")
    opens, closes = (int(part[:2]) * 60 + int(part[3:]) for part in found.group("opens", "closes"))
    if opens >= _DAY_MINUTES or closes > _DAY_MINUTES or opens == closes:
        raise ValueError(f"{text!r}: from 00:00 to 24:00, and not nothing")
    return Hours(_days(found.group("days")), opens, closes)


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = DAYS.index(first)
        length = (DAYS.index(last or first) - begin) % 7 + 1
        days |= {(begin + number) % 7 for number in range(length)}
    return frozenset(days)


@dataclass(frozen=True)
class Group:
    """One `[groups.NAME]` of the settings."""

    destinations: Sequence[Destination]
    strategy: str = "sequential"
    hours: Sequence[Hours] = ()
    "Always open when empty."
    zone: tzinfo = field(default=UTC)
    closed: str = REFUSE
    "What takes its place when it is closed: another group, or a refusal."
    dispositions: Mapping[str, str] = field(default_factory=dict)
    "Outcome → what becomes of a caller whom nobody of these took."

    def is_open(self, now: float) -> bool:
        there = datetime.fromtimestamp(now, self.zone)
        minute = there.hour * 60 + there.minute
        return not self.hours or any(hours.holds(there.weekday(), minute) for hours in self.hours)


def resolved(
    asked: WarmTransferRequest, groups: Mapping[str, Group], now: float
) -> tuple[WarmTransferRequest, str | None]:
    """The request with a group's destinations in place of its name, and the name of the group that is open; the
    strategy is the request's own where it names one. Raises RequestRefused."""
    if asked.group is None:
        return asked, None
    name = open_one(asked.group, groups, now)
    group = groups[name]
    chosen = asked.strategy if "strategy" in asked.model_fields_set else group.strategy
    check_crowd(group.destinations, chosen)
    found = {"group": None, "destinations": list(group.destinations), "strategy": chosen}
    return asked.model_copy(update=found), name


def open_one(name: str, groups: Mapping[str, Group], now: float) -> str:
    """This group, or what takes its place while it is closed. Raises RequestRefused."""
    if name not in groups:
        raise RequestRefused(f"no [groups.{name}] in the settings", key="group", status=403)
    while not groups[name].is_open(now):
        if groups[name].closed == REFUSE:
            raise RequestRefused(f"{name} is closed now", key="group", status=409)
        name = groups[name].closed
    return name


def check_crowd(destinations: Sequence[Destination], strategy: str) -> None:
    """Raises RequestRefused."""
    if strategy == "ring_all" and len(destinations) > MAX_AT_ONCE:
        raise RequestRefused(f"ring_all rings {MAX_AT_ONCE} at most", key="group")
