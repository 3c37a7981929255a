"""Everything in `examples/`, run as its first lines say."""

import asyncio
import json
import os
import sys
import time

import pytest_asyncio

from ari_app.testing.phone import Answer, Reject
from ari_app.testing.providers.openai import OpenAIServer
from ari_app.testing.providers.server import Fault
from ari_app.testing.stage import CHECKOUT, without_keys
from tests.sipp.conftest import CALLER, MUSIC, speech

EXAMPLES = CHECKOUT / "examples"
VOICE_AGENT = """
[agents.voice]
endpoint = "Local/front-desk@voice-agents/n"
ring_timeout = 5
"""
WHOM = ("--rule", "rr_one", "--number", "2001")


class Example:
    """A program that prints what happens, a line each."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reading = asyncio.create_task(self._read())
        self._read_one = asyncio.Condition()

    async def _read(self):
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))
            async with self._read_one:
                self._read_one.notify_all()

    async def prints(self, *parts, within=10.0):
        """Waits for a line with these parts. Returns it, as a mapping if it is JSON."""

        def found():
            return next((line for line in self.lines if all(part in line for part in parts)), None)

        try:
            async with asyncio.timeout(within), self._read_one:
                line = await self._read_one.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"{parts} not in {self.lines}") from None
        return json.loads(line) if line.startswith("{") else line

    async def says(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def ended(self, within=10.0):
        async with asyncio.timeout(within):
            await self._reading
            return await self.process.wait()

    async def end(self):
        if self.process.returncode is None:
            self.process.terminate()
        await self.ended()


@pytest_asyncio.fixture
async def run(stage):
    """Starts an example beside the stage's Asterisk; all of them end with the story."""
    running = []

    async def start(name, *arguments, **environment):
        login = {"ARI_URL": stage.lab.ari_url, "ARI_USER": stage.lab.username, "ARI_PASSWORD": stage.lab.password}
        program = (sys.executable,) if not name.endswith(".sh") else ("sh",)
        process = await asyncio.create_subprocess_exec(
            *(*program, str(EXAMPLES / name), *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**without_keys(os.environ), "PYTHONPATH": str(CHECKOUT), **login, **environment},
        )
        running.append(Example(process))
        return running[-1]

    yield start
    for example in running:
        await example.end()


async def accepts(stage, calls=1):
    """The supervisor takes the caller, with the call of this number."""
    await stage.supervisor.called(calls=calls)
    call = stage.supervisor.calls[-1]
    await call.answered()
    await asyncio.sleep(1.5)
    await call.press("1")
    await stage.are_connected()


async def test_curl(stage, run):
    await stage.talking()
    curl = await run("curl.sh", stage.channel, "rr_one", "2001", "The refund failed", URL=stage.app.url)
    assert (await curl.prints('"started"'))["data"]["reason"] == "The refund failed"
    await accepts(stage)
    assert (await curl.prints('"transfer_complete"'))["data"]["result"]["success"]
    assert await curl.ended() == 0


async def test_agent(stage, run):
    await stage.talking()
    agent = await run("agent.py", "--channel", stage.channel, *WHOM, "--reason", "The refund failed")
    await agent.says('{"role": "user", "content": "I was charged twice."}')
    agent.process.stdin.close()
    await accepts(stage)
    assert "charged twice" in (await agent.prints('"transfer_complete"'))["data"]["result"]["summary"]
    assert await agent.ended() == 0


async def test_openai_tools(stage, run):
    """The model looks an order up, says what it found, and calls for a human; the first one is busy."""
    await stage.talking(supervisor=[Reject(486), Answer()])
    async with OpenAIServer() as cloud:
        cloud.calls("look_up_order", {"order": "42"}, to="order 42")
        cloud.answers("You were charged twice.", to="tool_call_id")
        key = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": cloud.url}
        agent = await run("openai_tools.py", "--channel", stage.channel, *WHOM, **key)
        await agent.says("What about order 42?")
        await agent.prints("You were charged twice.")
        cloud.calls("get_a_human", {"reason": "charged twice"}, to="a human, please")
        cloud.answers("Nobody is free.", to="Nobody took the call")
        await agent.says("Get me a human, please.")
        await agent.prints("Nobody is free.")
        cloud.calls("get_a_human", {"reason": "charged twice"}, to="Try again")
        await agent.says("Try again.")
        await accepts(stage, calls=2)
        assert await agent.ended() == 0
        asked = cloud.seen[-1].body
        assert [tool["function"]["name"] for tool in asked["tools"]] == ["look_up_order", "get_a_human"]


