"""Requests of agents: validated as a whole, checked against policy, then one event to the call. Or refused, and
nothing was touched.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog

from ari_app.errors import RequestRefused
from ari_app.runtime import occupancy, views
from ari_app.runtime.cool_downs import CoolDowns
from ari_app.runtime.desk import Desk
from ari_app.runtime.dialplan import unfolded
from ari_app.runtime.groups import Group, check_crowd, open_one, resolved
from ari_app.runtime.ports import Clock, Publisher
from ari_app.runtime.reachability import Reachability
from ari_app.runtime.runner import Runner
from ari_app.runtime.signatures import Seals, Signer
from ari_app.transfer import commands as cmd
from ari_app.transfer import dispositions
from ari_app.transfer import events as ev
from ari_app.transfer.conversation import size_of
from ari_app.transfer.model import Outcome, Request, Route, State, Turn
from ari_app.transfer.routing import NotAllowed, Rule, Wanted, route
from ari_app.wire import (
    Destination,
    FoundDestinations,
    WarmTransferCancel,
    WarmTransferRequest,
    WarmTransferTranscript,
    WarmTransferWhisper,
    parse,
)

log = structlog.get_logger(__name__)

EVENTS = frozenset({"WarmTransferRequest", "WarmTransferTranscript", "WarmTransferCancel", "WarmTransferWhisper"})
RETELL_AFTER = 3.0
"Seconds since an end was told until it is told again: no agent is restarted sooner."
MOST_EARLY = 200
"User events that wait for their call at once; one more is answered as things are."
NUMBER = re.compile(r"\+?[0-9*#]{1,32}")


@dataclass(frozen=True)
class Rules:
    """What the settings say about requests."""

    routing: Mapping[str, Rule]
    briefing_profiles: frozenset[str]
    moh_class: str
    max_transfers: int
    transcript_bytes: int
    introductions: frozenset[str] = frozenset()
    "Names of the profiles that introduce caller and supervisor to each other."
    groups: Mapping[str, Group] = field(default_factory=dict)
    signers: Mapping[str | None, Signer] = field(default_factory=dict)
    "Whose user events are signed: agent, or None for calls without one."
    coached: frozenset[str] = frozenset()
    "Names of the profiles in which the assistant may whisper to the supervisor."
    reassure_every: float = 0.0
    return_key: str | None = None
    max_transfer_seconds: float = 0.0
    dispositions: Mapping[str, str] = field(default_factory=dict)
    "Outcome → what the house does with the caller then."
    contexts: frozenset[str] = frozenset()
    "Of the dialplan, where a request may send the caller."


class Finder(Protocol):
    """Whoever says at run time whom to ring."""

    @property
    def names(self) -> Collection[str]:
        """Those of a request's `group` that it answers to."""

    async def find(self, name: str, facts: Mapping[str, Any]) -> FoundDestinations:
        """Raises RequestRefused."""


class Congested(RequestRefused):
    """There is no room for one more; later there may be."""

    outcome = Outcome.CONGESTION.value


class Unreached(RequestRefused):
    """Asterisk reaches none of the destinations now; later it may."""

    outcome = Outcome.UNREACHABLE.value


