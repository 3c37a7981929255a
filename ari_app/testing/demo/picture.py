"""The picture of a call: who was connected to whom, from what each one received, with the phases above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ari_app.testing import tones
from ari_app.testing.demo.canvas import Box, Shape, Stroke, Text, text_width
from ari_app.testing.demo.listening import RESAMPLED, has_pilot, who_is_heard
from ari_app.testing.demo.proofs import Figure, Moments
from ari_app.testing.demo.script import AGENT, CALLER, SUPERVISOR, YES, Person
from ari_app.testing.tones import Pcm, Span

WIDTH = 1000
LEFT, RIGHT = 110, 980
LANE, GAP = 34, 12
TITLE, ROW = 52, 15
SIZE = 11.5
COLOURS = {
    "caller": "#2f6fb2",
    "agent": "#8a63b3",
    "supervisor": "#2b8a66",
    "assistant": "#c77d1a",
    "music": "#9aa5b1",
    "ringing": "#d5dbe1",
}
INK, FAINT, GRID = "#1f2933", "#6b7785", "#e4e8ec"
TOGETHER = 14.0
"Phases nearer than this share a mark."
LANES = ("caller", "agent", "assistant", "supervisor")
LABELS = {"music": ("hears music", "music"), "ringing": ("is rung", "rings")}
WORDS = {
    "caller_on_hold": "on hold",
    "summary_generating": "",
    "summary_ready": "summary ready",
    "consultation_room_created": "room created",
    "supervisor_dialed": "supervisor dialed",
    "supervisor_ringing": "ringing",
    "supervisor_joined": "supervisor joined",
    "briefing_started": "briefing started",
    "briefing_complete": "briefing complete",
    "call_switched": "call switched",
    "transfer_complete": "transfer complete",
}


@dataclass(frozen=True)
class Bar:
    lane: str
    start: float
    end: float
    who: str
    "Whom or what the lane is connected to: a key of COLOURS."


@dataclass(frozen=True)
class Mark:
    at: float
    lines: tuple[str, ...]


def draw(call: Moments, figures: Sequence[Figure]) -> tuple[int, int, list[Shape]]:
    """Width, height and the shapes; times are seconds after the request."""
    bars = connections(call)
    marks = phase_marks(call)
    first, last = min(bar.start for bar in bars), max(bar.end for bar in bars)
    yes = call.line(SUPERVISOR, YES)
    quote = Span(yes.start - call.requested, call.phase("briefing_complete") - call.requested, f"“{YES}”")
    page = Page(first - 0.4, last + 0.4)
    height = page.add_title().add_marks(marks).add_lanes(bars).add_quote(quote).add_axis().add_figures(figures)
    return WIDTH, height, page.shapes


def connections(call: Moments) -> list[Bar]:
    """What phones and agent heard. The assistant has no phone: it listens from the first word of the briefing
    to the decision."""
    heard = {
        "caller": who_is_heard(call.caller, _listener(AGENT, SUPERVISOR, other="music"), shortest=0.5),
        "agent": who_is_heard(call.agent, _listener(CALLER, other=None, loss=RESAMPLED), shortest=0.5),
        "supervisor": who_is_heard(call.supervisor, _listener(CALLER, other="assistant"), shortest=0.5),
    }
    bars = [Bar(lane, span.start, span.end, span.label) for lane, spans in heard.items() for span in spans]
    bars.append(Bar("supervisor", call.ringing.start, call.ringing.end, "ringing"))
    bars.append(Bar("assistant", call.phase("briefing_started"), call.phase("briefing_complete"), "supervisor"))
    return [Bar(bar.lane, bar.start - call.requested, bar.end - call.requested, bar.who) for bar in bars]


class _listener:
    """Names whom a stretch of sound comes from."""

    def __init__(self, *people: Person, other: str | None, loss: float = 0.0) -> None:
        self._people = people
        self._loss = loss
        self._other = other

    def __call__(self, pcm: Pcm) -> str | None:
        for person in self._people:
            if has_pilot(pcm, person.pilot, loss=self._loss):
                return person.name
        return self._other if tones.level(pcm) > tones.SILENCE_DBFS else None


def phase_marks(call: Moments) -> list[tuple[float, str]]:
    shown = [(phase["at"] - call.requested, phase["phase"]) for phase in call.evidence.phases]
    return [(at, f"{WORDS.get(name, name)}  {_short(at)}") for at, name in shown if WORDS.get(name, name)]


def _short(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


class Page:
    """Fills itself from top to bottom."""

    def __init__(self, first: float, last: float) -> None:
        self._first, self._last = first, last
        self._y = 0.0
        self._marks: list[Mark] = []
        self._marks_from: list[float] = []
        self.shapes: list[Shape] = []

    def x(self, at: float) -> float:
        return LEFT + (RIGHT - LEFT) * (at - self._first) / (self._last - self._first)

    def add_title(self) -> Page:
        self.shapes += [
            Box(0, 0, WIDTH, 2000, "#ffffff"),
            Text(16, 26, "A warm transfer: who hears whom", 17, INK, bold=True),
            Text(
                16,
                43,
                "from the audio each one received, by seconds after the agent's request; light grey: the phone rings",
                11.5,
                FAINT,
            ),
        ]
        self._y = TITLE + 8.0
        return self

    def add_marks(self, phases: Iterable[tuple[float, str]]) -> Page:
        """Labels in rows: each as high as it must be to overlap none before it."""
        self._marks = list(self._grouped(phases))
        rows_taken: list[float] = []
        placed: list[tuple[Mark, float, int]] = []
        for mark in self._marks:
            width = max(text_width(line, SIZE) for line in mark.lines) + 14
            left = self.x(mark.at) + 4
            leans_left = left + width > RIGHT + 16
            start = self.x(mark.at) - width if leans_left else left
            row = _free_row(rows_taken, start - 4, len(mark.lines), start + width)
            placed.append((mark, -1 if leans_left else 1, row))
        bottom = self._y + ROW * len(rows_taken)
        for mark, side, row in placed:
            x = self.x(mark.at)
            anchor = "start" if side > 0 else "end"
            for n, line in enumerate(mark.lines):
                self.shapes.append(Text(x + 5 * side, self._y + ROW * (row + n) + 11, line, SIZE, INK, anchor))
            self._marks_from.append(self._y + ROW * row + 2)
        self._y = bottom + 10
        return self

    def _grouped(self, phases: Iterable[tuple[float, str]]) -> Iterable[Mark]:
        group: list[tuple[float, str]] = []
        for at, label in phases:
            if group and self.x(at) - self.x(group[0][0]) > TOGETHER:
                yield Mark(group[0][0], tuple(text for _, text in group))
                group = []
            group.append((at, label))
        if group:
            yield Mark(group[0][0], tuple(text for _, text in group))

    def add_lanes(self, bars: Sequence[Bar]) -> Page:
        top, bottom = self._y, self._y + len(LANES) * (LANE + GAP)
        for second in range(int(self._first) - 4, int(self._last) + 1):
            if second % 5 == 0 and self._first <= second <= self._last:
                self.shapes.append(Stroke(self.x(second), top, self.x(second), bottom, GRID))
        for n, lane in enumerate(LANES):
            y = top + n * (LANE + GAP)
            self.shapes.append(Text(16, y + LANE / 2 + 5, lane, 14, COLOURS[lane], bold=True))
            self.shapes.append(Stroke(LEFT, y + LANE / 2, RIGHT, y + LANE / 2, GRID))
            for bar in (bar for bar in bars if bar.lane == lane):
                self._add_bar(bar, y)
        for mark, start in zip(self._marks, self._marks_from, strict=True):
            self.shapes.append(Stroke(self.x(mark.at), start, self.x(mark.at), bottom - GAP / 2, FAINT, 1, dashed=True))
        self._y = bottom
        return self

    def _add_bar(self, bar: Bar, y: float) -> None:
        left, width = self.x(bar.start), self.x(bar.end) - self.x(bar.start)
        self.shapes.append(Box(left, y, width, LANE, COLOURS[bar.who], round=4))
        labels = LABELS.get(bar.who, (f"hears {bar.who}", bar.who))
        fitting = next((label for label in labels if text_width(label, 13) < width - 6), None)
        if fitting:
            colour = INK if bar.who == "ringing" else "#ffffff"
            self.shapes.append(Text(left + width / 2, y + LANE / 2 + 4.5, fitting, 13, colour, "middle"))

    def add_quote(self, said: Span) -> Page:
        """What decided it, in the last lane, where it was said."""
        middle, y = self.x((said.start + said.end) / 2), self._y - GAP - LANE / 2
        words = said.label.split()
        for line, below in ((words[: len(words) // 2], -4), (words[len(words) // 2 :], 12)):
            self.shapes.append(Text(middle, y + below, " ".join(line), SIZE, COLOURS["supervisor"], "middle"))
        return self

    def add_axis(self) -> Page:
        self.shapes.append(Stroke(LEFT, self._y, RIGHT, self._y, FAINT))
        for second in range(int(self._first) - 4, int(self._last) + 1):
            if second % 5 == 0 and self._first <= second <= self._last:
                self.shapes.append(Stroke(self.x(second), self._y, self.x(second), self._y + 4, FAINT))
                self.shapes.append(Text(self.x(second), self._y + 17, f"{second} s", SIZE, FAINT, "middle"))
        self._y += 26
        return self

    def add_figures(self, figures: Sequence[Figure]) -> int:
        """Two columns below; returns the height of the page."""
        middle = (len(figures) + 1) // 2
        for n, figure in enumerate(figures):
            x = 16 if n < middle else 506
            y = self._y + 16 + 17 * (n % middle)
            self.shapes.append(Text(x + 58, y, figure.value, 12, INK, "end", bold=True))
            self.shapes.append(Text(x + 68, y, figure.what, 12, FAINT))
        return round(self._y + 17 * middle + 18)


def _free_row(taken: list[float], start: float, rows: int, end: float) -> int:
    """The first of `rows` free rows; `taken` has for each row how far it is used, and grows."""
    row = 0
    while any(used > start for used in taken[row : row + rows]):
        row += 1
    taken.extend([0.0] * (row + rows - len(taken)))
    taken[row : row + rows] = [max(end, used) for used in taken[row : row + rows]]
    return row
