"""An agent as its session knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ari_app.agents.tools import FunctionTool, tools
from ari_app.errors import WarmTransferError

if TYPE_CHECKING:
    from ari_app.agents.session import AgentSession


class Agent:
    """A base for classes whose methods are tools and ask for transfers: `self.session` is there once an
    `AgentSession(agent=…)` was made with it. Speaking and listening are its own."""

    def __init__(self, instructions: str = "") -> None:
        self.instructions = instructions
        self._session: AgentSession | None = None

    @property
    def session(self) -> AgentSession:
        if self._session is None:
            raise WarmTransferError("session: there is none yet; make one with AgentSession(agent=this, …)")
        return self._session

    @session.setter
    def session(self, session: AgentSession) -> None:
        self._session = session

    @property
    def tools(self) -> list[FunctionTool]:
        """The `function_tool` methods, in the order of their definition."""
        return tools(self)

    async def on_enter(self) -> None:
        """Called when the session is open."""

    async def on_exit(self) -> None:
        """Called before the session closes."""
