"""Judges a call: what must be true of what phones and agent heard, of SIP and of the phases, each with its figures."""

from __future__ import annotations

from dataclasses import dataclass

from ari_app.testing import tones
from ari_app.testing.demo.listening import RESAMPLED, Played, arrived, compare, first_alone, pilot_share, streams
from ari_app.testing.demo.performance import Evidence, Failed
from ari_app.testing.demo.script import AGENT, CALLER, SUPERVISOR, TAKEOVER, THANKS, WISHES, YES, Person, folded
from ari_app.testing.heard import Packet
from ari_app.testing.sipp import SipMessage
from ari_app.testing.tones import Span

HEARD = 0.9
"Share of a stretch in which a pilot has to be found; the rest is speech that covers it, and the ends."
SHORTEST_BRIEFING = 3.0
"Seconds of speech."
PHASES = (
    *("started", "caller_on_hold", "summary_ready", "supervisor_dialed", "supervisor_ringing", "supervisor_joined"),
    *("briefing_started", "briefing_complete", "call_switched", "transfer_complete"),
)


@dataclass(frozen=True)
class Proof:
    true: bool
    claim: str
    figures: str = ""


@dataclass(frozen=True)
class Figure:
    what: str
    value: str


class Moments:
    """When things happened, read from the packets. Raises Failed for a call that did not get that far."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.requested = evidence.requested
        self.caller = evidence.calls["caller"].heard.audio()
        self.agent = evidence.agent_heard.audio()
        self.supervisor = evidence.calls["supervisor"].heard.audio()
        self.final_word = self.line(SUPERVISOR, YES).end
        self.caller_hears = self._onset(self.caller, SUPERVISOR)
        self.supervisor_hears = self._onset(self.supervisor, CALLER)
        held = [stream for stream in streams(self.caller) if self.requested < stream[0].at < self.caller_hears]
        if not held:
            raise Failed("the caller got no stream of music")
        self.music = [packet for stream in held for packet in stream]
        self.end = max(span.end for _, span in evidence.spoken)

    def line(self, person: Person, text: str) -> Span:
        """The last time it was said."""
        return [span for who, span in self.evidence.spoken if who == person and span.label == text][-1]

    def phase(self, name: str) -> float:
        return next(float(phase["at"]) for phase in self.evidence.phases if phase["phase"] == name)

    def sip(self, role: str, start: str, *, sent: bool) -> SipMessage:
        found = (m for m in self.evidence.sip[role] if m.first_line.startswith(start) and m.sent == sent)
        return next(found)

    def first_briefing_packet(self) -> Packet:
        """The first the supervisor got that is not silence."""
        return next(p for p in self.supervisor if tones.level(tones.ulaw_decode(p.payload)) > tones.SILENCE_DBFS)

    @property
    def ringing(self) -> Span:
        invite, answer = self.sip("supervisor", "INVITE ", sent=False), self.sip("supervisor", "SIP/2.0 200", sent=True)
        return Span(invite.at, answer.at, "ringing")

    @property
    def two_way(self) -> float:
        return max(self.caller_hears, self.supervisor_hears)

    def _onset(self, packets: list[Packet], person: Person) -> float:
        found = first_alone((p for p in packets if p.at > self.final_word), person.pilot)
        if found is None:
            raise Failed(f"the {person.name} was not heard after the switch")
        return found.at


def between(packets: list[Packet], start: float, end: float) -> list[Packet]:
    return [packet for packet in packets if start <= packet.at <= end]


def prove(evidence: Evidence) -> list[Proof]:
    moments = Moments(evidence)
    return [
        _talked_before(moments),
        _asked_because_of_the_words(moments),
        _only_music(moments),
        _agent_was_out(moments),
        _rung_once(moments),
        _was_briefed(moments),
        _said_yes(moments),
        _hear_each_other(moments),
        _the_words_too(moments),
        _phases(moments),
        _nothing_left(moments),
    ]


def _talked_before(call: Moments) -> Proof:
    start = call.evidence.spoken[0][1].start
    caller = pilot_share(between(call.caller, start, call.requested), AGENT.pilot)
    agent = pilot_share(between(call.agent, start, call.requested), CALLER.pilot, loss=RESAMPLED)
    return Proof(
        min(caller, agent) >= HEARD,
        "caller and agent heard each other before the request",
        f"pilots: agent's in {caller:.0%}, caller's in {agent:.0%} of the audio",
    )


def _asked_because_of_the_words(call: Moments) -> Proof:
    """The agent's model called for a human after the caller had said so, and after nothing else."""
    wish = call.line(CALLER, WISHES[-1])
    at, text = max(heard for heard in call.evidence.understood if heard[0] <= call.requested)
    after = call.requested - wish.end
    return Proof(
        text == folded(wish.label) and wish.end < at <= call.requested,
        f"the agent asked for the transfer because the caller said: “{wish.label}”",
        f"understood {at - wish.end:.1f} s after the last word, asked {after:.1f} s after it",
    )


