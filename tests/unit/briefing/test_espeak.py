"""The embedded voice: a program at the end of a pipe."""

import asyncio
import os
import shutil
import struct

import numpy as np
import pytest
import uvloop

from ari_app.briefing import espeak
from ari_app.briefing.espeak import Espeak, WavHeader, parse_wav_header, speakable
from ari_app.errors import ProviderError

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


def wav(*, rate: int = 22050, extra: bytes = b"", bits: int = 16) -> bytes:
    format_ = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, bits)
    return b"RIFF\x24\xf0\xff\x7fWAVE" + extra + format_ + b"data\x00\xf0\xff\x7f"


async def spoken(voice: Espeak, text: str) -> bytes:
    return b"".join([chunk async for chunk in voice.synthesize(text)])


@needs_espeak
async def test_speaks_16_bit_samples() -> None:
    pcm = await spoken(Espeak(), "Hello, this is the assistant.")
    samples = np.frombuffer(pcm, "<i2")
    assert 0.8 < len(samples) / Espeak.rate < 4
    assert np.max(np.abs(samples.astype(int))) > 3000


@needs_espeak
async def test_markup_and_phonemes_are_not_obeyed() -> None:
    plain = await spoken(Espeak(), "b hello /b kat")
    assert await spoken(Espeak(), "<b>hello</b> [[kat]]") == await spoken(Espeak(), "b hello /b kat") == plain


@needs_espeak
async def test_leaving_early_ends_the_program() -> None:
    speech = Espeak().synthesize("word " * 20_000)
    assert await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]


@needs_espeak
async def test_an_unknown_voice_is_a_provider_error() -> None:
    with pytest.raises(ProviderError):
        await spoken(Espeak("xx-nobody"), "hello")


async def test_a_missing_program_is_a_provider_error() -> None:
    with pytest.raises(ProviderError) as caught:
        await spoken(Espeak(program="no-such-espeak"), "hello")
    assert not caught.value.retryable


async def test_a_program_that_fails_is_a_provider_error() -> None:
    with pytest.raises(ProviderError):
        await spoken(Espeak(program="false"), "hello")


async def test_nothing_to_say_starts_nothing() -> None:
    assert await spoken(Espeak(program="no-such-espeak"), " <>[] … ") == b""


@needs_espeak
async def test_cancelling_is_a_normal_path() -> None:
    task = asyncio.create_task(spoken(Espeak(), "word " * 50_000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_voice_is_a_name_not_an_option() -> None:
    with pytest.raises(ValueError):
        Espeak("--path=/tmp")


def test_the_header_is_read_with_placeholder_sizes_and_other_chunks() -> None:
    assert parse_wav_header(wav()) == WavHeader(22050, 44)
    assert parse_wav_header(wav(rate=16000, extra=b"LIST\x03\0\0\0abc\0")) == WavHeader(16000, 56)
    assert all(parse_wav_header(wav()[:length]) is None for length in range(44))


def test_other_audio_is_refused() -> None:
    for header in (wav(bits=8), b"OggS" + bytes(40), b"RIFF\0\0\0\0WAVEdata" + bytes(8)):
        with pytest.raises(ProviderError):
            parse_wav_header(header)


def test_speakable_text_is_one_plain_line() -> None:
    assert speakable("a\x00b\n[[c]] <d> \x01") == "a b c d"


@needs_espeak
def test_left_while_it_starts_it_takes_nobody_elses_descriptor_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under uvloop a pipe that was given up in this moment was closed twice, the second time as somebody's socket."""

    async def leave() -> list[int]:
        speaking = asyncio.ensure_future(anext(Espeak().synthesize("yes")))
        monkeypatch.setattr(espeak, "_give", lambda *_: speaking.cancel())
        opened = []
        while not speaking.done():
            opened.append(os.open(os.devnull, os.O_RDONLY))
            await asyncio.sleep(0)
        return opened

    for descriptor in uvloop.run(leave()):
        os.close(descriptor)
