"""Engines that stand in for each other, on a clock that jumps: no test here waits for what it measures."""

import asyncio
from itertools import product

import pytest
from structlog.testing import capture_logs

from ari_app.briefing.ladder import FIRST_WITHIN, STALLED_AFTER, VoiceLadder
from ari_app.briefing.providers.breaker import Breaker, Breakers, GuardedVoice
from ari_app.briefing.talk import beside
from ari_app.briefing.turns import Line, Part
from ari_app.briefing.voice import MORE_AUDIO_WITHIN, Voice, recording
from ari_app.errors import ProviderError
from ari_app.media.audio import tone, tone_share
from ari_app.testing.fake_speech import FakeVoice
from ari_app.testing.jumping import at_once

FOREVER = 3600.0


def now():
    return asyncio.get_running_loop().time()


class Singer:
    """TextToSpeech on one tone: `first` seconds until its first sound, then all; fails where it is told to."""

    def __init__(self, hertz, *, rate=16_000, first=0.0, fails_at=None, error=None):
        self.hertz, self.rate, self.first = hertz, rate, first
        self.fails_at = fails_at
        "Piece of the text, of five, before which it fails."
        self.error = error or ProviderError("out of voice")
        self.asked, self.closed = [], 0

    async def synthesize(self, text):
        self.asked.append(text)
        try:
            await asyncio.sleep(self.first)
            for piece in range(5):
                if self.fails_at == piece:
                    raise self.error
                yield tone(self.hertz, 0.1, self.rate)
        finally:
            self.closed += 1


def dead(hertz=100):
    return Singer(hertz, fails_at=0)


def hung(hertz=100):
    return Singer(hertz, first=FOREVER)


class Staller(Singer):
    """Begins and does not go on."""

    async def synthesize(self, text):
        yield tone(self.hertz, 0.1, self.rate)
        await asyncio.sleep(FOREVER)


def cut_off(hertz=100):
    return Singer(hertz, fails_at=2)


async def said(voice, text="Hello."):
    return b"".join([pcm async for pcm in voice.synthesize(text)])


def sings(pcm, hertz):
    return tone_share(pcm, hertz) > 0.9


# Voices


@at_once
async def test_the_first_voice_that_works_is_the_only_one_asked():
    first, second = Singer(300), Singer(500)
    assert sings(await said(VoiceLadder([first, second])), 300)
    assert not second.asked


@at_once
async def test_a_voice_that_fails_before_its_first_sound_is_replaced_for_good():
    first, second = dead(), Singer(500)
    ladder = VoiceLadder([first, second])
    assert sings(await said(ladder, "One."), 500)
    assert sings(await said(ladder, "Two."), 500)
    assert (first.asked, second.asked) == (["One."], ["One.", "Two."])


@at_once
async def test_an_unexpected_exception_counts_as_a_failure():
    first = Singer(300, fails_at=0, error=RuntimeError("a bug of an SDK"))
    assert sings(await said(VoiceLadder([first, Singer(500)])), 500)


@at_once
async def test_a_voice_that_says_nothing_is_replaced():
    class Mute(Singer):
        async def synthesize(self, text):
            yield b""

    assert sings(await said(VoiceLadder([Mute(300), Singer(500)])), 500)


@at_once
async def test_two_clouds_that_hang_leave_the_embedded_voice_its_time():
    clouds = [hung(), hung()]
    ladder = VoiceLadder([*clouds, Singer(500, first=0.1)])
    pieces = ladder.synthesize("Hello.")
    assert sings(await anext(pieces), 500)
    assert now() <= FIRST_WITHIN
    await pieces.aclose()
    assert [cloud.closed for cloud in clouds] == [1, 1]


@at_once
async def test_a_slow_cloud_is_waited_for_as_long_as_there_is_time():
    assert sings(await said(VoiceLadder([Singer(300, first=1.0), Singer(500)])), 300)


@at_once
async def test_what_a_ladder_may_cost_over_a_whole_transfer_is_two_seconds():
    first, second, third = Singer(300), Singer(400), Singer(500)
    ladder = VoiceLadder([first, second, third])
    lost = 0.0
    for text, breaks in (("One.", first), ("Two.", second), ("Three.", None)):
        if breaks:
            breaks.first = FOREVER
        started = now()
        await said(ladder, text)
        lost += now() - started
    assert third.asked == ["Two.", "Three."]
    assert lost <= 2.0


@at_once
async def test_with_every_voice_hung_it_gives_up_before_the_briefing_does():
    with pytest.raises(ProviderError, match="no engine is left"):
        await said(VoiceLadder([hung(), hung(), hung()]))
    assert now() <= 1.4


@at_once
async def test_with_every_voice_dead_the_next_text_is_refused_at_once():
    voices = [dead(), dead()]
    ladder = VoiceLadder(voices)
    for _ in range(2):
        with pytest.raises(ProviderError):
            await said(ladder)
    assert [len(voice.asked) for voice in voices] == [1, 1]
    assert now() == 0


@at_once
async def test_half_a_sentence_is_not_begun_again_but_the_next_text_has_another_voice():
    first, second = Singer(300, fails_at=2), Singer(500)
    ladder = VoiceLadder([first, second])
    heard = []
    with pytest.raises(ProviderError, match="broke off"):
        async for pcm in ladder.synthesize("One."):
            heard.append(pcm)
    assert len(heard) == 2 and not second.asked
    assert sings(await said(ladder, "Two."), 500)


