"""What the sections of the settings have in common."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WithSecret(Protocol):
    """One of the three says it."""

    @property
    def secret(self) -> SecretStr: ...
    @property
    def secret_file(self) -> Path | None: ...
    @property
    def secret_env(self) -> str | None: ...


def check_secret(given: WithSecret, *, required: bool) -> None:
    """Raises ValueError."""
    named = sum(map(bool, (given.secret.get_secret_value(), given.secret_file, given.secret_env)))
    if named > 1 or (required and not named):
        raise ValueError("secret: give one of secret, secret_file and secret_env")
