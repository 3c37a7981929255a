"""The SIP code decides, not the dial status."""

import pytest

from ari_app.transfer.causes import outcome_of
from ari_app.transfer.model import Outcome


@pytest.mark.parametrize(
    ("sip_code", "cause", "outcome"),
    [
        (486, 17, Outcome.BUSY),
        (600, 17, Outcome.BUSY),
        (603, 21, Outcome.REJECTED),
        (403, 21, Outcome.REJECTED),
        (404, 1, Outcome.UNREACHABLE),
        (480, 19, Outcome.NO_ANSWER),
        (503, 34, Outcome.CONGESTION),
        (500, 38, Outcome.CONGESTION),
        (488, 58, Outcome.UNREACHABLE),
        (302, 0, Outcome.UNREACHABLE),
        (None, 17, Outcome.BUSY),
        (None, 19, Outcome.NO_ANSWER),
        (None, 0, Outcome.UNREACHABLE),
        (None, None, Outcome.UNREACHABLE),
    ],
)
def test_outcomes(sip_code, cause, outcome):
    assert outcome_of(sip_code, cause) is outcome
