"""The door for those who can do nothing but SIP: a REFER from the agent's leg becomes a request like any other, and one
from the supervisor who has the caller a blind one."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from ari_app.errors import RequestRefused
from ari_app.runtime.desk import Desk
from ari_app.runtime.intake import Intake, new_transfer_id
from ari_app.runtime.runner import Runner
from ari_app.transfer.events import TransferRequested
from ari_app.transfer.model import State
from ari_app.transfer.referral import rule_for
from ari_app.transfer.routing import Rule

log = structlog.get_logger(__name__)


class Referring:
    def __init__(self, rules: Mapping[str, Rule], desk: Desk, intake: Intake) -> None:
        self._rules = rules
        self._desk = desk
        self._intake = intake

    def on_referred(self, channel: str, target: str) -> None:
        """Never raises; what is refused touches nothing, and whoever asks is told by NOTIFY 603."""
        runner = self._desk.carrying(channel)
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
        call = runner.call
        if channel != call.referring_leg:
            raise RequestRefused("only who has the caller, and has refer = true in the settings, may ask so")
        rule = rule_for(target, self._rules)
        if rule is None:
            raise RequestRefused("no routing rule with refer = true allows this target", status=403)
        destination = {"routing_rule_id": rule, "sip_call_to": target}
        mode = "blind" if call.state is State.CONNECTED else "warm"
        asked = {"destination": destination, "mode": mode}
        event, _ = self._intake.admit(runner, asked, new_transfer_id(), referrer=channel)
        if event is None:
            raise AssertionError("a request without an id is always a new one")
        return event


def _is_answering(runner: Runner, channel: str) -> bool:
    transfer = runner.call.transfer_in_flight
    return transfer is not None and transfer.request.referrer == channel
