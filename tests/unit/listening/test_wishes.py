"""Who may be transcribed: settings that can't be served are refused at start, in one line, and told by `check`."""

import pytest

from ari_app.app import wishes_of
from ari_app.briefing.engines import Engines
from ari_app.checks import Level, configured
from ari_app.config import Settings
from ari_app.errors import SettingsError
from ari_app.listening.overhearing import Wish

CLOUD = {"stt": "deepgram", "stt_options": {"api_key": "k"}}


def settings(*, transcribe="scribe", **profiles):
    agent = {"endpoint": "PJSIP/front-desk", "transcribe": transcribe, "transcribe_minutes": 2}
    other = {"endpoint": "PJSIP/other"}
    return Settings(agents={"front-desk": agent, "other": other}, briefing=profiles)


def wishes(given):
    engines = Engines(given.briefing, {})
    engines.make()
    return wishes_of(given, engines)


@pytest.mark.parametrize(
    "profiles",
    [{"scribe": CLOUD}, {"scribe": {"stt": "pocketsphinx", "fallback": "cloud"}, "cloud": CLOUD}],
)
def test_only_agents_that_ask_are_transcribed(profiles):
    given = settings(**profiles)
    assert wishes(given) == {"front-desk": Wish("scribe", 120.0, 1_000_000)}
    [finding] = configured.transcribing(given, {})
    assert (finding.level, finding.subject) == (Level.OK, "agent front-desk transcribe")


@pytest.mark.parametrize("profile", [{}, {"stt": "none"}, {"stt": "pocketsphinx"}, {"language": "de"}])
def test_an_engine_that_knows_decisions_only_is_refused_at_start(profile):
    given = settings(scribe=profile)
    with pytest.raises(SettingsError, match=r"^agents\.front-desk\.transcribe: \[briefing\.scribe\].*stt"):
        wishes(given)
    [finding] = configured.transcribing(given, {})
    assert finding.level is Level.FAIL and "briefing.scribe.stt" in finding.mend


def test_the_profile_has_to_exist():
    with pytest.raises(ValueError, match=r"agents\.front-desk\.transcribe: no \[briefing\.scribe\]"):
        settings()
