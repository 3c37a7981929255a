"""An auto attendant answers: it gets the extension's digits, and only the person behind it hears a word."""

from ari_app.testing.phone import Answer
from tests.sipp.conftest import MUSIC, SECOND, SUPERVISOR, speech

RULE = """
[routing_rules.rr_pbx]
endpoint = "PJSIP/lab/sip:{{to}}@127.0.0.1:{port}"
callers = ["+14155550100"]
destinations = ["2???"]
digits_after_answer = "{digits}"
ring_timeout = {ring_timeout}
"""


async def asked(stage, to="2001;ext=1234", digits="ww{ext}#", ring_timeout=15, others=(), **request):
    """The attendant's line is silent but for what the story says."""
    await stage.set(start=False, supervisor=Answer(after=0.2), environment=None)
    stage.supervisor.tone = None
    port = stage.supervisor.sipp.port
    stage.app.extra += RULE.format(port=port, digits=digits, ring_timeout=ring_timeout)
    await stage.app.start()
    await stage.talking()
    first = {"routing_rule_id": "rr_pbx", "sip_call_to": to}
    await stage.ask(destinations=[first, *others], **request)


async def keys(stage, count):
    """Waits until so many have begun. Returns them and the moment."""
    await stage.supervisor.answered()
    while len(stage.supervisor.heard.digits()) < count:
        assert not stage.supervisor.call.over
        await stage.pause(0.01)
    return stage.supervisor.heard.digits(), stage.clock()


async def test_the_extension_is_dialed_and_the_person_behind_it_briefed(stage):
    attendant, hello = await speech("Please dial the extension."), await speech("Hello?")
    await asked(stage, digits="wwww{ext}#")
    await stage.supervisor.answered()
    assert (await stage.supervisor.play(attendant)) < (await keys(stage, 1))[1] + 1.0
    dialed, _ = await keys(stage, 5)
    await stage.pause(2.0)
    assert dialed == stage.supervisor.heard.digits() == "1234#"
    names = stage.ari.names()
    assert "supervisor_joined" in names and "briefing_started" not in names, "the greeting was taken for a hello"

    began = stage.clock()
    greeted = await stage.supervisor.play(hello)
    begun = await stage.ari.phase("briefing_started")
    assert begun["at"] - greeted < 1.0
    assert stage.spoken(stage.supervisor.call, 0.0, began) == 0.0, "something was said before anybody was there"
    await stage.pause(1.0)
    assert stage.spoken(stage.supervisor.call, greeted) > 0.5
    accepted = stage.clock()
    await stage.supervisor.press("1")
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()
    result = await stage.ari.ended()
    assert [each["sip_call_to"] for each in result["attempts"]] == ["2001;ext=1234"]
    [invite] = {m.first_line for m in stage.supervisor.messages if m.first_line.startswith("INVITE") and not m.sent}
    assert "sip:2001@" in invite and "ext" not in invite
    stage.nothing_leaked(accepted=accepted)
    assert "1234" not in stage.app.log, "an extension is part of a number"


async def test_nobody_says_hello_and_it_speaks_at_last(stage):
    await asked(stage, ring_timeout=2)
    _, at = await keys(stage, 5)
    begun = await stage.ari.phase("briefing_started")
    assert 1.9 < begun["at"] - at < 3.5
    await stage.supervisor.press("1")
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()


async def test_a_blind_transfer_joins_after_the_last_digit(stage):
    await asked(stage, to="2001;ext=77", digits="w{ext}", mode="blind")
    dialed, at = await keys(stage, 2)
    switched = await stage.ari.phase("call_switched")
    assert dialed == stage.supervisor.heard.digits() == "77" and switched["at"] > at
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()
    assert stage.caller.heard.events() == [], "a key leaked to the caller"
    assert stage.supervisor.heard.first(1000).at > at + 0.1, "the caller was there before the last digit was out"


async def test_a_number_without_an_extension_is_a_persons_own(stage):
    await asked(stage, to="2001")
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()
    assert stage.supervisor.heard.digits() == ""


async def test_a_rule_that_sends_none_takes_no_extension(stage):
    await stage.talking()
    await stage.ask(to="2001;ext=1234")
    result = await stage.ari.ended()
    assert result["outcome"] == "refused"
    assert result["error"] == ("destination.sip_call_to: rule rr_one takes no extension; see its digits_after_answer")
    assert stage.invites() == [] and "started" not in stage.ari.names()


async def test_a_line_that_is_cut_meanwhile_is_no_answer(stage):
    await asked(stage, others=[{"routing_rule_id": "rr_two", "sip_call_to": "2002"}])
    await keys(stage, 2)
    await stage.supervisor.hang_up()
    failed = await stage.ari.phase("attempt_failed")
    assert failed["data"]["outcome"] == "no_answer"
    await stage.ari.phase("briefing_started")
    await stage.second.press("1")
    await stage.caller.hears(SECOND)
    assert (await stage.ari.ended())["outcome"] == "completed"


async def test_cancelled_meanwhile_no_further_digit_is_sent(stage):
    await asked(stage, to="2001;ext=1234567890")
    await keys(stage, 2)
    await stage.cancel()
    assert (await stage.supervisor.ended()).event == "bye"
    assert len(stage.supervisor.heard.digits()) <= 4
    assert (await stage.ari.ended())["outcome"] == "cancelled"
    await stage.are_back()


async def test_killed_meanwhile_no_digit_is_sent_twice_and_the_next_is_rung(stage):
    """One digit less would reach somebody else."""
    await asked(stage, to="2001;ext=123456", others=[{"routing_rule_id": "rr_two", "sip_call_to": "2002"}])
    await keys(stage, 2)
    await stage.killed_and_back()
    await stage.supervisor.ended()
    dialed = stage.supervisor.heard.digits()
    assert dialed == "123456#"[: len(dialed)] and len(dialed) < 5
    await stage.caller.hears(MUSIC)
    await stage.ari.phase("briefing_started")
    await stage.second.press("1")
    await stage.caller.hears(SECOND)
    assert [each["outcome"] for each in (await stage.ari.ended())["attempts"]] == ["unreachable", "completed"]
    assert (await stage.told_without_holes())[-1] == "transfer_complete"
    stage.caller_had_company()
