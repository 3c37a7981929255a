"""Signatures of Standard Webhooks: symmetric, `v1`, one for each secret that is in use."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

from ari_app.config import Posted, secret_of
from ari_app.errors import SettingsError

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"Bytes of a secret, as the specification wants them."


def signed(message_id: str, body: bytes, keys: Sequence[bytes], now: float) -> dict[str, str]:
    """The three headers of one try; the id is the same in every one, the time is not."""
    timestamp = str(int(now))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def keys_of(name: str, webhook: Posted, environ: Mapping[str, str], section: str = "webhooks") -> tuple[bytes, ...]:
    """The newest first. Raises SettingsError naming the key of the settings, never its value."""
    key, text = secret_of(f"{section}.{name}", webhook, environ)
    try:
        keys = tuple(_decoded(secret) for secret in text.split())
    except ValueError as error:
        raise SettingsError(f"{key}: {error}; make one with: echo {PREFIX}$(openssl rand -base64 32)") from None
    if not keys:
        raise SettingsError(f"{key}: there is no secret in it; make one with: echo {PREFIX}$(openssl rand -base64 32)")
    return keys


def _decoded(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a secret is {PREFIX} and base64") from None
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a secret is {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64")
    return key
