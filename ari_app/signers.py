"""Settings to signers: whose user events are checked, with which secrets."""

from __future__ import annotations

from collections.abc import Mapping

from ari_app.config import Settings, Signatures, secret_of
from ari_app.errors import SettingsError
from ari_app.runtime.signatures import Signer

SHORTEST = 32
"Characters of a secret: `openssl rand -base64 32` has 44."


def signers_of(settings: Settings, environ: Mapping[str, str]) -> dict[str | None, Signer]:
    """By the agent's name; under None of calls without an agent. Raises SettingsError, never with a secret's value."""
    named: dict[str | None, Signer] = {
        name: _signer(f"agents.{name}", agent, environ) for name, agent in settings.agents.items()
    }
    return named | {None: _signer("signatures", settings.signatures, environ)}


def _signer(where: str, signatures: Signatures, environ: Mapping[str, str]) -> Signer:
    if signatures.signature == "none":
        return Signer()
    key, text = secret_of(where, signatures, environ)
    secrets = tuple(secret.encode() for secret in text.split())
    if not secrets or min(map(len, secrets)) < SHORTEST:
        raise SettingsError(
            f"{key}: a secret has {SHORTEST} characters or more; make one with: openssl rand -base64 32"
        )
    return Signer(signatures.signature, secrets)
