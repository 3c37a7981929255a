"""A call from its journal: what was said is the same again, and an older journal still reads."""

import json

from ari_app.journal import decode, encode
from ari_app.testing.playbook import AGENT, CALL, CALLER, MEDIA, ROOM, SUPERVISOR, TALK, requested, route
from ari_app.transfer import events as ev
from ari_app.transfer.machine import fold
from ari_app.transfer.model import Agent, Decline, Entry

FORM = (("who", "Ana"), ("problem", "charged twice"))
STORY = [
    ev.CallArrived(CALLER, Entry.AGENT, TALK, agent=Agent("front-desk", "PJSIP/front-desk", AGENT)),
    ev.AgentAnswered(AGENT),
    ev.Seated(TALK, CALLER),
    requested(route("2001", context="x-headers"), introduces=True),
    ev.SummaryReady("Ana was charged twice.", "llm", 0.4, FORM),
    ev.SupervisorAnswered(SUPERVISOR),
    ev.Seated(ROOM, SUPERVISOR),
    ev.BriefingStarted(MEDIA),
    ev.BriefingDeclined(MEDIA, "speech", "that is for billing", "redirect", "Maria"),
]
NEW = {
    "TransferRequested": ("introduces", "context"),
    "SummaryReady": ("form",),
    "BriefingDeclined": ("kind", "suggestion"),
}


def written_and_read(event, forget=()):
    """Through the journal; `forget` are keys that an older version did not write."""
    line = json.loads(encode(event))
    for part in (line, line.get("request", {}), *line.get("request", {}).get("routes", ())):
        for key in forget:
            part.pop(key, None)
    return decode(type(event).__name__, json.dumps(line))


def replayed(events):
    return fold(CALL, enumerate(events)).call.transfer


def test_what_was_found_out_and_said_survives_the_app():
    transfer = replayed(map(written_and_read, STORY))
    assert transfer == replayed(STORY)
    assert transfer.summary_form == FORM
    assert transfer.attempt.decline == Decline("redirect", "that is for billing", "Maria")
    assert (transfer.request.introduces, transfer.attempt.route.context) == (True, "x-headers")


def test_a_journal_from_before_there_was_any_of_it():
    old = [written_and_read(event, NEW.get(type(event).__name__, ())) for event in STORY]
    transfer = replayed(old)
    assert transfer.summary_form == ()
    assert transfer.attempt.decline == Decline("refused", "that is for billing", None)
    assert (transfer.request.introduces, transfer.attempt.route.context) == (False, "none")
