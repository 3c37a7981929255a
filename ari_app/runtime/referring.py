"""The door for agents that can do nothing but SIP: a REFER from the agent's leg becomes a request like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from ari_app.errors import RequestRefused
from ari_app.runtime.desk import Desk
from ari_app.runtime.intake import Intake, new_transfer_id
from ari_app.runtime.runner import Runner
from ari_app.transfer.events import TransferRequested
from ari_app.transfer.referral import rule_for
from ari_app.transfer.routing import Rule

log = structlog.get_logger(__name__)


class Referring:
    def __init__(self, rules: Mapping[str, Rule], desk: Desk, intake: Intake) -> None:
        self._rules = rules
        self._desk = desk
        self._intake = intake

    def on_referred(self, channel: str, target: str) -> None:
        """Never raises; what is refused touches nothing, and the agent is told by NOTIFY 603."""
        runner = self._desk.find(channel)
        if runner and _is_answering(runner, channel):
            # a NOTIFY can't say which of two REFERs it is about
            log.info("the leg refers again; its first REFER is under way", call_id=runner.call.call_id)
            return
        try:
            if runner is None:
                raise RequestRefused("no call here has this leg")
            runner.tell(self._request(runner, channel, target))
        except RequestRefused as refused:
            log.warning("REFER refused", call_id=runner.call.call_id if runner else None, why=str(refused))
            self._desk.decline_referral(channel)

    def _request(self, runner: Runner, channel: str, target: str) -> TransferRequested:
        agent = runner.call.agent
        if agent is None or agent.channel_id != channel or not agent.refers:
            raise RequestRefused("only an agent with refer = true in its settings may ask so")
        rule = rule_for(target, self._rules)
        if rule is None:
            raise RequestRefused("no routing rule with refer = true allows this target", status=403)
        destination = {"routing_rule_id": rule, "sip_call_to": target}
        event, _ = self._intake.admit(runner, {"destination": destination}, new_transfer_id())
        if event is None:
            raise AssertionError("a request without an id is always a new one")
        return replace(event, request=replace(event.request, referrer=channel))


def _is_answering(runner: Runner, channel: str) -> bool:
    transfer = runner.call.transfer_in_flight
    return transfer is not None and transfer.request.referrer == channel
