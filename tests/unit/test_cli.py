"""The commands as a script sees them: stdout, one line on stderr, exit status."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from ari_app import checks, cli, logs
from ari_app.errors import SettingsError
from ari_app.journal import SqlJournal
from ari_app.runtime.ports import Step
from ari_app.transfer.events import CallArrived, CallerAnswered, TransferRequested
from ari_app.transfer.model import Call, Entry, Outcome, Request, Route, Transfer

ATTEMPT = {
    "attempt": 1,
    "routing_rule_id": "rr_sales",
    "sip_call_to": "2001",
    "sip_call_from": "+14155550100",
    "supervisor_call_id": "wt-tr_1-supervisor-1",
    "outcome": "busy",
    "sip_code": 486,
    "cause": 17,
}
RESULT = {"outcome": "busy", "error": "the supervisor is busy", "decline_reason": None}
VIEW = {
    "transfer_id": "tr_1",
    "request_id": None,
    "call_id": "call_1",
    "channel": "1700000000.12",
    "phase": "transfer_cancelled",
    "started_at": 1_700_000_000.0,
    "attempts": [ATTEMPT],
    "result": RESULT,
}


def phase(sequence: int, name: str, elapsed: float, data: dict[str, Any]) -> dict[str, Any]:
    clock = {"timestamp": 1_700_000_000.25 + elapsed, "elapsed": elapsed}
    return {"transfer_id": "tr_1", "sequence": sequence, "phase": name, "data": data, **clock}


PHASES = [
    phase(1, "started", 0.0, {"reason": "refund"}),
    phase(2, "summary_ready", 0.125, {"summary": "The caller wants …", "source": "llm"}),
    phase(3, "transfer_cancelled", 1.5, {"result": RESULT}),
]
Answer = Callable[[httpx.Request], httpx.Response]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` would set up this process's logging."""
    monkeypatch.setattr(logs, "configure", lambda _: None)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "wt.toml"
    file.write_text(f'[http]\nlisten = "127.0.0.1:1"\ntoken = "canary"\n[journal]\nurl = "sqlite:///{tmp_path}/j.db"\n')
    return file


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["warm-transfer", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    return ran


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """A running app; what it was asked."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        path = request.url.path
        if path == "/v1/transfers":
            return httpx.Response(200, json=[VIEW])
        if path == "/v1/transfers/tr_1/events":
            text = "".join(f"id: {each['sequence']}\ndata: {json.dumps(each)}\n\n: still here\n\n" for each in PHASES)
            return httpx.Response(200, text=text)
        if path in ("/v1/transfers/tr_1", "/v1/transfers/tr_1/cancel"):
            return httpx.Response(200, json=VIEW)
        if path == "/v1/calls/call_1":
            return httpx.Response(200, json={"call_id": "call_1", "transfer_id": "tr_1"})
        return httpx.Response(404, json={"detail": "no such transfer"})

    genuine = httpx.Client
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(httpx, "Client", lambda **given: genuine(transport=transport, **given))
    yield requests


def test_transfers_are_a_table_or_json(run: Run, config: Path, asked: list[httpx.Request]) -> None:
    status, out, _ = run("transfers", "--config", str(config))
    assert status == 0 and "tr_1" in out and "busy" in out
    assert asked[0].headers["authorization"] == "Bearer canary"
    _, out, _ = run("transfers", "--config", str(config), "--json", "--limit", "3")
    assert json.loads(out) == [VIEW]
    assert asked[1].url.params["limit"] == "3"


@pytest.mark.parametrize("ref", ["tr_1", "call_1"])
def test_show_tells_the_story(run: Run, config: Path, asked: list[httpx.Request], ref: str) -> None:
    status, out, _ = run("show", ref, "-c", str(config))
    assert status == 0
    assert "busy: the supervisor is busy" in out
    assert ".375     +0.125s  summary_ready             source=llm\n" in out
    assert all(word in out for word in ("486", "17", "rr_sales", "wt-tr_1-supervisor-1", "outcome=busy"))


def test_show_as_json_has_everything(run: Run, config: Path, asked: list[httpx.Request]) -> None:
    _, out, _ = run("show", "tr_1", "-c", str(config), "--json")
    assert json.loads(out) == {**VIEW, "phases": PHASES}


def test_what_the_app_refuses_is_one_line(run: Run, config: Path, asked: list[httpx.Request]) -> None:
    assert run("cancel", "tr_9", "-c", str(config)) == (1, "", "warm-transfer: no such transfer\n")


def test_cancel_sends_the_reason(run: Run, config: Path, asked: list[httpx.Request]) -> None:
    status, out, _ = run("cancel", "tr_1", "-c", str(config), "--reason", "caller is back")
    assert (status, out) == (0, "tr_1: cancelling\n")
    assert json.loads(asked[0].content) == {"reason": "caller is back"}


def test_watch_follows_one_to_its_end(run: Run, config: Path, asked: list[httpx.Request]) -> None:
    status, out, _ = run("watch", "tr_1", "-c", str(config))
    assert status == 0 and [line.split()[2] for line in out.splitlines()] == [each["phase"] for each in PHASES]
    _, out, _ = run("watch", "tr_1", "-c", str(config), "--json")
    assert [json.loads(line) for line in out.splitlines()] == PHASES


def test_watch_without_an_id_tells_what_changes(
    run: Run, config: Path, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_two_looks(_: float) -> None:
        if len(asked) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli.time, "sleep", after_two_looks)
    status, out, _ = run("watch", "-c", str(config))
    assert status == 130 and out.count("transfer_cancelled") == 1


def test_watch_without_an_id_leaves_no_phase_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much happens between two looks, and of what ended before only the end."""
    before, live = {**VIEW, "transfer_id": "tr_0"}, {**VIEW, "phase": "started", "result": None}
    looks = iter([([before], 3), ([live, before], 1), ([VIEW, before], 3), ([VIEW, before], 3)])

    class App:
        happened = 0

        def ask(self, *_: object, **__: object) -> object:
            views, self.happened = next(looks)
            return views

        def phases(self, ref: str, **_: object) -> list[dict[str, Any]]:
            return [{**each, "transfer_id": ref} for each in PHASES[: self.happened]]

    monkeypatch.setattr(cli.time, "sleep", lambda _: None)
    told = []
    with suppress(RuntimeError):
        for payload in cli._changes(cast(cli.Api, App())):
            told.append((payload["transfer_id"], payload["sequence"]))
    assert told == [("tr_0", 3), ("tr_1", 1), ("tr_1", 2), ("tr_1", 3)]


@pytest.mark.parametrize("command", [["transfers"], ["cancel", "tr_1"], ["watch", "tr_1"], ["show", "tr_1"]])
def test_without_the_app_there_is_one_line_and_the_mend(run: Run, config: Path, command: list[str]) -> None:
    status, out, err = run(*command, "-c", str(config))
    assert (status, out) == (1, "")
    assert err.startswith("warm-transfer: no answer from 127.0.0.1:1 ") and err.count("\n") == 1


def test_show_reads_the_journal_when_the_app_does_not_run(run: Run, config: Path, tmp_path: Path) -> None:
    route = Route("rr_sales", "PJSIP/2001", "2001", "+14155550100")
    asked = TransferRequested("tr_1", Request((route,), reason="refund"))
    events = [CallArrived("1700000000.12", Entry.HOLD, "bridge"), CallerAnswered(), asked]

    async def written() -> None:
        journal = await SqlJournal.open(f"sqlite:///{tmp_path}/j.db")
        transfer = Transfer("tr_1", asked.request, 1.0, 2.0, "room", outcome=Outcome.BUSY)
        for number, event in enumerate(events, 1):
            state = Call("call_1", caller="1700000000.12", transfer=transfer)
            await journal.append(Step("call_1", number, 1_700_000_000.0 + number, event), call=state)
        await journal.close()

    asyncio.run(written())
    for ref in ("tr_1", "call_1"):
        status, out, err = run("show", ref, "-c", str(config), "--json")
        assert status == 0, err
        story = json.loads(out)
        assert (story["transfer_id"], story["channel"]) == ("tr_1", "1700000000.12")
        assert story["phases"][0]["phase"] == "started" and story["phases"][0]["data"]["reason"] == "refund"
    assert run("show", "tr_9", "-c", str(config))[0] == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[asterisk]\nurll = "x"', "asterisk.urll"),
        ('[http]\nlisten = "0.0.0.0:80"', "http"),
        ('[briefing.default]\ntts = "cartesia"', "briefing.default.tts"),
        ('[journal]\nurl = "mysql://me:canary@host/db"', "journal.url"),
        ('[journal]\nurl = "sqlite:////no/such/dir/x.db"', "journal.url"),
        ("[", "wt.toml"),
    ],
)
def test_bad_settings_are_one_line_and_status_2(run: Run, config: Path, text: str, key: str) -> None:
    config.write_text(text)
    status, out, err = run("serve", "-c", str(config))
    assert (status, out) == (2, "")
    assert key in err and err.count("\n") == 1 and "canary" not in err and "Traceback" not in err


