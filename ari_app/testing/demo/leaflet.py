"""What the audience gets: lines on the terminal while the call goes on, proofs after it, and the files to take home."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ari_app.testing.demo import picture
from ari_app.testing.demo.canvas import write_png, write_svg
from ari_app.testing.demo.performance import Evidence, Phase, Tell
from ari_app.testing.demo.proofs import Figure, Moments, Proof
from ari_app.testing.demo.script import AGENT, CALLER, SUPERVISOR, Person
from ari_app.testing.tones import Span

EXPLANATION = (
    f"Under its speech each phone sends a quiet pilot tone (caller {CALLER.pilot} Hz, agent {AGENT.pilot} Hz, "
    f"supervisor {SUPERVISOR.pilot} Hz), without a pause but in words to the assistant: whose pilot arrives is heard. "
    "The agent has no phone: its pilot is in its voice, and its ears keep what they hear."
)
GREEN, RED, GREY, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[90m", "\033[1m", "\033[0m"


class Terminal(Tell):
    """Plain text; colours when it is a terminal."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()
        self._before = 0.0
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._since

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours else text

    def _print(self, text: str = "") -> None:
        print(text, flush=True)

    def heading(self, text: str) -> None:
        self._print(f"\n{self._in(BOLD, text)}")

    def note(self, text: str) -> None:
        self._print(f"  {self._in(GREY, text)}")

    def line(self, person: Person, text: str) -> None:
        self._print(f"  {person.name:>10}  “{text}”")

    def phase(self, phase: Phase, evidence: Evidence) -> None:
        if phase["phase"] == "requested":
            self._before = phase["at"]
            self.heading(f"{'the agent asks for the transfer':40}{'ms since request':>18}{'since previous':>16}")
            return
        since, step = phase["at"] - evidence.requested, phase["at"] - self._before
        self._before = phase["at"]
        self._print(f"  {phase['phase']:38}{1000 * since:18.0f}{1000 * step:16.0f}")

    def proofs(self, proofs: Sequence[Proof], figures: Iterable[Figure]) -> None:
        self.heading("Proven from the RTP and SIP of the phones")
        self.note(EXPLANATION)
        for proof in proofs:
            mark = self._in(GREEN, "✓") if proof.true else self._in(RED, "✗")
            self._print(f"  {mark} {proof.claim}{self._in(GREY, f' ({proof.figures})')}")
        self.heading("Measured")
        for figure in figures:
            self._print(f"  {figure.value:>8}  {figure.what}")

    def files(self, files: Iterable[tuple[str, str]], folder: Path) -> None:
        self.heading(f"In {folder}")
        for name, what in files:
            self._print(f"  {name:22}{self._in(GREY, what)}")

    def end(self, problem: str | None) -> None:
        verdict = self._in(RED, f"The demo failed: {problem}") if problem else self._in(GREEN, "All of it is true.")
        self._print(f"\n{verdict} {self.seconds:.1f} s.")


def write_recordings(folder: Path, evidence: Evidence) -> Iterable[tuple[str, str]]:
    heard = {role: evidence.calls[role].heard for role in ("caller", "supervisor")}
    for role, recorder in {**heard, "agent": evidence.agent_heard}.items():
        recorder.write_wav(folder / f"{role}-heard.wav")
        yield f"{role}-heard.wav", f"everything the {role} heard"


def write_picture(folder: Path, evidence: Evidence, figures: Sequence[Figure]) -> Iterable[tuple[str, str]]:
    width, height, shapes = picture.draw(Moments(evidence), figures)
    write_svg(folder / "call.svg", width, height, shapes, "A warm transfer: who hears whom, and the phases")
    write_png(folder / "call.png", width, height, shapes)
    yield "call.svg, call.png", "who was connected to whom, and the phases"


def write_papers(folder: Path, evidence: Evidence) -> Iterable[tuple[str, str]]:
    (folder / "phases.json").write_text(json.dumps([_without_at(p) for p in evidence.phases], indent=2) + "\n")
    yield "phases.json", "the phases as the agent got them"
    (folder / "sip-ladder.txt").write_text(ladder(evidence))
    yield "sip-ladder.txt", "every SIP message of the two phones, and what was said"


def _without_at(phase: Phase) -> Phase:
    return {name: value for name, value in phase.items() if name != "at"}


def write_logs(folder: Path, workshop: Path) -> Iterable[tuple[str, str]]:
    """Also after a failure, from what there is."""
    logs = {
        "app.log": (workshop / "app" / "app.log", "the app"),
        "agent.log": (workshop / "agent" / "agent.log", "the voice agent"),
        "asterisk.log": (workshop / "lab" / "log" / "messages", "Asterisk"),
    }
    for name, (source, whose) in logs.items():
        if source.exists():
            shutil.copyfile(source, folder / name)
            yield name, f"the log of {whose}"


COLUMN = 26
PEOPLE = ("caller", "agent", "supervisor")


def ladder(evidence: Evidence) -> str:
    """A column for each phone and the agent: SIP messages, one a line, what was said, and the phases between them."""
    lines = [(at, text) for role in evidence.sip for at, text in _arrows(role, evidence)]
    lines += [(span.start, _said(person, span)) for person, span in evidence.spoken]
    lines += [(phase["at"], f"== {phase['phase']}") for phase in evidence.phases]
    head = f"{'s':>8}  {'caller':<{COLUMN}}{'agent':<{COLUMN}}{'supervisor':<{COLUMN}}"
    note = "Seconds after the agent's request. Arrows: > sent by the phone to Asterisk, < received from it."
    rows = [f"{at - evidence.requested:8.3f}  {text}".rstrip() for at, text in sorted(lines)]
    return "\n".join((note, "", head, *rows, ""))


def _arrows(role: str, evidence: Evidence) -> Iterable[tuple[float, str]]:
    indent = " " * COLUMN * PEOPLE.index(role)
    for message in evidence.sip[role]:
        words = message.first_line.removeprefix("SIP/2.0 ").removesuffix(" SIP/2.0")
        method = message.headers.get("cseq", "").rpartition(" ")[2]
        shown = f"{words} ({method})" if message.status else words.split()[0]
        yield message.at, f"{indent}{'>' if message.sent else '<'} {shown}"


def _said(person: Person, span: Span) -> str:
    return f"-- {person.name}: “{span.label}”"
