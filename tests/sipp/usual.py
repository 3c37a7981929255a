"""The app of all stories with the same settings: a worker starts it once, and calls come and go as in a real one.

A story reads the log from its own beginning on. What a call leaves behind in the app's memory or journal is there in
the stories after it, and shows.
"""

from ari_app.testing.stage import App, Lab

PHONES = 4
MOVES = 10
"Other ports for the same phones, before the first ones come again."


class Usual:
    """`app(…)` for a story that is content with it; `leave` before one that is not: two can't have one lab."""

    def __init__(self, lab: Lab, folder) -> None:
        self._lab, self._folder = lab, folder
        self._app: App | None = None
        self._lives = self._moves = 0

    def ports(self):
        """For the phones, the same each time as they are part of the settings; below those the kernel gives away, and
        the lab's own as its SIP port is."""
        slot = int(self._lab.sip.rpartition(":")[2]) // 2 % 100
        first = 18_000 + PHONES * (MOVES * slot + self._moves % MOVES)
        return range(first, first + PHONES)

    async def app(self, settings, environment) -> App:
        """Running and ready, with these settings."""
        if self._app is None or (self._app.extra, self._app.environment) != (settings, environment):
            await self.leave()
            self._lives += 1
            self._app = App(self._lab, self._folder / f"app-{self._lives}", settings, environment)
        self._app.forget_log()
        if not await self._app.is_well():
            await self._app.stop()
            await self._app.start()
        return self._app

    def has(self, app) -> bool:
        """It goes on after its story."""
        return app is self._app

    async def move(self):
        """After a story that failed, or left something at the ports."""
        self._moves += 1
        await self.leave()

    async def leave(self):
        if self._app:
            await self._app.stop()
        self._app = None