async def test_handover(stage, run):
    """A rejected transfer gives the caller back with its id and outcome; the next one succeeds."""
    await stage.set(supervisor=[Reject(603, after=0.3), Answer()])
    owner = await run("handover.py", *WHOM, "--name", "my-agent")
    await owner.prints("ready")
    await stage.calls("app-my-agent")
    await stage.caller.answered()
    stage.channel = (await owner.prints("caller"))["caller"]
    await stage.caller.press("0")
    await stage.caller.hears(MUSIC)
    back = await owner.prints('"returned"')
    result = (await owner.prints('"transfer_cancelled"'))["data"]["result"]
    assert (back["returned"], result["sip_code"]) == ("rejected", 603)
    await stage.caller.press("0")
    await accepts(stage, calls=2)
    assert (await owner.prints('"transfer_complete"'))["transfer_id"] != back["transfer_id"]


# The voice agent


async def answered_by_the_voice_agent(stage, run, *options, **roles):
    await stage.set(more=VOICE_AGENT, **roles)
    agent = await run("voice_agent", *WHOM, *options)
    await agent.prints("ready")
    await stage.calls("agent-voice")
    await stage.caller.answered()
    stage.caller.tone = None
    await agent.prints('"assistant"', '"turn"')
    await stage.know_the_call()
    return agent


async def say(stage, words):
    await stage.caller.play(await speech(words, "en-us+m3"))


async def hears_speech(stage, since, within=5.0):
    """Sound that is nobody's tone."""
    give_up = time.monotonic() + within
    while not any(stage.caller.heard.sound(packet).kind == "other" for packet in stage.caller.heard.audio(since)):
        assert time.monotonic() < give_up, "; ".join(map(str, stage.caller.heard.spans(since)))
        await asyncio.sleep(0.02)


async def test_voice_agent_without_keys(stage, run):
    """The caller interrupts the agent, is not put through, and has the agent again, who knows."""
    agent = await answered_by_the_voice_agent(stage, run, supervisor=Reject(603, after=1.0))
    await say(stage, "order forty two")
    await agent.prints('"user"', "order forty two")
    await hears_speech(stage, stage.clock())
    await say(stage, "I want to talk to a human")
    await agent.prints('"user"', "i want to talk to a human")
    await agent.prints('"get_a_human"')
    assert not any("May I" in line or "may not refund" in line for line in agent.lines), "it was not interrupted"
    await stage.caller.hears(MUSIC)
    held = (await agent.prints('"transfer_cancelled"'))["data"]["result"]
    assert (held["outcome"], held["sip_code"]) == ("rejected", 603)
    await agent.prints('"turn"', "nobody is free")
    await hears_speech(stage, stage.clock() - 2.0)
    turns = (await stage.app.get(f"/v1/calls/{stage.call_id}"))["body"]
    assert turns["state"] == "talking"


def with_the_model(cloud, folder):
    """Options that make the voice agent think with this cloud."""
    settings = folder / "voice.toml"
    options = f'{{ base_url = "{cloud.url}", api_key = "k", model = "local" }}'
    settings.write_text(f'llm = "openai"\nllm_options = {options}\n')
    return "--settings", str(settings)


async def test_voice_agent_with_a_model(stage, run, tmp_path):
    """The model hears what was said, calls for a human, and the supervisor is told of it."""
    async with OpenAIServer() as cloud:
        cloud.answers("Good morning.")
        agent = await answered_by_the_voice_agent(stage, run, *with_the_model(cloud, tmp_path))
        await agent.prints("Good morning.")
        cloud.calls("get_a_human", {"reason": "The caller asks for one"}, to="talk to a human")
        await say(stage, "I want to talk to a human")
        await stage.caller.hears(MUSIC, 5.0)
        stage.caller.tone = CALLER
        await accepts(stage)
        await agent.prints('"transfer_complete"')
        assert {"role": "user", "content": "i want to talk to a human"} in cloud.seen[-1].body["messages"]


async def test_voice_agent_whose_model_is_down(stage, run, tmp_path):
    """Nobody stays with an agent that can't think: a human is asked for, and after that there is an apology."""
    async with OpenAIServer() as cloud:
        cloud.fail(Fault.SERVER_ERROR)
        model = with_the_model(cloud, tmp_path)
        agent = await answered_by_the_voice_agent(stage, run, *model, supervisor=Reject(603))
        assert "can't go on" in (await agent.prints('"started"'))["data"]["reason"]
        await agent.prints('"transfer_cancelled"')
        await agent.prints("I can't help you right now")
        assert len(stage.invites()) == 1


async def test_voice_agent_is_away(stage, run):
    """Its leg ends at once, and the caller is served by the fallback."""
    await stage.set(more=VOICE_AGENT)
    await stage.calls("agent-voice")
    await stage.caller.hears(440, 8.0)
