"""The agent's hands: what its model may do. Speaking and listening are in `conversation.py`."""

from __future__ import annotations

from uuid import uuid4

from ari_app import Agent, SIPDestination, WarmTransferConfig, WarmTransferError, WarmTransferResult, function_tool

INSTRUCTIONS = """You answer the telephone of Acme billing. What you write is spoken: one or two short sentences, no
lists, no markup. Begin with a greeting. For a refund ask the order number, then call the tool. When you can't help, or
are asked for a human, say so in one sentence and call get_a_human in the same message. When it fails, the caller is
back with you and has heard music only: say so, and what they can do."""


class FrontDesk(Agent):
    def __init__(self, rule: str, number: str) -> None:
        """Whom to ring: a routing rule of the app's settings, and a number that it allows."""
        super().__init__(INSTRUCTIONS)
        self._destination = SIPDestination(routing_rule_id=rule, sip_call_to=number)
        self.request_id: str | None = None
        "Of the latest transfer that was asked for."
        self.is_away = False
        "The caller hears music, or a human, and not the agent."

    @function_tool
    async def refund(self, order: str) -> dict[str, str]:
        """Refund an order.

        Args:
            order: Its number.
        """
        return {"error": "above the limit"}

    @function_tool
    async def get_a_human(self, reason: str) -> str:
        """Hand this call to a human.

        Args:
            reason: Why, in a few words; the human hears it first.
        """
        self.request_id, self.is_away = str(uuid4()), True
        config = WarmTransferConfig(destination=self._destination, reason=reason, request_id=self.request_id)
        try:
            result = await self.session.warm_transfer(config)
        except WarmTransferError:
            self.is_away = False
            raise
        self.is_away = result.success
        return "The caller is with a human." if result.success else failure(result)


def failure(result: WarmTransferResult) -> str:
    return f"Nobody took the call: {result.decline_reason or result.error or result.outcome}"
