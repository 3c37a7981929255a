"""Whose words are kept: the agent's as soon as there are any, else the latest of what was overheard."""

from dataclasses import replace

import pytest

from ari_app.testing.playbook import Playbook, requested, route
from ari_app.transfer import events as ev
from ari_app.transfer import machine
from ari_app.transfer.conversation import of_agent
from ari_app.transfer.model import Turn


def sent(*words, replace=False, at_most=0):
    return ev.TranscriptAdded(tuple(Turn("user", text) for text in words), replace, at_most=at_most)


def overheard(*words, at_most=100):
    return ev.TranscriptAdded(tuple(Turn("user", text) for text in words), overheard=True, at_most=at_most)


def asked(*words, at_most=0):
    return replace(requested(route("2001")), turns=tuple(Turn("user", text) for text in words), at_most=at_most)


@pytest.mark.parametrize(
    "events, kept",
    [
        ([overheard("a"), overheard("b")], "a b"),
        ([overheard("a"), sent("b"), overheard("c"), sent("d")], "b d"),
        ([overheard("a"), sent(replace=True), overheard("b")], ""),
        ([overheard("a"), asked("b"), overheard("c")], "b"),
        ([overheard("a"), asked(), overheard("b")], "a b"),
        ([sent("a"), asked("b")], "a b"),
        ([overheard("four", at_most=9), overheard("five", at_most=9), overheard("six", at_most=9)], "five six"),
        ([overheard("much too long", at_most=4)], ""),
        ([overheard("ééé", at_most=5)], ""),
        ([sent("four", at_most=9), sent("five", at_most=9), sent("six", at_most=9)], "five six"),
        ([sent("four", at_most=9), asked("five", "six", at_most=9)], "five six"),
        ([overheard("overheard"), sent("four", at_most=9), sent("five", at_most=9)], "four five"),
    ],
)
def test_whose_words_are_kept(events, kept):
    call = Playbook.talking().call
    for event in events:
        call = machine.step(call, event, 1.0).call
    assert [turn.content for turn in call.conversation] == kept.split()


def test_what_was_overheard_takes_no_room_from_the_agent():
    call = machine.step(Playbook.talking().call, overheard("a"), 1.0).call
    assert of_agent(call) == ()
    assert of_agent(machine.step(call, sent("b"), 1.0).call) == (Turn("user", "b"),)