def _only_music(call: Moments) -> Proof:
    played = compare(call.music, call.evidence.music)
    pilots = max(pilot_share(call.music, person.pilot) for person in (AGENT, SUPERVISOR))
    claim = "from hold to switch the caller heard only music: no agent, no briefing, no supervisor"
    if played is None:
        return Proof(False, claim, "it is in none of Asterisk's music files")
    return Proof(pilots == 0 and played.equal == played.frames, claim, _comparison(played))


def _comparison(played: Played) -> str:
    return f"{played.equal} of {played.frames} frames are “{played.file}”, sample by sample"


def _agent_was_out(call: Moments) -> Proof:
    held = call.music[0].at
    later = [packet for packet in call.agent if packet.at > held + 0.02]
    share = pilot_share(later, CALLER.pilot, loss=RESAMPLED)
    return Proof(share == 0, "the agent heard nothing of the caller from the music on", f"{len(later)} packets")


def _rung_once(call: Moments) -> Proof:
    invites = {m.call_id for m in call.evidence.sip["supervisor"] if m.first_line.startswith("INVITE ")}
    return Proof(len(invites) == 1, "the supervisor was rung once", f"{len(invites)} INVITE")


def _was_briefed(call: Moments) -> Proof:
    briefing = between(call.supervisor, 0, call.supervisor_hears - 0.001)
    loud = [p for p in briefing if tones.level(tones.ulaw_decode(p.payload)) > tones.SILENCE_DBFS]
    speech = len(loud) * 0.02
    caller = pilot_share(briefing, CALLER.pilot)
    return Proof(
        speech >= SHORTEST_BRIEFING and caller == 0,
        "the supervisor was briefed aloud, and heard nothing of the caller until the switch",
        f"{speech:.1f} s of speech, caller's pilot in {caller:.0%} of it",
    )


def _said_yes(call: Moments) -> Proof:
    complete = next(p["data"] for p in call.evidence.phases if p["phase"] == "briefing_complete")
    tries = sum(span.label == YES for _, span in call.evidence.spoken)
    return Proof(
        (complete["resolution"], complete["by"]) == ("accepted", "speech"),
        f"the supervisor accepted by voice: “{YES}”",
        f"understood the {('first', 'second')[tries - 1]} time, no key was pressed",
    )


def _hear_each_other(call: Moments) -> Proof:
    start, end = call.two_way, call.end
    caller, supervisor = between(call.caller, start, end), between(call.supervisor, start, end)
    heard = pilot_share(caller, SUPERVISOR.pilot), pilot_share(supervisor, CALLER.pilot)
    agent = max(pilot_share(packets, AGENT.pilot) for packets in (caller, supervisor))
    return Proof(
        min(heard) >= HEARD and agent == 0,
        "caller and supervisor hear each other, without the agent",
        f"pilots: supervisor's in {heard[0]:.0%}, caller's in {heard[1]:.0%}, agent's in {agent:.0%} of the audio",
    )


def _the_words_too(call: Moments) -> Proof:
    counts = [_words(call, SUPERVISOR, TAKEOVER, call.caller), _words(call, CALLER, THANKS, call.supervisor)]
    return Proof(
        all(came >= 0.95 * sent > 0 for came, sent in counts),
        "what they said arrived unaltered",
        " and ".join(f"{came} of {sent} frames" for came, sent in counts),
    )


def _words(call: Moments, person: Person, text: str, received: list[Packet]) -> tuple[int, int]:
    span = call.line(person, text)
    sent = between(call.evidence.calls[person.name].rtp.sent, span.start, span.end)
    return arrived(sent, received)


def _phases(call: Moments) -> Proof:
    got = [phase["phase"] for phase in call.evidence.phases]
    holes = [p["sequence"] for p in call.evidence.phases] != list(range(1, len(got) + 1))
    missing = [phase for phase in PHASES if phase not in got]
    figures = "missing: " + ", ".join(missing) if missing else f"{len(got)} phases"
    complete = not missing and not holes and got[-1] == PHASES[-1]
    return Proof(complete, "the agent was told every phase, in order", figures)


def _nothing_left(call: Moments) -> Proof:
    left = call.evidence.left_over
    return Proof(not left, "nothing is left in Asterisk", ", ".join(left) or "no channel, no bridge")


def measure(evidence: Evidence) -> list[Figure]:
    call = Moments(evidence)
    briefed_after = call.first_briefing_packet().at - call.ringing.end
    dead = [gap for gap in evidence.calls["caller"].heard.gaps(call.final_word, call.two_way + 0.2) if gap.missing]
    return [
        Figure("from the request to the first music packet at the caller", _ms(call.music[0].at - call.requested)),
        Figure("from the request to the INVITE at the supervisor", _ms(call.ringing.start - call.requested)),
        Figure("from the 200 OK to the first briefing packet; a hello is waited for", _ms(briefed_after)),
        Figure("from the end of the last word to both hearing each other", _ms(call.two_way - call.final_word)),
        Figure("frames of 20 ms missing at the switch", str(sum(gap.frames for gap in dead))),
    ]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
