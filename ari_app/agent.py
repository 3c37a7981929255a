"""The public door for agents in Python (contract, section 6). What is behind it: `ari_app/agents/`."""

from ari_app.agents.agent import Agent
from ari_app.agents.messages import SIPDestination, WarmTransferConfig, WarmTransferPhase, WarmTransferResult
from ari_app.agents.session import AgentSession
from ari_app.agents.tools import FunctionTool, call_tools, function_tool, tools
from ari_app.briefing.pipeline import Pipeline
from ari_app.errors import WarmTransferError

__all__ = [
    "Agent",
    "AgentSession",
    "FunctionTool",
    "Pipeline",
    "SIPDestination",
    "WarmTransferConfig",
    "WarmTransferError",
    "WarmTransferPhase",
    "WarmTransferResult",
    "call_tools",
    "function_tool",
    "tools",
]
