"""`warm-transfer check`: what is wrong with an installation, and the mend, before a caller finds out.

Music and engines are tried, not looked up: a channel of ours listens to the music on hold. Nothing is changed, neither
in Asterisk nor on the disk; a running app is not disturbed.
"""

from __future__ import annotations

import os

from ari_app.checks import asterisk, configured, machine
from ari_app.checks.findings import Finding, Level, ok, print_table
from ari_app.config import Settings

__all__ = ["Finding", "Level", "check", "print_table"]


async def check(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it is mended best."""
    running = await machine.is_running(settings)
    findings = [ok("settings", "readable"), *configured.policy(settings, os.environ)]
    findings += [*[finding async for finding in configured.engines(settings, os.environ)], *machine.speech()]
    findings += configured.transcribing(settings, os.environ)
    findings += [await machine.journal(settings), machine.listening(settings, running)]
    async for finding in asterisk.look(settings, running):
        findings.append(finding)
    return findings
