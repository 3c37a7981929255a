"""Who is next for a webhook, and when: on paper, in no time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ari_app.http.waiting import PAUSES, WORTH_TRYING, Message, Verdict, Waiting, spread, verdict


def message(transfer: str, sequence: int, at: float = 0.0) -> Message:
    return Message("crm", transfer, sequence, "started", b"{}", created_at=at, due_at=at)


def waiting(*messages: Message, most: int = 100, jitter: Callable[[], float] = lambda: 1.0) -> Waiting:
    there = Waiting(most, jitter)
    for each in messages:
        assert there.add(each) is None
    return there


def taken(there: Waiting, now: float = 0.0) -> str | None:
    found = there.take(now)
    return found.id if found else None


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ((200, 202, 204, 299), Verdict.DELIVERED),
        ((None, 502, 503, 504), Verdict.UNREACHED),
        ((408, 425, 429, 500, 501, 599), Verdict.LATER),
        ((301, 302, 307, 400, 401, 404, 413, 422), Verdict.FINAL),
        ((410,), Verdict.GONE),
    ],
)
def test_what_an_answer_means(statuses: tuple[int | None, ...], meaning: Verdict) -> None:
    assert {verdict(status) for status in statuses} == {meaning}


def test_a_transfers_phases_wait_for_each_other_and_transfers_do_not() -> None:
    there = waiting(message("a", 1), message("a", 2), message("b", 1))
    first = there.take(0.0)
    assert first and first.id == "a_1"
    assert (taken(there), taken(there), there.due()) == ("b_1", None, None)
    there.done(first)
    assert taken(there) == "a_2"


def test_the_pauses_grow_until_a_day_is_over() -> None:
    there, now, tries = waiting(message("a", 1)), 0.0, []
    while (found := there.take(now)) is not None:
        tries.append(now)
        there.later(found, now)
        assert there.take(now) is None
        now = there.due() or now
    gaps = [after - before for before, after in zip(tries, tries[1:], strict=False)]
    assert gaps[: len(PAUSES)] == list(PAUSES)
    assert tries[-1] == WORTH_TRYING and len(there) == 0


def test_pauses_are_spread() -> None:
    pauses = set()
    for _ in range(20):
        there = waiting(message("a", 1), jitter=spread)
        found = there.take(0.0)
        assert found
        there.later(found, 0.0)
        pauses.add(there.due())
    assert len(pauses) > 1 and all(pause and 0.8 * 5 <= pause <= 1.2 * 5 for pause in pauses)


@pytest.mark.parametrize(("wish", "due"), [(0.0, 5.0), (2.0, 5.0), (60.0, 60.0), (1e9, 3_600.0)])
def test_retry_after_holds_for_everything_and_within_reason(wish: float, due: float) -> None:
    there = waiting(message("a", 1), message("b", 1))
    found = there.take(0.0)
    assert found
    there.later(found, 0.0, wish=wish)
    quiet = min(wish, 3_600.0)
    assert there.due() == quiet
    assert taken(there, quiet) == "b_1"
    assert there.due() == due


def test_who_found_nobody_is_woken_by_who_is_answered_and_nobody_else_is() -> None:
    there = waiting(message("away", 1), message("poison", 1), message("new", 1))
    away, poison, new = (there.take(0.0) for _ in range(3))
    assert away and poison and new
    there.later(away, 0.0, unreached=True)
    there.later(poison, 0.0)
    there.done(new)
    assert there.reached(1.0) and not there.reached(1.0)
    assert (taken(there, 1.0), taken(there, 1.0)) == ("away_1", None)


def test_the_oldest_makes_room_but_not_while_it_is_on_its_way() -> None:
    there = waiting(message("a", 1), message("a", 2), message("b", 1), most=3)
    first = there.take(0.0)
    gone = there.add(message("b", 2))
    assert first and gone and (first.id, gone.id) == ("a_1", "a_2")
    there.done(first)
    assert [taken(there), len(there)] == ["b_1", 2]


def test_the_same_twice_is_there_once() -> None:
    there = waiting(message("a", 1))
    assert there.add(message("a", 1)) is None
    assert len(there) == 1


def test_a_receiver_that_is_gone_leaves_only_what_is_on_its_way() -> None:
    there = waiting(message("a", 1), message("a", 2), message("b", 1))
    first = there.take(0.0)
    assert first and {each.id for each in there.clear()} == {"a_2", "b_1"}
    there.done(first)
    assert (len(there), there.due()) == (0, None)


def test_a_receiver_that_comes_and_goes_for_long_fills_no_memory() -> None:
    there, now = waiting(message("a", 1), message("b", 1)), 0.0
    for _ in range(1_000):
        now += 1.0
        found = there.take(now)
        assert found
        there.later(found, now, unreached=True)
        there.reached(now)
    assert len(there._agenda) < 200 and len(there) == 2
