"""The stage of every story: one lab and one app for all, phones of their own for each.

A story is judged from RTP tones and SIP messages; when it is over, Asterisk's lists of channels and bridges must be
empty.
"""

import asyncio
import time
from contextlib import AsyncExitStack, suppress

import numpy as np
import pytest
import pytest_asyncio

from ari_app.briefing.espeak import Espeak
from ari_app.media.audio import resample
from ari_app.testing.phone import Answer, Phone
from ari_app.testing.stage import App, Ari, Lab
from tests.sipp.clouds import SECRETS, Clouds
from tests.sipp.usual import Usual

CALLER, AGENT, SUPERVISOR, FALLBACK, MUSIC = 1000, 1500, 2000, 440, 300
"Hz: who sends what. The lab's fallback is 440 Hz, its music class `lab-music` 300 Hz."
SECOND = 2500
PEOPLE = (AGENT, SUPERVISOR, SECOND, FALLBACK)
"Whom a caller can end with."
ENDS = ("transfer_complete", "transfer_cancelled", "transfer_failed")

SETTINGS = """
[agents.front-desk]
endpoint = "{agent}"
ring_timeout = 3
[agents.voice]
endpoint = "Local/front-desk@voice-agents/n"
ring_timeout = 5
[routing_rules.rr_one]
endpoint = "{supervisor}"
callers = ["+14155550100", "+14155550199"]
destinations = ["2???"]
ring_timeout = 20
[routing_rules.rr_two]
endpoint = "{second}"
callers = ["+14155550100"]
destinations = ["2???"]
ring_timeout = 20
[routing_rules.rr_three]
endpoint = "PJSIP/lab/sip:{{to}}@127.0.0.1:{third}"
callers = ["+14155550100"]
destinations = ["2???"]
ring_timeout = 20
[routing_rules.rr_telling]
endpoint = "{supervisor}"
callers = ["+14155550100"]
destinations = ["2???"]
ring_timeout = 20
context = "x-headers"
[routing_rules.rr_short]
endpoint = "{supervisor}"
callers = ["+14155550100"]
destinations = ["2???"]
ring_timeout = 1.5
[hold]
moh_class = "lab-music"
max_seconds = 60
[briefing.default]
greet = "at_once"
reprompt_after = 2.0
stt = "{stt}"
[briefing.hurried]
greet = "at_once"
stt = "none"
reprompt_after = 0.6
reprompts = 1
{more}
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/sipp" in str(item.path):
            item.add_marker(pytest.mark.sipp)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = asyncio.run(Lab.up(tmp_path_factory.mktemp("lab")))
    yield lab
    asyncio.run(lab.down())


@pytest.fixture(scope="session")
def usual(lab, tmp_path_factory):
    usual = Usual(lab, tmp_path_factory.mktemp("usual"))
    yield usual
    asyncio.run(usual.leave())


def _as_pure(tone):
    return {f"tone {tone}", "silence"}


SPOKEN = {}
"What humans have said so far, by words and voice: many say yes."


async def speech(words, voice="en-us"):
    """A human's words on the phone, as 16-bit samples at 8 kHz."""
    if (words, voice) not in SPOKEN:
        pcm = b"".join([piece async for piece in Espeak(voice, 150).synthesize(words)])
        SPOKEN[words, voice] = np.frombuffer(resample(pcm, Espeak.rate, 8_000), "<i2")
    return SPOKEN[words, voice]


