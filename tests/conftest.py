"""Settings of all tests."""

import structlog
from hypothesis import settings

# A busy machine is no defect: how long something takes is for bench/.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Tracebacks as Python prints them: with every variable of every frame in colours, one takes a second.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
