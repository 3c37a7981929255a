"""What the app is connected to, and its bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from ari_app.config.sections import Name, Seconds, Section, check_secret, is_loopback
from ari_app.transfer.model import Phase


class Asterisk(Section):
    """Where Asterisk's HTTP server is and who we are there."""

    url: str = Field(default="http://127.0.0.1:8088", pattern=r"^https?://[^/\s]+(/.*)?$")
    "Base URL of Asterisk's HTTP server, without `/ari`."
    username: str = "warm-transfer"
    "ARI user (ari.conf)."
    password: SecretStr = SecretStr("")
    "Its password."
    app: Name = "warm-transfer"
    "Name of the Stasis application."
    request_timeout: Seconds = 2.0
    "Seconds one ARI request may take before its fate is unknown."


class Http(Section):
    """The control API."""

    listen: str = "127.0.0.1:8089"
    "Address and port. Without a token only loopback is allowed."
    token: SecretStr = SecretStr("")
    "Bearer token that every request but /healthz, /readyz and /metrics must carry; empty: no check."

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("write it as address:port, e.g. 127.0.0.1:8089")
        return value

    @model_validator(mode="after")
    def _is_private_without_token(self) -> Http:
        if not self.token.get_secret_value() and not is_loopback(self.host):
            raise ValueError(f"listen {self.listen} is not loopback: set http.token, or listen on 127.0.0.1")
        return self


class JournalSettings(Section):
    """Where every step of every call is kept."""

    url: str = "sqlite:///warm-transfer.db"
    "SQLAlchemy URL: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DB` (extra `postgresql`)."
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    "Days after which ended calls are deleted at start."


class Posted(Section):
    """What is posted over HTTP, signed as Standard Webhooks."""

    url: str = Field(pattern=r"^https?://[^/\s?#@]+([/?][^\s#]*)?$")
    "Where it is posted: https, or http to a loopback address."
    secret: SecretStr = SecretStr("")
    "`whsec_` and 24 to 64 bytes in base64. Several, with spaces between, while it is changed: each of them signs."
    secret_file: Path | None = None
    "File with the secret, e.g. one mounted into the container."
    secret_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    "Environment variable with the secret."
    allow_http: bool = False
    "Allows http to other hosts; conversations are then readable on the way."

    @model_validator(mode="after")
    def _is_private_on_the_way(self) -> Posted:
        url = urlsplit(self.url)
        if url.scheme == "http" and not self.allow_http and not is_loopback(url.hostname or ""):
            raise ValueError("url: use https, or set allow_http")
        return self

    @model_validator(mode="after")
    def _has_one_secret(self) -> Posted:
        check_secret(self, required=True)
        return self


class Webhook(Posted):
    """A receiver of phases over HTTP, signed as Standard Webhooks (docs/reference/webhooks.md). One of `secret`,
    `secret_file`, `secret_env` is required."""

    phases: tuple[Phase, ...] = ()
    "Which phases are sent; all when empty."
    timeout: Annotated[float, Field(gt=0, le=60)] = 15.0
    "Seconds the receiver has for its answer."
    most_waiting: Annotated[int, Field(ge=100, le=100_000)] = 10_000
    "Phases kept for a receiver that does not take them; one more, and the oldest goes."


class DestinationWebhook(Posted):
    """Whoever says at run time whom to ring, for the key `group` of a request; signed as Standard Webhooks
    (docs/how-to/find-the-right-human.md). One of `secret`, `secret_file`, `secret_env` is required."""

    timeout: Annotated[float, Field(gt=0, le=10)] = 1.0
    "Seconds the receiver has for its answer; the caller talks to the agent meanwhile."


class Limits(Section):
    """Bounds."""

    transfers: Annotated[int, Field(ge=1)] = 100
    "Transfers in flight at once; one more is refused."
    transcript_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    "Bytes of conversation kept for one call: the oldest go first. One message with more at once is refused."
