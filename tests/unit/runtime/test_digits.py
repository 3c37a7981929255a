"""Digits after the answer, on an Asterisk in memory: one by one, in time, never twice; and who may ask for them."""

import asyncio

import pytest
import structlog

from ari_app.config import load
from ari_app.errors import SettingsError
from ari_app.logs import redact
from ari_app.runtime.cool_downs import CoolDowns
from ari_app.runtime.effects import Effects
from ari_app.testing.fake_ari import Channel, FakeAri
from ari_app.testing.fakes import StringBriefer
from ari_app.testing.jumping import at_once
from ari_app.transfer import digits
from ari_app.transfer import events as ev
from ari_app.transfer.commands import SendDigits
from ari_app.transfer.model import Call, State
from ari_app.transfer.routing import Rule
from tests.unit.runtime.conftest import World

SENT = SendDigits("leg", "ww12w3#")


class Line:
    """A leg that has answered, and the effects of its call."""

    def __init__(self):
        self.ari = FakeAri()
        self.ari.channels["leg"] = Channel("leg", "Up", app="warm-transfer")
        self.told = []
        self.effects = Effects(
            self.ari,
            StringBriefer(),
            self.told.append,
            beside=lambda work: None,
            is_connected=lambda: True,
            app="warm-transfer",
            lease=30.0,
            talk_lease=3600.0,
            find_group=lambda wanted: ev.GroupNotFound(wanted.group, "none"),
        )

    async def send(self):
        await self.effects.run(SENT, Call("call_1"))
        return asyncio.get_running_loop().time()

    @property
    def keys(self):
        return [made["dtmf"] for made in self.ari.made("channels.sendDTMF")]


@at_once
async def test_one_by_one_and_told_when_the_last_is_out():
    line = Line()
    assert await line.send() == pytest.approx(digits.seconds(SENT.digits)) == pytest.approx(2.7)
    assert (line.keys, line.ari.channels["leg"].keys) == (list("123#"), "123#")
    assert line.told == [ev.DigitsSent("leg")]


@at_once
async def test_a_hang_up_in_between_is_told_by_the_leg_itself():
    line = Line()
    sending = asyncio.create_task(line.send())
    await asyncio.sleep(1.4)
    del line.ari.channels["leg"]
    await sending
    assert (line.keys, line.told) == (list("123"), [])


@pytest.mark.parametrize("knob", ["refuse", "lose", "lose, though done"])
def test_a_digit_of_unknown_fate_is_not_sent_again(knob):
    @at_once
    async def story():
        line = Line()
        if knob == "refuse":
            line.ari.refuse("channels.sendDTMF", 500, "no DTMF here")
        else:
            line.ari.lose("channels.sendDTMF", done="done" in knob)
        await line.send()
        [failed] = line.told
        assert isinstance(failed, ev.SupervisorFailed) and failed.reason.startswith("send a digit")
        assert line.keys == ["1"]

    story()


RULES = {
    "pbx": Rule("pbx", "PJSIP/{to}@trunk", destinations=("2???",), digits_after_answer="w{ext}#"),
    "rr": Rule("rr", "PJSIP/{to}@trunk", destinations=("2???",)),
}


def asked(rule, to):
    return {"destination": {"routing_rule_id": rule, "sip_call_to": to}}


@at_once
async def test_the_line_answers_gets_its_digits_and_then_the_briefing():
    async with World(routing=RULES).running() as world:
        await world.talking()
        with structlog.testing.capture_logs() as logged:
            world.ask(**asked("pbx", "2001;ext=1234"))
            await world.settle()
            leg = world.supervisor_leg
            world.ari.answers(leg)
            await world.settle()
            assert world.call.state is State.DIALING and not world.briefer.last.media_id
            await asyncio.sleep(digits.seconds("w1234#") + 0.01)
            await world.settle()
        assert (world.ari.channels[leg].keys, world.call.state) == ("1234#", State.BRIEFING)
        assert world.briefer.last.media_id
        dialed = next(payload["data"] for payload in world.payloads if payload["phase"] == "supervisor_dialed")
        assert dialed["sip_call_to"] == "2001;ext=1234"
        assert "1234" not in str(logged)


@pytest.mark.parametrize(
    ("rule", "to", "key", "reason"),
    [
        ("rr", "2001;ext=1234", "destination.sip_call_to", "takes no extension; see its digits_after_answer"),
        ("pbx", "3001;ext=1234", "destination.sip_call_to", "does not allow"),
        ("pbx", "2001;ext=12&3", "destination.sip_call_to", "does not match"),
        ("pbx", "2001;ext=", "destination.sip_call_to", "does not match"),
    ],
)
async def test_what_the_rule_does_not_take_is_refused_with_its_key(rule, to, key, reason):
    async with World(routing=RULES).running() as world:
        await world.talking()
        world.ask(**asked(rule, to))
        await world.settle()
        result = world.result()
        assert result["outcome"] == "refused" and result["error"].startswith(f"{key}: ") and reason in result["error"]
        assert world.call.state is State.TALKING


async def test_two_people_behind_one_number_are_two():
    async with World(routing=RULES).running() as world:
        both = [{"routing_rule_id": "pbx", "sip_call_to": f"2001;ext={each}"} for each in (1, 2)]
        await world.talking()
        world.ask(destination=None, destinations=both)
        await world.settle()
        first, second = world.call.transfer.request.routes
        rests = CoolDowns({"pbx": 60.0})
        rests.rest(first, 100.0)
        assert rests.spared([first, second], 110.0) == (second,)
        assert first.endpoint == second.endpoint == "PJSIP/2001@trunk"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call +14155550100;ext=1234 now", "call +14•••00;ext=••• now"),
        ("2001;ext=12*#", "2001;ext=•••"),
        ("sip:2001;ext=7@host", "sip:2001;ext=•••@host"),
    ],
)
def test_an_extension_is_part_of_a_number_and_not_logged(text, shown):
    assert redact(text) == shown


RULE = '[routing_rules.pbx]\nendpoint = "PJSIP/{to}"\ndestinations = ["2???"]\n'
WHO = '[groups.a]\ndestinations = [{routing_rule_id = "pbx", sip_call_to = "2001;ext=12"}]\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'{RULE}digits_after_answer = "ww{{extension}}"', "routing_rules.pbx.digits_after_answer"),
        (f'{RULE}digits_after_answer = "1,2"', "routing_rules.pbx.digits_after_answer"),
        (f"{RULE}{WHO}", "groups.a.destinations.0: its rule takes no extension"),
    ],
)
def test_settings_are_checked(tmp_path, text, key):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=f"^{key}"):
        load(file)
    file.write_text(f'{RULE}digits_after_answer = "ww{{ext}}#"\n{WHO}')
    assert load(file).groups["a"].destinations[0].sip_call_to == "2001;ext=12"
