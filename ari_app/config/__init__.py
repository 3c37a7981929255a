"""Settings: one TOML file, every key overridable by environment."""

from ari_app.config.briefing import BriefingProfile, EngineOptions, is_reference
from ari_app.config.people import AgentSettings, Dispositions, RoutingRule, Signatures
from ari_app.config.sections import Section
from ari_app.config.server import DestinationWebhook, Posted, Webhook
from ari_app.config.settings import Settings, load, secret_in, secret_of

__all__ = [
    "AgentSettings",
    "BriefingProfile",
    "DestinationWebhook",
    "Dispositions",
    "EngineOptions",
    "Posted",
    "RoutingRule",
    "Section",
    "Settings",
    "Signatures",
    "Webhook",
    "is_reference",
    "load",
    "secret_in",
    "secret_of",
]
