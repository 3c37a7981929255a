"""The supervisor is not reached: the caller is with the agent again within 2 s, and the agent knows the SIP code."""

import pytest

from ari_app.testing.phone import Reject


@pytest.mark.parametrize(
    ("code", "outcome", "phase"),
    [
        (486, "busy", "transfer_cancelled"),
        (603, "rejected", "transfer_cancelled"),
        (404, "unreachable", "transfer_failed"),
        (480, "no_answer", "transfer_cancelled"),
        (503, "congestion", "transfer_failed"),
    ],
)
async def test_the_supervisors_phone_refuses(stage, code, outcome, phase):
    await stage.talking(supervisor=Reject(code))
    await stage.ask()
    result = await stage.ari.ended()
    await stage.are_back()
    assert (result["outcome"], result["sip_code"], result["phase"]) == (outcome, code, phase)
    assert [a["sip_code"] for a in result["attempts"]] == [code]
    assert "caller_returned" in stage.ari.names()


async def test_a_phone_that_redirects_brings_no_new_caller(stage):
    """Asterisk follows a 302 into the dialplan by itself, which ends in the app, at the agent."""
    await stage.talking(supervisor=Reject(302), fresh=True)
    await stage.ask()
    result = await stage.ari.ended()
    assert (result["outcome"], result["sip_code"]) == ("unreachable", 302)
    await stage.are_back()
    await stage.asterisk_has(channels=2, bridges=1)
    assert len((await stage.app.get("/v1/calls"))["body"]) == 1
    assert len(stage.agent.calls) == 1
