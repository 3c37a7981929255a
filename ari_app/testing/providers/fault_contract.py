"""What each fault of a cloud must come to, whoever the cloud is: one ProviderError with one verdict, in time.

@pytest.mark.parametrize("fault", faults_of("llm"), ids=str)
async def test_each_fault(cloud, fault):
    await fails(cloud, fault, lambda deadlines: use(Model(Options("canary", cloud.url, deadlines=deadlines))))
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from traceback import format_exception

from ari_app.briefing.providers.border import Deadlines
from ari_app.briefing.providers.catalog import Stage
from ari_app.errors import ProviderError
from ari_app.testing.providers.server import Fault, LocalProvider

CANARY = "canary"
"Every key and every text of these tests contains it; no error may."
BRIEF = Deadlines(connect=0.3, first_token=0.2, first_audio=0.3, stall=0.1)
LATEST = 5.0
"Seconds for a failure, on a busy machine; an SDK's own time-outs are longer."


class Verdict(Enum):
    PASSING = "passing"
    "The next try may do."
    LASTING = "lasting"
    "Nobody's does until a key, an account or a setting is mended."
    THIS_REQUEST = "this request"
    "The same again fails again; another may not."

    @classmethod
    def of(cls, error: ProviderError) -> Verdict:
        return cls.PASSING if error.retryable else cls.LASTING if error.is_lasting else cls.THIS_REQUEST


VERDICTS = {
    Fault.REFUSE: Verdict.PASSING,
    Fault.UNFIT: Verdict.THIS_REQUEST,
    Fault.UNAUTHORIZED: Verdict.LASTING,
    Fault.NO_CREDIT: Verdict.LASTING,
    Fault.UNKNOWN: Verdict.LASTING,
    Fault.RATE_LIMITED: Verdict.PASSING,
    Fault.SERVER_ERROR: Verdict.PASSING,
    Fault.SILENCE: Verdict.PASSING,
    Fault.STALL: Verdict.PASSING,
    Fault.SLOW_LORIS: Verdict.PASSING,
    Fault.CUT: Verdict.PASSING,
    Fault.GARBAGE: Verdict.THIS_REQUEST,
    Fault.ENDLESS: Verdict.THIS_REQUEST,
    Fault.EMPTY: Verdict.THIS_REQUEST,
    Fault.HUGE_JSON: Verdict.THIS_REQUEST,
    Fault.NAN: Verdict.THIS_REQUEST,
}
_NONE: dict[Stage, frozenset[Fault]] = {
    # A recogniser may go on for ever, as people do, and a turn without words was a cough.
    "stt": frozenset({Fault.ENDLESS, Fault.EMPTY}),
    "llm": frozenset(),
    # Sound is no JSON.
    "tts": frozenset({Fault.HUGE_JSON}),
}
_LATE = frozenset({Fault.REFUSE, Fault.SILENCE, Fault.STALL, Fault.SLOW_LORIS})
"Faults that end at a deadline, which the tests do not want to wait for."
ASKED_AT_MOST: dict[Stage, int] = {"stt": 2, "llm": 1, "tts": 1}
"Requests for one use: no SDK tries again by itself; ears connect once more."

Use = Callable[[Deadlines], Awaitable[object]]
"Uses the provider until it fails."


def faults_of(stage: Stage) -> list[Fault]:
    """All that are faults at this stage."""
    return [fault for fault in VERDICTS if fault not in _NONE[stage]]


async def fails(cloud: LocalProvider, fault: Fault, use: Use, stage: Stage) -> None:
    """Asserts that the use fails as it should while the fault is on."""
    cloud.fail(fault)
    cloud.drip = 0.05
    began = time.perf_counter()
    error = await _error(use(BRIEF if fault in _LATE else Deadlines()))
    seconds = time.perf_counter() - began
    assert Verdict.of(error) is VERDICTS[fault], f"{error}"
    assert CANARY not in "".join(format_exception(error))
    assert seconds < LATEST
    assert len(cloud.seen) <= ASKED_AT_MOST[stage] * (fault is not Fault.REFUSE)


async def _error(use: Awaitable[object]) -> ProviderError:
    try:
        async with asyncio.timeout(LATEST):
            await use
    except ProviderError as error:
        return error
    raise AssertionError("it did not fail")
