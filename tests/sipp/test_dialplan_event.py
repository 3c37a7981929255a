"""An agent that is a dialplan: the lines of the how-to page, run as they stand, and an AGI script beside them."""

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path

from ari_app.testing.phone import Reject
from tests.sipp.conftest import AGENT, CALLER, MUSIC, SUPERVISOR

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "signal-from-your-agent.md"
AGI = """
[agi-desk]
exten => s,1,Answer()
 same => n,Playtones(1500)
 same => n,AGI(agi://127.0.0.1:{port})
 same => n,Wait(60)
"""


def lines_of_the_page():
    return re.search(r"```\n(\[front-desk\]\n.*?)```", PAGE.read_text(), re.DOTALL).group(1)


def add_to_dialplan(lab, lines):
    site = Path(lab.dir, "etc", "site", "extensions.conf")
    site.write_text(f"{site.read_text()}\n{lines}")


async def desk(stage, agent, dialplan, **roles):
    """The app with this agent, whose dialplan Asterisk has just read; `rr_support` is the page's rule."""
    await stage.set(start=False, **roles)
    context = re.search(r"\[([\w-]+)\]", dialplan).group(1)
    add_to_dialplan(stage.lab, dialplan)
    await stage.lab.cli("dialplan reload")
    supervisor = f"PJSIP/lab/sip:{{to}}@127.0.0.1:{stage.supervisor.sipp.port}"
    stage.app.extra += f"""
[agents.{agent}]
endpoint = "Local/s@{context}/n"
[routing_rules.rr_support]
endpoint = "{supervisor}"
callers = ["+14155550100"]
destinations = ["2001"]
"""
    await stage.app.start()
    await stage.calls(f"agent-{agent}")
    await stage.caller.answered()


async def test_the_lines_of_the_page(stage):
    await desk(stage, "menu", lines_of_the_page(), supervisor=(Reject(486),))
    await stage.caller.hears_music()
    await stage.caller.press("0")
    await stage.supervisor.invited()
    await stage.know_the_call()
    # nobody took the call, and the menu is there again: as it was, so the same key asks once more
    await stage.pause(1.0)
    await stage.caller.hears_music()
    stage.supervisor.behaviour = stage.agent.behaviour
    await stage.caller.press("0")
    await stage.supervisor.invited()
    await stage.caller.hears(MUSIC)
    await stage.supervisor.hears_music()
    await stage.supervisor.press("1")
    await stage.are_connected()

    second, first = (await stage.app.get("/v1/transfers"))["body"]
    assert first["result"]["outcome"] == "busy"
    assert first["request_id"].startswith(f"{stage.call_id}-"), "the dialplan does not know the call"
    names = await stage.told_without_holes(second["transfer_id"])
    assert names[-1] == "transfer_complete"
    result = (await stage.app.get(f"/v1/transfers/{second['transfer_id']}"))["body"]["result"]
    assert "I was charged twice, and I want that money back." in result["summary"]


@asynccontextmanager
async def script(*commands):
    """An AGI script on a socket; `done` has Asterisk's answers."""
    done = asyncio.get_running_loop().create_future()
    go = asyncio.Event()

    async def serve(reader, writer):
        while (await reader.readline()).strip():
            pass
        await go.wait()
        answers = []
        for command in commands:
            writer.write(f"{command}\n".encode())
            answers.append((await reader.readline()).decode().strip())
        writer.close()
        done.set_result(answers)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], go, done


async def test_an_agi_script_asks_is_refused_asks_again_and_cancels(stage):
    for module in ("res_speech.so", "res_agi.so"):
        await stage.lab.cli(f"module load {module}")
    where = "routing_rule_id:rr_support,sip_call_to:2001,reply_to:agent-app"
    commands = (
        f'EXEC UserEvent "WarmTransferRequest,{where},request_id:a,priority:1"',
        f'EXEC UserEvent "WarmTransferRequest,{where},request_id:b,supervisor_join_timeout:30"',
    )
    async with script(*commands) as (port, go, done):
        await desk(stage, "agi", AGI.format(port=port))
        await stage.caller.hears(AGENT)
        go.set()
        assert await done == ["200 result=0"] * 2
        refusal = await stage.ari.phase("transfer_failed")
        assert (refusal["request_id"], refusal["data"]["outcome"]) == ("a", "refused")
        assert "priority" in refusal["data"]["reason"]
        await stage.ari.phase("briefing_started")
        await stage.know_the_call()
        await stage.cancel()
        await stage.caller.hears(AGENT)
        assert (await stage.ari.ended(count=2))["outcome"] == "cancelled"
        assert {phase["request_id"] for phase in stage.ari.phases} == {"a", "b"}
        stage.caller.heard.assert_never_heard(SUPERVISOR)
        stage.supervisor_heard_nothing_of(CALLER)