class Intake:
    """The door for requests, whichever way they come."""

    def __init__(
        self, rules: Rules, desk: Desk, publisher: Publisher, clock: Clock, cool_downs: CoolDowns | None = None
    ) -> None:
        self._rules = rules
        self._desk = desk
        self._publisher = publisher
        self._clock = clock
        self._cool_downs = cool_downs or CoolDowns({})
        self.finder: Finder | None = None
        self.reachability: Reachability | None = None
        self._seals = Seals(rules.signers)
        self._began = clock.now()
        self._retold: dict[tuple[str, str], float] = {}
        "When whom was told which end again."
        self._early = 0
        "User events that wait for their call."

    # By ARI user event

    def on_user_event(self, name: str, variables: Mapping[str, Any], channel: str | None) -> None:
        """Never raises: a refusal is told to whom the request says it wants to be told."""
        if name not in EVENTS:
            return
        if channel is None or self._desk.is_here(channel) or self._early >= MOST_EARLY:
            self._heard(name, variables, channel)
        else:
            self._early += 1
            self._desk.beside(self._heard_once_arrived(name, variables, channel))

    async def _heard_once_arrived(self, name: str, variables: Mapping[str, Any], channel: str) -> None:
        try:
            await self._desk.arrived(channel)
        finally:
            self._early -= 1
        self._heard(name, variables, channel)

    def _heard(self, name: str, variables: Mapping[str, Any], channel: str | None) -> None:
        match name:
            case "WarmTransferRequest":
                self._requested(variables, channel)
            case "WarmTransferTranscript":
                self._quietly(self._add_transcript, name, variables, channel)
            case "WarmTransferCancel":
                self._quietly(self._cancel, name, variables, channel)
            case "WarmTransferWhisper":
                self._quietly(self._whisper, name, variables, channel)

    def _requested(self, variables: Mapping[str, Any], channel: str | None) -> None:
        runner = self._desk.find(channel or "")
        transfer_id = new_transfer_id()
        try:
            if runner is None:
                raise RequestRefused("names no channel of a call here; send source=channel:<id>", key="source")
            variables = self._opened("WarmTransferRequest", runner, variables, channel)
            if self._finds(variables):
                runner.beside(self._find_and_begin(runner, variables, transfer_id))
            else:
                self._begin(runner, variables, transfer_id)
        except RequestRefused as refused:
            self._refuse(runner.call.call_id if runner else None, transfer_id, variables, refused)

    def _begin(self, runner: Runner, variables: Mapping[str, Any], transfer_id: str) -> None:
        event, known = self.admit(runner, variables, transfer_id)
        if event:
            runner.tell(event)
        elif known:
            log.info("the same request again", transfer_id=known, call_id=runner.call.call_id)
            self.retell_end(runner, known, variables.get("reply_to"))

    async def _find_and_begin(self, runner: Runner, variables: Mapping[str, Any], transfer_id: str) -> None:
        """Beside the call: it goes on talking, and other events are read, while somebody else is asked."""
        try:
            self._begin(runner, await self.found(runner, variables), transfer_id)
        except RequestRefused as refused:
            self._refuse(runner.call.call_id, transfer_id, variables, refused)
        except Exception:
            log.exception("no destination found", call_id=runner.call.call_id)
            self._refuse(runner.call.call_id, transfer_id, variables, RequestRefused("a defect here", key="group"))

    def _opened(
        self, name: str, runner: Runner, variables: Mapping[str, Any], channel: str | None
    ) -> Mapping[str, Any]:
        """What was said, when whoever said it may say it. Raises RequestRefused."""
        call = runner.call
        bare = self._seals.opened(
            name,
            variables,
            agent=call.agent_name,
            channel=channel or "",
            recalled=call.arrived_at < self._began,
        )
        return unfolded(name, bare)

    def _refuse(
        self, call_id: str | None, transfer_id: str, variables: Mapping[str, Any], refused: RequestRefused
    ) -> None:
        outcome = Outcome(refused.outcome)
        log.warning("request refused", call_id=call_id, why=str(refused), status=refused.status)
        payload = views.refused_payload(transfer_id, call_id, dict(variables), outcome, str(refused), self._clock.now())
        reply_to = variables.get("reply_to")
        self._publisher.publish(payload, reply_to=reply_to if isinstance(reply_to, str) else None)

    def _quietly(self, action: Any, name: str, variables: Mapping[str, Any], channel: str | None) -> None:
        try:
            runner = self._desk.find(channel or "")
            if runner is None:
                raise RequestRefused("names no channel of a call here; send source=channel:<id>", key="source")
            action(runner, self._opened(name, runner, variables, channel))
        except RequestRefused as refused:
            log.warning("user event refused", name=name, why=str(refused))

    def _add_transcript(self, runner: Runner, variables: Mapping[str, Any]) -> None:
        runner.tell(self.transcript(runner, variables))

    def _cancel(self, runner: Runner, variables: Mapping[str, Any]) -> None:
        runner.tell(ev.CancelRequested(parse(WarmTransferCancel, variables).reason))

    def _whisper(self, runner: Runner, variables: Mapping[str, Any]) -> None:
        runner.tell(ev.WhisperRequested(parse(WarmTransferWhisper, variables).text))

    # By any way

    def _finds(self, variables: Mapping[str, Any]) -> bool:
        return self.finder is not None and variables.get("group") in self.finder.names

    async def found(self, runner: Runner, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The request with destinations in place of a webhook's name; what they are worth the rules say afterwards.

        Raises RequestRefused."""
        if self.finder is None or not self._finds(variables):
            return variables
        asked, call = parse(WarmTransferRequest, variables), runner.call
        if dict(call.requests).get(asked.request_id or ""):
            return variables
        facts = {
            "call_id": call.call_id,
            "channel": call.caller,
            "agent": call.agent_name,
            "caller_number": call.caller_number,
            "request_id": asked.request_id,
            "reason": asked.reason,
            "metadata": asked.metadata,
        }
        found = (await self.finder.find(str(asked.group), facts)).model_dump(exclude_unset=True)
        return found | {key: value for key, value in variables.items() if key != "group"}

    def admit(
        self, runner: Runner, variables: Mapping[str, Any], transfer_id: str, *, referrer: str | None = None
    ) -> tuple[ev.TransferRequested | None, str | None]:
        """The event that starts the transfer, or the id of the transfer that this request already is. `referrer` is the
        leg whose REFER asks.

        Raises RequestRefused."""
        asked = parse(WarmTransferRequest, variables)
        known = dict(runner.call.requests).get(asked.request_id or "")
        if known:
            return None, known
        asked, group = resolved(asked, self._rules.groups, self._clock.now())
        request = replace(self._request(asked, _own_number(runner), group), referrer=referrer)
        self._check_room(runner, request)
        turns = tuple(message.turn() for message in asked.chat_history)
        self._check_size(turns, "chat_history")
        return ev.TransferRequested(transfer_id, request, turns, self._rules.transcript_bytes), None

    def retell_end(self, runner: Runner, transfer_id: str, reply_to: str | None) -> None:
        """To whoever asks again, as an agent that was restarted does, and to nobody else. A transfer in flight will
        say its end by itself, and a copy that comes with the end is no question."""
        ends = (told for told in runner.told if told.transfer_id == transfer_id and told.phase.is_terminal)
        end, now = next(ends, None), self._clock.now()
        if not reply_to or end is None:
            return
        first = end.at if reply_to == end.reply_to else 0.0
        if now - max(first, self._retold.get((reply_to, transfer_id), 0.0)) >= RETELL_AFTER:
            self._retold = {key: at for key, at in self._retold.items() if now - at < RETELL_AFTER}
            self._retold[reply_to, transfer_id] = now
            self._publisher.retell(views.payload_of(end), reply_to=reply_to)

    def _request(self, asked: WarmTransferRequest, own: str, group: str | None) -> Request:
        if asked.briefing_profile not in self._rules.briefing_profiles:
            raise RequestRefused(f"no [briefing.{asked.briefing_profile}] in the settings", key="briefing_profile")
        self._check_dispositions(asked.dispositions)
        routes = self._routes(asked.wanted, own, asked.dispositions, group)
        return Request(
            routes=routes,
            strategy=asked.strategy,
            mode=asked.mode,
            request_id=asked.request_id,
            reason=asked.reason,
            summary=asked.summary,
            summary_prompt=asked.summary_prompt,
            briefing_profile=asked.briefing_profile,
            supervisor_join_timeout=asked.supervisor_join_timeout,
            briefing_timeout=asked.briefing_timeout,
            moh_class=asked.moh_class or self._rules.routing[routes[0].rule].moh_class or self._rules.moh_class,
            reply_to=asked.reply_to,
            metadata=json.dumps(asked.metadata, ensure_ascii=False),
            introduces=asked.mode == "warm" and asked.briefing_profile in self._rules.introductions,
            coach=asked.mode == "warm" and asked.briefing_profile in self._rules.coached,
            reassure_every=self._rules.reassure_every,
            return_key=self._rules.return_key,
            max_seconds=self._rules.max_transfer_seconds,
            group=group,
            dispositions=tuple(asked.dispositions.items()),
        )

    def next_group(self, runner: Runner, wanted: cmd.FindGroup) -> ev.GroupFound | ev.GroupNotFound:
        """Whom to ring now in a transfer whose destinations are exhausted, by the same rules as at the door."""
        try:
            return self._find_group(runner, wanted)
        except RequestRefused as refused:
            return ev.GroupNotFound(wanted.group, str(refused))

    def _find_group(self, runner: Runner, wanted: cmd.FindGroup) -> ev.GroupFound:
        """Raises RequestRefused."""
        transfer = runner.call.transfer_in_flight
        name = open_one(wanted.group, self._rules.groups, self._clock.now())
        if transfer is None or name in wanted.tried:
            raise RequestRefused(f"{name} was rung before", key="group", status=409)
        group = self._rules.groups[name]
        said_no = {
            (attempt.route.rule, attempt.route.sip_call_to)
            for attempt in transfer.attempts
            if attempt.outcome is Outcome.DECLINED
        }
        others = [each for each in group.destinations if (each.routing_rule_id, each.sip_call_to) not in said_no]
        if not others:
            raise RequestRefused(f"everybody of {name} has declined", key="group", status=409)
        check_crowd(others, group.strategy)
        routes = self._routes(others, _own_number(runner), dict(transfer.request.dispositions), name)
        self._check_limits(runner, Request(routes, group.strategy))
        return ev.GroupFound(wanted.group, name, routes, group.strategy)

    def _routes(
        self, wanted: Sequence[Destination], own: str, asked: Mapping[str, str], group: str | None
    ) -> tuple[Route, ...]:
        """Whom the rules allow, less those who can't be reached or have just declined."""
        allowed = tuple(self._disposed(self._route(each, own), asked, group) for each in wanted)
        reached = self.reachability.reachable(allowed) if self.reachability else allowed
        if not reached:
            raise Unreached("unreachable: Asterisk knows that nobody of these is there", status=503)
        return self._cool_downs.spared(reached, self._clock.now())

    def _route(self, wanted: Destination, own: str) -> Route:
        try:
            return route(
                Wanted(
                    rule=wanted.routing_rule_id,
                    to=wanted.sip_call_to,
                    caller=wanted.sip_call_from,
                    display_name=wanted.participant_display_name,
                    headers=tuple(wanted.headers.items()),
                    own=own,
                ),
                self._rules.routing,
            )
        except NotAllowed as refused:
            raise RequestRefused(refused.reason, key=f"destination.{refused.key}", status=403) from None

    def _check_dispositions(self, wanted: Mapping[str, str]) -> None:
        for outcome, action in wanted.items():
            chosen, key = dispositions.read(action), f"dispositions.{outcome}"
            if chosen.context and chosen.context not in self._rules.contexts:
                reason = f"the settings do not let requests send callers to {chosen.context}; see dispositions.contexts"
                raise RequestRefused(reason, key=key, status=403)
            if chosen.group and chosen.group not in self._rules.groups:
                raise RequestRefused(f"no [groups.{chosen.group}] in the settings", key=key, status=403)

    def _disposed(self, route: Route, asked: Mapping[str, str], group: str | None) -> Route:
        """The request's word comes before the group's, the group's before the rule's, the rule's before the house's."""
        of_group = self._rules.groups[group].dispositions if group else {}
        layers = (asked, of_group, dict(route.dispositions), self._rules.dispositions)
        return replace(route, dispositions=dispositions.in_order(layers))

    def _check_room(self, runner: Runner, request: Request) -> None:
        call = runner.call
        if self._desk.draining:
            raise Congested("the app is shutting down", status=503)
        if call.transfer_in_flight:
            raise RequestRefused("a transfer of this call is in flight", status=409)
        if call.state not in (State.TALKING, State.WAITING) and request.referrer != call.referring_leg:
            raise RequestRefused(f"the call is {call.state.value}; it can't be transferred now", status=409)
        if self._desk.transfers_beside(runner) >= self._rules.max_transfers:
            raise Congested(f"congestion: {self._rules.max_transfers} transfers are in flight", status=503)
        self._check_limits(runner, request)

    def _check_limits(self, runner: Runner, request: Request) -> None:
        for rule in {each.rule for each in request.routes}:
            limit, wanted = self._rules.routing[rule].max_concurrent, occupancy.wanted(request, rule)
            carried = self._desk.legs_over(rule, beside=runner) + occupancy.talking(runner.call, rule)
            if carried + wanted > limit:
                raise Congested(_too_many(rule, carried, limit, wanted), status=503)

    def _check_size(self, turns: Sequence[Turn], key: str) -> None:
        """What is kept of a talk is bounded as it grows; one message that is all of it is a mistake."""
        if size_of(turns) > self._rules.transcript_bytes:
            raise RequestRefused(f"more than {self._rules.transcript_bytes} bytes of conversation at once", key=key)

    def transcript(self, runner: Runner, variables: Mapping[str, Any]) -> ev.TranscriptAdded:
        """Raises RequestRefused."""
        asked = parse(WarmTransferTranscript, variables)
        turns = tuple(message.turn() for message in asked.turns)
        self._check_size(turns, "turns")
        return ev.TranscriptAdded(turns, asked.replace, at_most=self._rules.transcript_bytes)


def _own_number(runner: Runner) -> str:
    """Empty for a caller who withheld it, and for what is no number, as `anonymous`."""
    number = runner.call.caller_number
    return number if not runner.is_withheld and NUMBER.fullmatch(number) else ""


def new_transfer_id() -> str:
    return f"tr_{secrets.token_hex(8)}"


def _too_many(rule: str, carried: int, limit: int, wanted: int) -> str:
    if wanted == 1:
        return f"congestion: rule {rule} carries {limit} supervisors already"
    return f"congestion: rule {rule} carries {carried} of {limit} supervisors, {wanted} are asked for at once"
