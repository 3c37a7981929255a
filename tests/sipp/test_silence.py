"""A supervisor who says nothing is not connected to anybody."""

import pytest

from tests.sipp.conftest import SUPERVISOR


@pytest.mark.parametrize(
    ("patience", "within"),
    [
        ({"briefing_timeout": 2}, 6.0),
        ({"briefing_profile": "hasty"}, 25.0),
    ],
    ids=["the briefing's time-out", "the re-prompts of the profile"],
)
async def test_silence_until_the_time_out(stage, patience, within):
    await stage.talking(more='[briefing.hasty]\ngreet = "at_once"\nreprompt_after = 0.5\nreprompts = 1\n'
                        "words_per_minute = 400\n")  # fmt: skip
    stage.supervisor.tone = None
    await stage.ask(**patience)
    complete = await stage.ari.phase("briefing_complete", within)
    await stage.are_back()
    goodbye = await stage.supervisor.ended(within=6.0)
    result = await stage.ari.ended()

    assert (complete["data"]["resolution"], complete["data"]["by"]) == ("timeout", None)
    assert (result["success"], result["outcome"], result["phase"]) == (False, "ack_timeout", "transfer_cancelled")
    assert "call_switched" not in stage.ari.names()
    assert goodbye.event == "bye"
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.nothing_leaked()
