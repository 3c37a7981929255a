"""Settings to signers: whose user events are checked, with which secrets."""

from __future__ import annotations

from collections.abc import Mapping

from ari_app.config import Settings, Signatures
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
    key, text = _secret(where, signatures, environ)
    secrets = tuple(secret.encode() for secret in text.split())
    if not secrets or min(map(len, secrets)) < SHORTEST:
        raise SettingsError(
            f"{key}: a secret has {SHORTEST} characters or more; make one with: openssl rand -base64 32"
        )
    return Signer(signatures.signature, secrets)


def _secret(where: str, signatures: Signatures, environ: Mapping[str, str]) -> tuple[str, str]:
    if signatures.secret_file:
        return f"{where}.secret_file", _read(f"{where}.secret_file", signatures)
    if signatures.secret_env:
        return f"{where}.secret_env", environ.get(signatures.secret_env, "")
    return f"{where}.secret", signatures.secret.get_secret_value()


def _read(key: str, signatures: Signatures) -> str:
    try:
        return signatures.secret_file.read_text(encoding="utf-8") if signatures.secret_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: {signatures.secret_file} can't be read ({type(error).__name__})") from None