class Stage:
    """One story's people. `caller` talks to `agent` after `talking()`."""

    def __init__(self, lab: Lab, folder, usual: Usual) -> None:
        self.lab = lab
        self.usual = usual
        self.folder = folder
        self.people = AsyncExitStack()
        self.app: App = None
        self.ari: Ari = None
        self.caller = self.agent = self.supervisor = self.second = None
        self.third_port = 0
        "For one more phone: the rule rr_three rings it."
        self.channel = self.call_id = ""

    async def set(
        self,
        *,
        supervisor=None,
        second=None,
        agent=None,
        start=True,
        more="",
        environment=None,
        hears=False,
        fresh=False,
    ):
        """Phones on hooks, the app running: the one of the stories before if it has the same settings. A story with
        `more` of its own, or that starts the app itself, has a new one; and so does one that asks for a `fresh` one,
        because it counts all that ever was. Behaviours are of `ari_app.testing.phone`. Loading the embedded recogniser
        takes a second of a core: only where somebody speaks to it."""
        is_usual = start and not (more or fresh)
        enter = self.people.enter_async_context
        roles = (("agent", AGENT, agent), ("supervisor", SUPERVISOR, supervisor), ("second", SECOND, second))
        *ports, self.third_port = self.usual.ports()
        self.agent, self.supervisor, self.second = [
            await enter(
                Phone.listener(port=port if is_usual else None, tone=tone, name=name, behaviour=behaviour or Answer())
            )
            for port, (name, tone, behaviour) in zip(ports, roles, strict=True)
        ]
        self.ari = await enter(Ari(self.lab, "agent-app"))
        settings = SETTINGS.format(
            agent=self.agent.endpoint("agent"),
            supervisor=f"PJSIP/lab/sip:{{to}}@127.0.0.1:{self.supervisor.sipp.port}",
            second=f"PJSIP/lab/sip:{{to}}@127.0.0.1:{self.second.sipp.port}",
            third=self.third_port,
            more=more,
            stt="auto" if hears else "none",
        )
        if is_usual:
            self.app = await self.usual.app(settings, dict(environment or {}))
            return self
        await self.usual.leave()
        self.app = App(self.lab, self.folder / "app", settings, dict(environment or {}))
        if start:
            await self.app.start()
        return self

    async def calls(self, dial="1000", **options):
        """The caller dials; nothing is waited for."""
        phone = Phone.caller(lab_sip=self.lab.sip, dial=dial, tone=CALLER, **options)
        self.caller = await self.people.enter_async_context(phone)

    async def talking(self, **roles):
        """Caller and agent hear each other."""
        if self.app is None:
            await self.set(**roles)
        await self.calls()
        await self.caller.answered()
        await self.caller.hears(AGENT)
        await self.agent.hears(CALLER)
        await self.know_the_call()
        return self

    async def know_the_call(self):
        call = (await self.app.get("/v1/calls"))["body"][0]
        self.channel, self.call_id = call["channel"], call["call_id"]

    async def ask(self, rule="rr_one", to="2001", **variables):
        """The agent asks for a transfer by ARI user event."""
        request = {"reply_to": "agent-app", "reason": "the caller wants a refund", **variables}
        if "destinations" not in request:
            request.setdefault("destination", {"routing_rule_id": rule, "sip_call_to": to})
        await self.ari.tell("WarmTransferRequest", self.channel, request)

    async def dialing(self, **roles):
        """The supervisor's phone has got the INVITE and the caller hears music."""
        await self.talking(**roles)
        await self.ask()
        await self.caller.hears(MUSIC)
        await self.supervisor.invited()
        return self

    async def briefed(self, **roles):
        """The supervisor hears the briefing."""
        await self.dialing(**roles)
        await self.ari.phase("briefing_started")
        return self

    async def briefed_to_a_talker(self, **roles):
        """The supervisor hears the briefing and is silent until there is something to say."""
        await self.set(**roles, hears=True)
        self.supervisor.tone = None
        return await self.briefed()

    async def says(self, words):
        """The supervisor's words, over whatever is being said to them, and a second of listening. The phone sends
        nothing while it is silent, as phones with voice activity detection do."""
        await self.supervisor.play(await speech(words))
        await asyncio.sleep(1.0)

    async def connected(self, **roles):
        """The supervisor has taken the caller."""
        await self.briefed(**roles)
        await self.supervisor.press("1")
        await self.are_connected()
        assert (await self.ari.ended())["outcome"] == "completed"
        return self

    async def are_connected(self):
        await self.caller.hears(SUPERVISOR)
        await self.supervisor.hears(CALLER)

    async def are_back(self, within=2.0):
        """Caller and agent hear each other again; 2 s is what every failure is allowed."""
        await self.caller.hears(AGENT, within)
        await self.agent.hears(CALLER, within)

    async def nothing_is_left(self, within=3.0):
        """Asterisk has no channel and no bridge."""
        give_up = time.monotonic() + within
        while True:
            left = await self.ari.call("GET", "channels"), await self.ari.call("GET", "bridges")
            if not any(left):
                return
            if time.monotonic() > give_up:
                names = [thing.get("name") or thing["id"] for things in left for thing in things]
                raise AssertionError(f"still in Asterisk: {names}\n{self.app.log[-2000:]}")
            await asyncio.sleep(0.05)

    async def asterisk_has(self, *, channels, bridges, within=5.0):
        """Exactly so many: 5 s is what a new life of the app has to clear away what the old one left."""
        give_up = time.monotonic() + within
        while True:
            there = await self.ari.call("GET", "channels"), await self.ari.call("GET", "bridges")
            if tuple(map(len, there)) == (channels, bridges):
                return
            if time.monotonic() > give_up:
                names = [thing.get("name") or thing["id"] for things in there for thing in things]
                raise AssertionError(f"not {channels} channels and {bridges} bridges, but {names}")
            await asyncio.sleep(0.05)

    async def listens_again(self):
        """The agent's own application, after Asterisk was restarted; what it had heard stays known."""
        heard = self.ari.events
        self.ari = await self.people.enter_async_context(Ari(self.lab, "agent-app"))
        self.ari.events[:0] = heard

    async def not_ready(self, within=5.0):
        """Waits until the app says so itself. Returns what it says."""
        give_up = time.monotonic() + within
        while (answer := await self.app.get("/readyz"))["status"] != 503:
            assert time.monotonic() < give_up, f"still ready: {answer}"
            await asyncio.sleep(0.02)
        return answer["body"]

    async def killed_and_back(self):
        """kill -9, and the same app again with the same journal. Returns for how many seconds there was none."""
        killed = time.monotonic()
        await self.app.kill()
        await self.app.start()
        return time.monotonic() - killed

    async def told_without_holes(self, transfer_id=None):
        """The whole transfer as HTTP tells it: phases 1, 2, 3 … to one end. Returns their names."""
        transfer_id = transfer_id or self.ari.phases[0]["transfer_id"]
        async with asyncio.timeout(15):
            told = [event["data"] async for event in self.app.follow(transfer_id)]
        names = [phase["phase"] for phase in told]
        assert [phase["sequence"] for phase in told] == list(range(1, len(told) + 1)), names
        ends = [name for name in names if name in ENDS]
        assert ends == names[-1:], names
        view = (await self.app.get(f"/v1/transfers/{transfer_id}"))["body"]
        assert (view["phase"], view["result"]) == (names[-1], told[-1]["data"]["result"])
        return names

    def caller_had_company(self, since=None, *, longest=1.0):
        """Music or a human throughout, from `since` or the first of it."""
        company = {f"{tone}" for tone in (AGENT, MUSIC, SUPERVISOR, FALLBACK, SECOND)}
        last = None
        for span in self.caller.heard.spans(since):
            if company & set(span.label.removeprefix("tone ").split("+")):
                lonely = span.start - (last or span.start)
                assert lonely <= longest, "; ".join(map(str, self.caller.heard.spans(since)))
                last = span.end
        assert last and (self.caller.call.over or time.monotonic() - last <= longest), "nobody is there at the end"

    async def everybody_hangs_up(self):
        for phone in (self.caller, self.agent, self.supervisor, self.second):
            for call in phone.calls if phone else ():
                if not call.over:
                    # our BYE may cross theirs; what counts is that Asterisk has nothing left
                    with suppress(AssertionError):
                        await call.hang_up()

    def request(self, rule="rr_one", to="2001", **variables):
        """The same request as an HTTP body."""
        destination = {"routing_rule_id": rule, "sip_call_to": to}
        return {"channel": self.channel, "reply_to": "agent-app", "destination": destination, **variables}

    def clock(self):
        """The clock of phases, reports and packets."""
        return time.monotonic()

    async def pause(self, seconds):
        """Sound flows meanwhile."""
        await asyncio.sleep(seconds)

    async def cancel(self, reason="the caller thought better of it"):
        """The agent takes the request back by ARI user event."""
        await self.ari.tell("WarmTransferCancel", self.channel, {"reason": reason})

    def invites(self, *phones):
        """The INVITEs that began a call at these phones, or at both supervisors'; no repetitions of UDP's sake."""
        heard = [m for phone in phones or (self.supervisor, self.second) for m in phone.messages if not m.sent]
        first = [m for m in heard if m.first_line.startswith("INVITE") and ";tag=" not in m.headers["to"]]
        return sorted({m.call_id for m in first})

    def spoken(self, call, since, until=None):
        """Seconds of sound at a supervisor's ear before the join: only the app can have made it."""
        return 0.02 * sum(call.heard.sound(packet).kind != "silence" for packet in call.heard.audio(since, until))

    def only_heard(self, heard, tone, since, until=None):
        """Silence aside. Two frames of anything are the click of a move between bridges, and not a word."""
        strange = [sound for p in heard.audio(since, until) if str(sound := heard.sound(p)) not in _as_pure(tone)]
        assert len(strange) <= 2, "; ".join(map(str, heard.spans(since, until)))

    def nothing_leaked(self, *, accepted=None):
        """Since the hold the caller has heard music and then one human, no word of a briefing and no key; the agent
        not the caller before they met again; no supervisor the caller before `accepted`, the moment of the key."""
        heard = self.caller.heard
        held = heard.first(MUSIC).at
        met, tone = min((packet.at, t) for t in PEOPLE if (packet := heard.first(t, held)))
        self.only_heard(heard, MUSIC, since=held, until=met - 0.001)
        self.only_heard(heard, tone, since=met)
        assert heard.events() == [], "a key leaked to the caller"
        self.agent.heard.assert_never_heard(CALLER, since=held, until=met - 0.25 if tone == AGENT else None)
        for call in (*self.supervisor.calls, *self.second.calls):
            call.heard.assert_never_heard(CALLER, until=accepted)

    def log_has_no_secret(self):
        """What was logged at whatever level in all lives of the app: no key of a provider, no password."""
        told = [name for name, secret in SECRETS.items() if secret in self.app.log]
        assert self.lab.password not in self.app.log, "the password is in the log"
        assert not told, f"in the log: {told}"

    async def has_told_all(self, within=2.0):
        """Whether every transfer has come to its end at the agent's: told any later, it would be the next story's."""
        give_up = time.monotonic() + within
        while self.ari and self.app.process and self.app.process.returncode is None:
            begun = {phase["transfer_id"] for phase in self.ari.phases}
            if begun == {phase["transfer_id"] for phase in self.ari.phases if phase["phase"] in ENDS}:
                return True
            if time.monotonic() > give_up:
                return False
            await asyncio.sleep(0.02)
        return True

    def left_unanswered(self):
        """An INVITE that got no answer whatever is sent again, and would ring in the next story at the same port."""
        answers = ("rang", "progressed", "established", "rejected")
        phones = (self.agent, self.supervisor, self.second)
        return any(not call.saw(*answers) for phone in phones if phone for call in phone.calls)

    async def app_is_over(self):
        """Any but the usual one ends with its story."""
        if not self.usual.has(self.app):
            await self.app.stop()
        print(self.app.log)
        self.log_has_no_secret()

    def supervisor_heard_nothing_of(self, tone=CALLER, until=None):
        for call in self.supervisor.calls:
            call.heard.assert_never_heard(tone, until=until)


@pytest_asyncio.fixture
async def clouds():
    async with Clouds() as of_each:
        yield of_each


@pytest_asyncio.fixture
async def stage(lab, usual, tmp_path, request):
    scene = Stage(lab, tmp_path, usual)
    failed, is_over = request.session.testsfailed, False
    async with scene.people:
        try:
            yield scene
            await scene.everybody_hangs_up()
            await scene.nothing_is_left()
            is_over = await scene.has_told_all() and not scene.left_unanswered()
        finally:
            if not is_over or request.session.testsfailed > failed:
                await usual.move()
            if scene.app:
                await scene.app_is_over()
