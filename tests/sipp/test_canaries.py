"""Planted canaries: what must not be told is looked for in all that is told, at the most talkative level of the log."""

import json

import aiohttp

from tests.sipp.clouds import SECRETS
from tests.sipp.conftest import AGENT, CALLER, SUPERVISOR

NUMBER = "+14155550123"
"The caller's, as the phone dials with it."
CARD = "4111 1111 1111 1111"
TOLD = "my canary sang about the lighthouse"
ASKED = "which canary escaped from the aviary"
REFUSED = "my canary needs the veterinarian"
HISTORY = [
    {"role": "user", "content": f"I tell you, {TOLD}. My card is {CARD}, and my number is {NUMBER}."},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "charge", "arguments": json.dumps({"card": CARD})}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "The charge was refused."},
]  # fmt: skip
TALKATIVE = {"WARM_TRANSFER_LOG_LEVEL": "debug", "WARM_TRANSFER_HTTP__TOKEN": SECRETS["http"]}


async def fetched(stage, path):
    """The text of a page of the HTTP API."""
    headers = {"Authorization": f"Bearer {SECRETS['http']}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(stage.app.url + path) as response:
        assert response.status == 200, (path, response.status)
        return await response.text()


async def is_refused_in_words(stage, clouds):
    """A transfer with a question, an answer, and a refusal with its reason. One provider after the other fails."""
    await stage.ask(briefing_profile="clouds", reason="the card was refused", chat_history=HISTORY)
    await stage.ari.phase("briefing_started")
    await stage.pause(1.1)
    clouds.ears.hears(ASKED)
    await clouds.asked(ASKED)
    await stage.pause(0.5)
    clouds.ears.hears(f"I can't, {REFUSED}")
    await stage.ari.ended()


async def everything_told(stage):
    """Where it was told, and all that was told there."""
    transfer, call = (f"/v1/{kind}s/{stage.ari.phases[0][f'{kind}_id']}" for kind in ("transfer", "call"))
    paths = ("/metrics", "/docs", "/v1/transfers", transfer, f"{transfer}/events", "/v1/calls", call)
    pages = {path: await fetched(stage, path) for path in paths}
    return {"events": json.dumps(stage.ari.events), **pages}


async def test_no_canary_sings(stage, clouds):
    clouds.model.answers(f"The caller says: {TOLD}. The card is {CARD}.")
    clouds.model.answers("Nobody knows about the canary.", to=ASKED)
    await stage.set(more=clouds.settings(), environment=TALKATIVE)
    stage.supervisor.tone = None
    await stage.calls()
    await stage.caller.hears(AGENT, within=5.0)
    stage.channel = json.loads(await fetched(stage, "/v1/calls"))[0]["channel"]
    await is_refused_in_words(stage, clouds)
    await stage.caller.hears(AGENT, within=5.0)
    told = await everything_told(stage)
    await stage.everybody_hangs_up()
    await stage.nothing_is_left()
    await stage.app.stop()
    told["log"] = stage.app.log

    def where(canary):
        return {place for place, text in told.items() if canary.lower() in text.lower()}

    result = (await stage.ari.ended())["decline_reason"]
    assert REFUSED in result, "the canary never flew: the supervisor was not understood"
    assert TOLD in (await stage.ari.phase("summary_ready"))["data"]["summary"], "nor was the caller"
    for name, secret in {**SECRETS, "ARI": stage.lab.password}.items():
        assert where(secret) == set(), name
    for card in (CARD, CARD.replace(" ", ""), CARD.replace(" ", "-")):
        assert where(card) == set()
        assert card not in json.dumps([clouds.voice.said, clouds.prompts])
    for private in (TOLD, ASKED, REFUSED, NUMBER, NUMBER[1:], "lighthouse", "aviary", "veterinarian"):
        assert not where(private) & {"log", "/metrics"}, private
    assert where("provider_left_alone") == {"/metrics"}
    assert told["log"].count('"level": "debug"') > 5, "it was not talkative"
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.supervisor_heard_nothing_of(CALLER)