@at_once
async def test_a_voice_lost_between_two_sentences_is_replaced_within_the_text():
    class OneSentence(Singer):
        async def synthesize(self, text):
            self.fails_at = 0 if self.asked else None
            async for pcm in super().synthesize(text):
                yield pcm

    second = Singer(500)
    pcm = await said(VoiceLadder([OneSentence(300), second]), "One is said. Two is not. Three is not.")
    assert second.asked == ["Two is not.", "Three is not."]
    assert sings(pcm[: len(pcm) // 3], 300) and sings(pcm[len(pcm) // 3 :], 500)


@at_once
async def test_a_later_sentence_that_hangs_is_replaced_before_the_briefing_takes_it_for_a_stall():
    class OneSentence(Singer):
        async def synthesize(self, text):
            self.first = FOREVER if self.asked else 0.0
            async for pcm in super().synthesize(text):
                yield pcm

    pieces, gaps, last = VoiceLadder([OneSentence(300), hung(), Singer(500)]).synthesize("One. Two. Three."), [], 0.0
    async for _ in pieces:
        gaps.append(now() - last)
        last = now()
    assert max(gaps) < 1.0


@at_once
async def test_a_voice_that_stalls_is_left_before_the_briefing_stops_waiting():
    first, second = Staller(300), Singer(500)
    ladder = VoiceLadder([first, second])
    with pytest.raises(ProviderError, match="broke off"):
        await said(ladder, "One.")
    assert now() == STALLED_AFTER < MORE_AUDIO_WITHIN
    assert sings(await said(ladder, "One."), 500)


@at_once
async def test_two_clouds_cost_a_line_two_seconds_at_most_whatever_ails_them_and_then_the_embedded_voice_says_it():
    for ailments in product((hung, dead, Staller, cut_off), repeat=2):
        began = now()
        voice = Voice(VoiceLadder([*(ailment(100) for ailment in ailments), Singer(500, first=0.05)]))
        async with beside(voice.work()):
            pieces = [(now(), pcm) async for pcm in voice.say(Line(Part.SUMMARY, "The caller wants a refund."))]
        embedded = [at for at, pcm in pieces if sings(pcm, 500)]
        assert len(embedded) == 5 and round(embedded[0] - began, 3) <= 2.0, ailments


@at_once
async def test_the_rate_stays_whoever_speaks():
    for rate in (8_000, 22_050, 24_000):
        pcm = await said(VoiceLadder([dead(), Singer(500, rate=rate)]))
        assert sings(pcm, 500)
        assert abs(len(pcm) / 32_000 - 0.5) < 0.01


@at_once
async def test_an_open_circuit_costs_no_time():
    breaker = Breaker("acme")
    breaker.failed(is_lasting=True)
    cloud = hung()
    assert sings(await said(VoiceLadder([GuardedVoice(cloud, breaker), Singer(500)])), 500)
    assert not cloud.asked and now() == 0


@at_once
async def test_clouds_that_hang_cost_three_transfers_time_and_the_fourth_none():
    breakers = Breakers(clock=now)
    clouds = {"acme": hung(), "other": hung()}
    lost = []
    for _ in range(4):
        guarded = [GuardedVoice(cloud, breakers.of(name, "tts")) for name, cloud in clouds.items()]
        started = now()
        assert sings(await said(VoiceLadder([*guarded, Singer(500)])), 500)
        lost.append(now() - started)
    assert max(lost[:3]) < 1.4
    assert lost[3] == 0


@at_once
async def test_who_stops_listening_closes_the_voice():
    voice = Singer(300)
    pieces = VoiceLadder([voice]).synthesize("Hello.")
    await anext(pieces)
    await pieces.aclose()
    assert voice.closed == 1


@at_once
async def test_two_texts_that_fail_at_once_go_down_one_rung_only():
    second = Singer(500)
    ladder = VoiceLadder([hung(), second, dead()])
    assert all(sings(pcm, 500) for pcm in await asyncio.gather(said(ladder, "One."), said(ladder, "Two.")))


@at_once
async def test_nothing_to_say_asks_nobody():
    voice = Singer(300)
    assert await said(VoiceLadder([voice]), " … ") == b""
    assert not voice.asked


@at_once
async def test_a_briefing_keeps_its_voice_when_both_clouds_hang():
    voice = Voice(VoiceLadder([hung(), hung(), Singer(500, first=0.1)]))
    await voice.make(["The caller wants to change the flight."])
    pcm = b"".join([piece async for piece in voice.say(Line(Part.SUMMARY, "The caller wants to change the flight."))])
    assert sings(pcm, 500)


@at_once
async def test_a_briefing_without_any_voice_has_its_recordings():
    voice = Voice(VoiceLadder([dead(), hung(), dead()]))
    line = Line(Part.QUESTION, "Shall I put the caller through?", "question")
    await voice.make([line.text])
    assert b"".join([piece async for piece in voice.say(line)]) == recording("question")
    assert now() < 1.5


@at_once
async def test_the_log_tells_who_was_lost_and_not_what_was_said():
    with capture_logs() as lines:
        await said(VoiceLadder([dead(), Singer(500)]), "The canary sentence.")
    assert [line["engine"] for line in lines] == ["Singer"]
    assert "canary" not in str(lines)


@at_once
async def test_the_fake_voice_of_the_other_tests_goes_through_a_ladder_unchanged():
    voice = FakeVoice()
    assert await said(VoiceLadder([voice])) == await said(voice)
