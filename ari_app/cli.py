"""The commands. Each imports what it needs when it runs, so that `--help` costs nothing.

Exit status: 0 done, 1 it did not work out, 2 bad settings or usage; errors are one line on stderr.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ari_app.errors import JournalError, RequestRefused, SettingsError, WarmTransferAppError

if TYPE_CHECKING:
    import httpx

    from ari_app.config import Settings

Story = tuple[dict[str, Any], list[dict[str, Any]]]
"A transfer's view and its phases."
USUAL_FILE = Path("warm-transfer.toml")
WATCH_EVERY = 1.0
"Seconds between two looks at the list of transfers."
SETTLED = 0.5
"Seconds without a further phase after which a live transfer's story so far has been told."

app = typer.Typer(
    name="warm-transfer",
    help="Warm transfer for Asterisk: a caller is handed from an AI agent to a briefed human supervisor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings (TOML). [default: ./warm-transfer.toml if there]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts: JSON on stdout.")]


def main() -> None:
    with _one_line_errors():
        app()


@app.command()
def serve(config: Config = None) -> None:
    """Run the app until SIGTERM or SIGINT."""
    with _lasting():
        settings = _settings(config)
        import uvloop

        from ari_app import logs
        from ari_app.app import run

    logs.configure(settings.log_level)
    uvloop.run(run(settings))


@app.command()
def check(config: Config = None, as_json: AsJson = False) -> None:
    """Look for what would go wrong: settings, Asterisk, music, endpoints, journal, speech."""
    settings = _settings(config)
    from ari_app import checks

    findings = asyncio.run(checks.check(settings))
    if as_json:
        _print_json([finding.as_dict() for finding in findings])
    else:
        checks.print_table(findings)
    raise typer.Exit(1 if any(finding.level is checks.Level.FAIL for finding in findings) else 0)


@app.command()
def transfers(
    config: Config = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List transfers, newest first."""
    views = Api(_settings(config)).ask("GET", "/v1/transfers", params={"limit": limit})
    if as_json:
        _print_json(views)
        return
    from rich.table import Table

    table = Table("transfer", "started", "phase", "outcome", "attempts", box=None, pad_edge=False)
    for view in views:
        outcome = view["result"]["outcome"] if view["result"] else ""
        started = datetime.fromtimestamp(view["started_at"]).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(view["transfer_id"], started, view["phase"], outcome, str(len(view["attempts"])))
    _print(table)


