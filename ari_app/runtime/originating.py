"""What a new leg is originated with: whom it rings, as whom, and what its INVITE and its channel say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ari_app.transfer import commands as cmd
from ari_app.transfer import context
from ari_app.transfer.model import Route
from ari_app.transfer.routing import is_sip

REFER_HANDLING = "PJSIP_TRANSFER_HANDLING()"
"""Channel variable. With `ari-only` a REFER moves nobody in Asterisk; it becomes an event, and the app tells how it
went on."""
NOT_FORWARDED = {"FORWARD_CONTEXT": "warm-transfer-forwards-nobody"}
"""Channel variable, and a context that is in no dialplan: where Asterisk looks for whom a 302 names. Else it looks
where the endpoint's callers come in, and the app would have one more caller."""

Parameters = dict[str, Any]
"Of `channels.originateWithId`."


def agent(do: cmd.RingAgent, app: str) -> Parameters:
    headers = {"X-WT-App": app, "X-WT-Call-ID": do.call_id, "X-WT-Channel": do.caller}
    names = {"WT_APP": app, "WT_CALL_ID": do.call_id, "WT_CHANNEL": do.caller}
    if do.recall:
        headers["X-WT-Recall"] = names["WT_RECALL"] = do.recall
    return {
        "channelId": do.agent.channel_id,
        "endpoint": do.agent.endpoint,
        "app": app,
        "callerId": do.caller_id,
        "timeout": int(do.agent.ring_timeout) + 5,
        "body": {"variables": _variables(do.agent.endpoint, names, headers, refers=do.agent.refers)},
    }


def supervisor(do: cmd.RingSupervisor, facts: Mapping[str, str], app: str) -> Parameters:
    """`facts`: what the INVITE may say of the conversation."""
    attempt, route = do.attempt, do.attempt.route
    headers = context.headers(route, facts, reason=do.reason, call_id=do.call_id, transfer_id=do.transfer_id)
    names = {"WT_CALL_ID": do.call_id}
    return {
        "channelId": attempt.channel_id,
        "endpoint": route.endpoint,
        "app": app,
        "callerId": _caller_id(route),
        "timeout": int(do.timeout) + 1,
        "body": {"variables": _variables(route.endpoint, names, headers, refers=route.refers)},
    }


def _variables(endpoint: str, names: Mapping[str, str], headers: Mapping[str, str], *, refers: bool) -> dict[str, str]:
    handling = {REFER_HANDLING: "ari-only"} if refers else {}
    return {**handling, **NOT_FORWARDED, **names, **_headers(endpoint, headers)}


def _headers(endpoint: str, headers: Mapping[str, str]) -> dict[str, str]:
    """SIP headers of the INVITE as channel variables; other technologies have none."""
    if not is_sip(endpoint):
        return {}
    return {f"PJSIP_HEADER(add,{name})": value for name, value in headers.items()}


def _caller_id(route: Route) -> str:
    """Without a number Asterisk says `From: anonymous`; beside a name it would put its own in its place."""
    if not route.display_name:
        return route.sip_call_from
    return f'"{route.display_name}" <{route.sip_call_from or "anonymous"}>'


def quotable(text: str) -> str:
    """Without what would end a quoted name or begin an address."""
    return "".join(char for char in text if char.isprintable() and char not in '"<>\\')