def test_check_has_the_same_line_for_settings_it_can_not_read(run: Run, config: Path) -> None:
    config.write_text('[asterisk]\nurll = "x"')
    status, out, err = run("check", "-c", str(config))
    assert (status, out, err.count("\n")) == (2, "", 1) and "asterisk.urll" in err


@pytest.mark.parametrize(("level", "status"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_check_fails_only_when_something_fails(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, level: str, status: int
) -> None:
    async def found(_: Any) -> list[checks.Finding]:
        return [checks.Finding(checks.Level(level), "music default", "as it is", "the mend")]

    monkeypatch.setattr(checks, "check", found)
    left, out, _ = run("check", "-c", str(config))
    assert left == status and "music default" in out and "→ the mend" in out
    left, out, _ = run("check", "-c", str(config), "--json")
    assert (left, json.loads(out)[0]["level"]) == (status, level)


def test_a_file_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    status, _, err = run("transfers", "-c", str(tmp_path / "none.toml"))
    assert status == 2 and "none.toml" in err


def test_what_a_task_group_wraps_is_found_and_defects_are_not_hidden() -> None:
    wrapped = BaseExceptionGroup("", [BaseExceptionGroup("", [SettingsError("http.listen: taken")])])
    assert str(cli._ours(wrapped)) == "http.listen: taken"
    with pytest.raises(BaseExceptionGroup):
        cli._ours(BaseExceptionGroup("", [ZeroDivisionError()]))


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['warm-transfer', '--help']\n"
        "from ari_app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'fastapi', 'sqlalchemy', 'openai', 'deepgram', 'elevenlabs', 'aiohttp', 'numpy', 'pocketsphinx'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    began = time.monotonic()
    helped = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert helped.returncode == 0, helped.stderr
    assert all(command in helped.stdout for command in ("serve", "check", "transfers", "show", "cancel", "watch"))
    assert time.monotonic() - began < 10


def test_python_m_is_the_same_program() -> None:
    asked = [sys.executable, "-m", "ari_app", "serve", "--config", "/no/such/file.toml"]
    ran = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 2 and ran.stderr.startswith("warm-transfer: /no/such/file.toml")
