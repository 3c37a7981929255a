"""What an agent may give, who is told, and in which order."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading

import pytest
from fake_asterisk import CHANNEL, phase, story

from ari_app import AgentSession, SIPDestination, WarmTransferConfig, WarmTransferError, WarmTransferPhase
from ari_app.agents.ledger import Ledger
from ari_app.wire import WarmTransferRequest

DESTINATION = SIPDestination("rr_x", "+14155550123")
LOGIN = {"ari_url": "http://127.0.0.1:1", "username": "u", "password": "p", "channel_id": CHANNEL}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SIPDestination("rr_x", "a,b"), "SIPDestination: sip_call_to"),
        (lambda: SIPDestination("rr_x", "2001", colour="red"), "colour: there is no such key"),
        (lambda: SIPDestination("rr_x", "2001", headers={"From": "x"}), "use X-"),
        (lambda: WarmTransferConfig(), "give either destination or destinations"),
        (lambda: WarmTransferConfig(destination=DESTINATION, patience=3), "patience: there is no such key"),
        (lambda: WarmTransferConfig(destination=DESTINATION, briefing_timeout=0), "briefing_timeout"),
        (lambda: WarmTransferConfig(destination={"routing_rule_id": "rr_x"}), "destination.sip_call_to"),
        (lambda: WarmTransferConfig(destination=DESTINATION, chat_history=[{"content": "x"}]), "chat_history.0.role"),
        (lambda: WarmTransferConfig(destination=DESTINATION, chat_history="hello"), "chat_history: give a list"),
        (lambda: WarmTransferConfig(destination=DESTINATION, metadata={"x": float("nan")}), "metadata"),
        (lambda: WarmTransferConfig(destination=DESTINATION, briefing_pipeline_factory=3), "briefing_pipeline_factory"),
        (lambda: AgentSession(ari_url="http://x", channel_id="c"), "ari_url: give ari_url, username and password"),
        (lambda: AgentSession(**(LOGIN | {"channel_id": None})), "channel_id"),
        (lambda: AgentSession(app=object(), channel_id="c"), "app: give the name"),
        (lambda: AgentSession(**LOGIN).on_warm_transfer("transfer_completed"), "no phase 'transfer_completed'"),
    ],
)
def test_misuse_names_the_key_and_the_mend(make, words):
    with pytest.raises(WarmTransferError) as raised:
        make()
    assert words in str(raised.value)


def test_a_config_has_every_field_of_a_request_and_sends_what_was_given():
    assert set(WarmTransferConfig.model_fields) >= set(WarmTransferRequest.model_fields)
    config = WarmTransferConfig(
        destinations=[DESTINATION, SIPDestination("rr_y", "2002", participant_display_name="Front desk")],
        supervisor_join_timeout=30,
        summary_llm=object(),
        chat_history=[{"role": "user", "content": [{"type": "text", "text": "hi\0"}, {"type": "image"}], "id": 7}],
    )
    assert config.variables() == {
        "destinations": [
            {"routing_rule_id": "rr_x", "sip_call_to": "+14155550123"},
            {"routing_rule_id": "rr_y", "sip_call_to": "2002", "participant_display_name": "Front desk"},
        ],
        "supervisor_join_timeout": 30.0,
    }
    assert list(config.chat_history) == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("arriving", "told"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 1, 2, 2, 1, 3], [1, 2, 3]),
        ([2, 1, 4, 3], [1, 2, 3, 4]),
        ([1, 3, 4], [1, 3, 4]),
        ([1, 5, 3, 2], [1, 2, 3, 5]),
    ],
    ids=["in order", "twice", "crossed", "one lost", "late and lost"],
)
async def test_each_phase_is_told_once_and_in_order(arriving, told):
    delivered = []
    ledger = Ledger(delivered.append, hole=0.0)
    for number in arriving:
        ledger.hear(phase(number, "started"))
    await asyncio.sleep(0)
    ledger.flush()
    assert [payload["sequence"] for payload in delivered] == told


async def test_what_can_not_be_read_is_passed_over_without_its_words(caplog):
    ledger = Ledger(lambda payload: pytest.fail("told"))
    for broken in ({}, phase("x", "started"), phase(1, "transfer_failed", data={"result": {"error": "SECRET"}})):
        ledger.hear(broken)
    assert len(caplog.records) == 3 and "SECRET" not in caplog.text


async def test_a_phase_of_a_newer_app_is_told_as_it_is():
    delivered = []
    Ledger(delivered.append).hear(phase(1, "supervisor_coached"))
    assert delivered[0]["phase"] == "supervisor_coached"


async def test_slow_and_raising_handlers_stall_nobody(asterisk, session, config, caplog):
    gate, blocked = threading.Event(), asyncio.Event()
    numbers, done = [], asyncio.Event()
    stuck = []
    asterisk.answer = lambda asked: [*story("case-1")[:2], *story("case-1")[2:]]

    @session.on_warm_transfer()
    def blocks(payload):
        stuck.append(payload["sequence"])
        gate.wait(5)

    @session.on_warm_transfer()
    async def never_returns(payload):
        await blocked.wait()

    @session.on_warm_transfer()
    def raises(payload):
        raise ValueError(f"SECRET {payload}")

    @session.on_warm_transfer()
    async def hears(payload):
        numbers.append(payload["sequence"])
        payload["data"] = "mine"
        if payload["phase"] is WarmTransferPhase.TRANSFER_COMPLETE:
            done.set()

    with caplog.at_level(logging.ERROR, "ari_app.agent"):
        result = await session.warm_transfer(config)
        await done.wait()
        assert (result.success, numbers, stuck) == (True, [1, 2, 3, 4, 5], [1])
        gate.set()
        blocked.set()
        await session.aclose()

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5 and all("raises raised ValueError" in line for line in lines)
    assert "SECRET" not in caplog.text
    assert stuck == [1, 2, 3, 4, 5]


def test_importing_it_loads_nothing_of_the_server_nor_of_providers():
    script = """
import sys
import ari_app
assert [name for name in sys.modules if name.startswith("ari_app")] == ["ari_app"]
from ari_app import (
    AgentSession, SIPDestination, WarmTransferConfig, WarmTransferResult, WarmTransferPhase, WarmTransferError,
    function_tool, Pipeline,
)
assert set(ari_app.__all__) <= set(dir(ari_app))
assert all(getattr(ari_app, name) for name in ari_app.__all__)
tops = {name.split(".")[0] for name in sys.modules}
heavy = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "openai", "anthropic", "deepgram", "elevenlabs", "cartesia"}
print(*sorted(tops & (heavy | {"numpy", "pocketsphinx", "httpx", "aioari", "structlog", "typer"})))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")


def test_a_name_that_is_not_there():
    import ari_app

    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        _ = ari_app.Nobody
