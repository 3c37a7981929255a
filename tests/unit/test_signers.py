"""Secrets of the settings: found where they are said to be, and a bad one is named before anything is served."""

import pytest

from ari_app.config import load
from ari_app.errors import SettingsError
from ari_app.runtime.signatures import Signer
from ari_app.signers import signers_of

SECRET, OTHER = "a" * 32, "b" * 44


def signers(tmp_path, lines, environ=None, section="agents.desk"):
    file = tmp_path / "settings.toml"
    endpoint = 'endpoint = "PJSIP/desk"' if section.startswith("agents") else ""
    file.write_text(f"[{section}]\n{endpoint}\n{lines}")
    return signers_of(load(file), environ or {})


def test_each_agent_has_its_own_and_calls_without_one_theirs(tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n{OTHER}\n")
    found = signers(tmp_path, f'signature = "required"\nsecret_file = "{tmp_path}/secret"')
    assert found == {"desk": Signer("required", (SECRET.encode(), OTHER.encode())), None: Signer()}
    found = signers(tmp_path, 'signature = "optional"\nsecret_env = "DESK"', {"DESK": SECRET})
    assert found["desk"] == Signer("optional", (SECRET.encode(),))
    found = signers(tmp_path, f'signature = "required"\nsecret = "{SECRET}"', section="signatures")
    assert found == {None: Signer("required", (SECRET.encode(),))}


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('signature = "required"', "agents.desk: secret"),
        (f'signature = "required"\nsecret = "{SECRET}"\nsecret_env = "DESK"', "agents.desk: secret"),
        ('signature = "required"\nsecret = "short"', "agents.desk.secret"),
        ('signature = "optional"\nsecret_env = "NOT_SET"', "agents.desk.secret_env"),
        ('signature = "optional"\nsecret_file = "no-such-file"', "agents.desk.secret_file"),
        ('signature = "sometimes"', "agents.desk.signature"),
    ],
)
def test_a_bad_one_is_named_and_not_shown(tmp_path, lines, key):
    with pytest.raises(SettingsError) as refused:
        signers(tmp_path, lines)
    assert str(refused.value).startswith(key)
    assert "short" not in str(refused.value) and SECRET not in str(refused.value)
