"""Warm transfer for Asterisk: a caller goes from an AI agent to a human supervisor who is briefed first.

What agents import is found here by name, and loaded when it is asked for: `import ari_app` alone loads nothing, and
the agent's side loads neither server, database nor provider.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ari_app.agent import Agent as Agent
    from ari_app.agent import AgentSession as AgentSession
    from ari_app.agent import FunctionTool as FunctionTool
    from ari_app.agent import SIPDestination as SIPDestination
    from ari_app.agent import WarmTransferConfig as WarmTransferConfig
    from ari_app.agent import WarmTransferPhase as WarmTransferPhase
    from ari_app.agent import WarmTransferResult as WarmTransferResult
    from ari_app.agent import call_tools as call_tools
    from ari_app.agent import function_tool as function_tool
    from ari_app.agent import tools as tools
    from ari_app.briefing.pipeline import Pipeline as Pipeline
    from ari_app.errors import WarmTransferError as WarmTransferError

_HOMES = {
    **dict.fromkeys(
        (
            *("Agent", "AgentSession", "FunctionTool", "SIPDestination", "WarmTransferConfig", "WarmTransferPhase"),
            *("WarmTransferResult", "call_tools", "function_tool", "tools"),
        ),
        "ari_app.agent",
    ),
    "Pipeline": "ari_app.briefing.pipeline",
    "WarmTransferError": "ari_app.errors",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
