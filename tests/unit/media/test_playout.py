"""The reckoning of how far ahead of the ear the app is."""

from hypothesis import given
from hypothesis import strategies as st

from ari_app.media.playout import LONGEST_LEAD, PIECE, Playout


def test_audio_is_played_while_time_passes():
    playout = Playout()
    playout.sent(10.0, 2.0)
    playout.sent(10.5, 1.0)
    assert playout.lead(10.5) == 2.5
    assert playout.lead(13.0) == 0.0


def test_a_pause_is_not_caught_up():
    playout = Playout()
    playout.sent(10.0, 1.0)
    playout.sent(20.0, 1.0)
    assert playout.lead(20.0) == 1.0


def test_a_flush_leaves_nothing_to_play():
    playout = Playout()
    playout.sent(10.0, 4.0)
    playout.flushed(11.0)
    assert playout.lead(11.0) == 0.0
    assert playout.room_at(11.0, PIECE) == 11.0


@given(st.lists(st.floats(0.02, PIECE), min_size=1, max_size=60))
def test_a_sender_who_asks_is_never_too_far_ahead_nor_too_near(pieces):
    playout, now, far = Playout(), 0.0, False
    for seconds in pieces:
        at = playout.room_at(now, seconds)
        far = far or at > now
        now = at
        assert not far or playout.lead(now) >= LONGEST_LEAD - PIECE - 1e-9
        playout.sent(now, seconds)
        assert playout.lead(now) <= LONGEST_LEAD + 1e-9
