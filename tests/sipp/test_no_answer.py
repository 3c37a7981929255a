"""Nobody takes the call: the ringing ends with a CANCEL, and the caller is with the agent again."""

from ari_app.testing.phone import Ring


async def test_no_answer_within_the_rules_ring_timeout(stage):
    await stage.talking(supervisor=Ring())
    await stage.ask("rr_short")
    await stage.ari.phase("supervisor_ringing")
    await stage.supervisor.cancelled(within=4.0)
    await stage.are_back()
    result = await stage.ari.ended()

    assert (result["success"], result["outcome"], result["phase"]) == (False, "no_answer", "transfer_cancelled")
    assert [attempt["outcome"] for attempt in result["attempts"]] == ["no_answer"]
    assert "caller_returned" in stage.ari.names()
    stage.nothing_leaked()


async def test_the_join_timeout_is_for_all_ringing_together(stage):
    """The first destination may ring for 20 s, the request allows 1: the second is never rung."""
    await stage.talking(supervisor=Ring())
    await stage.ask(
        destinations=[
            {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
            {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
        ],
        supervisor_join_timeout=1,
    )
    await stage.supervisor.cancelled(within=4.0)
    await stage.are_back()
    result = await stage.ari.ended()

    assert (result["outcome"], len(result["attempts"])) == ("no_answer", 1)
    assert stage.invites(stage.second) == []
    stage.nothing_leaked()
