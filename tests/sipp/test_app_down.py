"""The app is not there when a caller comes: Asterisk serves the fallback by itself, at once."""

import pytest

from tests.sipp.conftest import AGENT, FALLBACK, MUSIC

AT_ONCE = 1.0


@pytest.mark.parametrize("dial", ["1000", "agent-front-desk", "hold"])
async def test_a_call_comes_before_the_app_was_ever_started(stage, dial):
    await stage.set(start=False)
    await stage.calls(dial)
    await stage.caller.hears(FALLBACK, AT_ONCE)
    assert not stage.agent.calls


async def test_a_call_comes_after_the_app_was_killed_and_the_next_when_it_is_back(stage):
    await stage.talking()
    first = stage.caller
    await stage.app.kill()
    await stage.calls()
    await stage.caller.hears(FALLBACK, AT_ONCE)
    await stage.app.start()
    await first.hears(AGENT)
    await stage.caller.hang_up()

    await stage.calls("hold")
    await stage.caller.hears(MUSIC)
    await stage.caller.hang_up()
    await first.hang_up()