@app.command()
def show(
    ref: Annotated[str, typer.Argument(metavar="ID", help="A transfer id, or a call id for its last transfer.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell one transfer's story. Reads the journal itself when the app does not run."""
    settings = _settings(config)
    try:
        view, phases = _story_over_http(Api(settings), ref)
    except ConnectionError as nobody:
        view, phases = _story_without_app(settings, ref, nobody)
    if as_json:
        _print_json({**view, "phases": phases})
    else:
        _print_story(view, phases)


@app.command()
def cancel(
    transfer_id: Annotated[str, typer.Argument(metavar="ID")],
    config: Config = None,
    reason: Annotated[str | None, typer.Option(help="Kept in the journal and told to the agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """End a transfer in flight; the caller goes back to the agent."""
    path = f"/v1/transfers/{_quoted(transfer_id)}/cancel"
    view = Api(_settings(config)).ask("POST", path, json={"reason": reason})
    if as_json:
        _print_json(view)
    else:
        _print(f"{transfer_id}: cancelling")


@app.command()
def watch(
    transfer_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Follow one transfer to its end, or all of them until Ctrl-C."""
    api = Api(_settings(config))
    try:
        for payload in api.phases(transfer_id) if transfer_id else _changes(api):
            whose = "" if transfer_id else f"{payload['transfer_id']} "
            print(json.dumps(payload) if as_json else whose + _line(payload), flush=True)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


# Settings and errors


def _settings(config: Path | None) -> Settings:
    from ari_app.config import load

    return load(config or (USUAL_FILE if USUAL_FILE.exists() else None))


@contextmanager
def _lasting() -> Iterator[None]:
    """Hundreds of thousands of objects are imported and stay: nobody looks for garbage among them, neither now, which
    would be a tenth of the start, nor during calls, where one look takes several frames of audio."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (WarmTransferAppError, BaseExceptionGroup) as error:
        _leave(_ours(error))
    except ConnectionError as error:
        _leave(error)


def _ours(error: BaseException) -> BaseException:
    """What a task group wraps; a defect keeps its traceback."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    ours = error.subgroup(WarmTransferAppError)
    if ours is None:
        raise error
    found: BaseException = ours
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _leave(error: BaseException) -> NoReturn:
    line = " ".join(str(error).split())
    if isinstance(error, JournalError) and not line.startswith("journal.url"):
        line = f"journal.url: {line}"
    print(f"warm-transfer: {line}", file=sys.stderr)
    sys.exit(2 if isinstance(error, SettingsError | JournalError) else 1)


# The running app


class Api:
    """The running app's HTTP side. Raises ConnectionError, with the mend, when nobody answers there."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http.host, settings.http.host)
        url = f"http://[{host}]" if ":" in host else f"http://{host}"
        token = settings.http.token.get_secret_value()
        self._lost = httpx.TransportError
        self._silence = httpx.ReadTimeout
        self._listen = settings.http.listen
        self._client = httpx.Client(
            base_url=f"{url}:{settings.http.port}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=5,
            trust_env=False,
        )

    def ask(self, method: str, path: str, **rest: Any) -> Any:
        """The answer's JSON. Raises RequestRefused with the problem's words."""
        with self._reaching():
            answer = self._client.request(method, path, **rest)
            _raise_problem(answer)
            return answer.json()

    def phases(self, transfer_id: str, *, silence: float | None = None) -> Iterator[dict[str, Any]]:
        """Phases from the first one until the last, or until `silence` seconds bring no further one."""
        timeout = (5, silence, 5, 5)
        path = f"/v1/transfers/{_quoted(transfer_id)}/events"
        with self._reaching(), self._client.stream("GET", path, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
            _raise_problem(answer)
            try:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
            except self._silence:
                return

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except self._lost as error:
            reason = type(error).__name__
            raise ConnectionError(f"no answer from {self._listen} ({reason}); does the app run?") from None


def _raise_problem(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {answer.status_code}; is this the app?"
    raise RequestRefused(detail, status=answer.status_code)


def _quoted(part: str) -> str:
    from urllib.parse import quote

    return quote(part, safe="")


def _story_over_http(api: Api, ref: str) -> Story:
    try:
        view = api.ask("GET", f"/v1/transfers/{_quoted(ref)}")
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        ref = _last_transfer(api.ask("GET", f"/v1/calls/{_quoted(ref)}"))
        view = api.ask("GET", f"/v1/transfers/{_quoted(ref)}")
    return view, list(api.phases(ref, silence=SETTLED))


def _last_transfer(call: Mapping[str, Any]) -> str:
    if call["transfer_id"] is None:
        raise RequestRefused(f"call {call['call_id']} has seen no transfer", status=404)
    return str(call["transfer_id"])


def _changes(api: Api) -> Iterator[dict[str, Any]]:
    """Every phase from now on, after the story so far of what is in flight and the end of what is over."""
    seen: dict[str, str] = {}
    told: dict[str, int] = {}
    beginning = True
    while True:
        for view in reversed(api.ask("GET", "/v1/transfers", params={"limit": 50})):
            ref = view["transfer_id"]
            if seen.get(ref) != view["phase"]:
                seen[ref] = view["phase"]
                phases = list(api.phases(ref, silence=SETTLED))
                yield from phases[-1:] if beginning and view["result"] else phases[told.get(ref, 0) :]
                told[ref] = len(phases)
        beginning = False
        time.sleep(WATCH_EVERY)


def _story_without_app(settings: Settings, ref: str, nobody: ConnectionError) -> Story:
    try:
        return asyncio.run(_story_of_journal(settings, ref))
    except JournalError as error:
        raise ConnectionError(f"{nobody} The journal does not help: {error}") from None


async def _story_of_journal(settings: Settings, ref: str) -> Story:
    """The same story without the app. Raises JournalError, RequestRefused."""
    from ari_app.journal import SqlJournal
    from ari_app.runtime import views
    from ari_app.transfer.machine import fold

    journal = await SqlJournal.open(settings.journal.url, read_only=True)
    try:
        call_id = await journal.find_transfer(ref) or ref
        steps = [(step.at, step.event) for step in await journal.steps(call_id)]
    finally:
        await journal.close()
    if not steps:
        raise RequestRefused(f"neither the app nor the journal knows {ref}", status=404)
    story = fold(call_id, steps)
    transfer_id = ref if ref in story.transfers else _last_transfer(views.call_view(story.call))
    phases = [views.payload_of(told) for told in story.told if told.transfer_id == transfer_id]
    return views.transfer_view(story.call, story.transfers[transfer_id]), phases


# What is printed


def _print(what: Any) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True, markup=False).print(what)


def _print_json(what: Any) -> None:
    print(json.dumps(what, indent=2))


def _print_story(view: Mapping[str, Any], phases: list[dict[str, Any]]) -> None:
    _print(f"transfer {view['transfer_id']}  call {view['call_id']}  channel {view['channel']}")
    _print(_ending(view["result"]) if view["result"] else f"under way: {view['phase']}")
    _print("")
    for payload in phases:
        _print(_line(payload))
    if view["attempts"]:
        _print("")
        _print(_attempts(view["attempts"]))


def _ending(result: Mapping[str, Any]) -> str:
    error = f": {result['error']}" if result["error"] else ""
    reason = f" (reason: {result['decline_reason']})" if result["decline_reason"] else ""
    return f"{result['outcome']}{error}{reason}"


def _line(payload: Mapping[str, Any]) -> str:
    """One phase: wall clock and seconds since the start, both to the millisecond."""
    clock = datetime.fromtimestamp(payload["timestamp"]).strftime("%H:%M:%S.%f")[:-3]
    return f"{clock} {payload['elapsed']:+10.3f}s  {payload['phase']:<25} {_detail(payload['data'])}".rstrip()


def _detail(data: Mapping[str, Any]) -> str:
    """What a phase adds, short; the summary is left to --json."""
    result = data.get("result")
    shown = {"outcome": result["outcome"]} if result else {**data, "summary": None}
    return "  ".join(f"{key}={value}" for key, value in shown.items() if value is not None and value != "")


def _attempts(attempts: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("attempt", "rule", "to", "from", "outcome", "SIP", "cause", "channel", box=None, pad_edge=False)
    keys = ("attempt", "routing_rule_id", "sip_call_to", "sip_call_from", "outcome", "sip_code", "cause")
    for attempt in attempts:
        table.add_row(*("" if attempt[key] is None else str(attempt[key]) for key in (*keys, "supervisor_call_id")))
    return table
