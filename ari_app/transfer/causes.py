"""What a SIP answer means for the supervisor's leg.

Asterisk 22.7 and later report the SIP status as `tech_cause`; the dial status is not used, because it says NOANSWER
for a 603 as for a ring without end. Where no status was seen, the Q.850 cause decides (RFC 3398, section 8.2.6.1).
"""

from __future__ import annotations

from ari_app.transfer.model import Outcome

_BY_SIP = {
    403: Outcome.REJECTED,
    408: Outcome.UNREACHABLE,
    480: Outcome.NO_ANSWER,
    486: Outcome.BUSY,
    487: Outcome.NO_ANSWER,
    500: Outcome.CONGESTION,
    503: Outcome.CONGESTION,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    607: Outcome.REJECTED,
    608: Outcome.REJECTED,
}
_BY_CAUSE = {
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    21: Outcome.REJECTED,
    34: Outcome.CONGESTION,
    38: Outcome.CONGESTION,
    42: Outcome.CONGESTION,
}


def outcome_of(sip_code: int | None, cause: int | None) -> Outcome:
    """The outcome of a leg that ended before it was answered."""
    if sip_code in _BY_SIP:
        return _BY_SIP[sip_code]
    if sip_code is not None:
        return Outcome.UNREACHABLE
    return _BY_CAUSE.get(cause or 0, Outcome.UNREACHABLE)
