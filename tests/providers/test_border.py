"""What crosses the border to a cloud: a verdict, and nothing of what it was made of."""

import pytest

from ari_app.briefing.providers.border import border, judged, refused
from ari_app.errors import ProviderError
from ari_app.testing.providers.fault_contract import Verdict

PASSING, LASTING, THIS_REQUEST = Verdict.PASSING, Verdict.LASTING, Verdict.THIS_REQUEST


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((408, 409, 425, 429, 500, 502, 503, 529), PASSING),
        ((401, 402, 403), LASTING),
        ((302, 307, 404, 405, 410), LASTING),
        ((400, 406, 413, 415, 422, 451), THIS_REQUEST),
    ],
)
def test_a_status_has_one_verdict(statuses, verdict):
    for status in statuses:
        assert Verdict.of(refused("acme", status)) is verdict, status


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TimeoutError(), PASSING),
        (ConnectionResetError(), PASSING),
        (EOFError(), PASSING),
        (ValueError("no JSON"), THIS_REQUEST),
        (AttributeError("no field"), THIS_REQUEST),
    ],
)
def test_what_a_library_raises_has_one_verdict(error, verdict):
    assert Verdict.of(judged("acme", error)) is verdict


def test_nothing_of_the_cause_is_told():
    with pytest.raises(ProviderError) as raised, border("acme"):
        raise ValueError("key=canary")
    assert raised.value.__suppress_context__ and "canary" not in str(raised.value)


def test_our_own_verdicts_pass_as_they_are():
    mine = ProviderError("refused", only_this_request=True)
    with pytest.raises(ProviderError) as raised, border("acme"):
        raise mine
    assert raised.value is mine
