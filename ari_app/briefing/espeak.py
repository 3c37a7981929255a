"""Speech from espeak-ng, the embedded voice: no key, no network.

espeak-ng is GPL and therefore runs as a program, one process a text; its library is never loaded. The text goes in
over stdin, so it can be no option and appears in no process list, and it is stripped of what espeak-ng would obey
instead of speak: control characters and ``[[phonemes]]``. SSML is not switched on; its brackets go as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, Popen

import numpy as np
import soxr  # type: ignore[import-untyped]

from ari_app.errors import ProviderError

PROGRAM = "espeak-ng"
CHUNK = 4096
"Bytes read at once at most: 93 ms of speech; espeak-ng writes in pieces of this size."
LONGEST_HEADER = 4096
PIPE_HOLDS = 60_000
"Bytes of text that are written without waiting for the reader (Linux pipes hold 65,536)."
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]{}<>\\\ud800-\udfff]+")
_VOICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*")


class Espeak:
    """TextToSpeech over the espeak-ng program."""

    rate = 22_050

    def __init__(
        self,
        voice: str = "en-us",
        speed: int = 160,
        *,
        pitch: int = 50,
        program: str = PROGRAM,
        stall_timeout: float = 3.0,
    ) -> None:
        """Speed is words per minute, pitch 0 to 99; without audio for ``stall_timeout`` seconds the program is
        taken for hung."""
        if not _VOICE.fullmatch(voice):
            raise ValueError(f"not the name of an espeak-ng voice: {voice!r}")
        self._command = (program, "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(speed), "-p", str(pitch))
        self._stall_timeout = stall_timeout

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yields PCM while espeak-ng still speaks; leaving the iteration early kills the program."""
        spoken = speakable(text)
        if not spoken:
            return
        process, sound = await self._start()
        try:
            _give(process, spoken)
            reader, writer = await asyncio.open_unix_connection(sock=sound)
        except BaseException:
            sound.close()
            await _end(process)
            raise
        try:
            resampler: soxr.ResampleStream | None = None
            async for rate, pcm in self._pcm(reader):
                if rate != self.rate and resampler is None:
                    resampler = soxr.ResampleStream(rate, self.rate, 1, dtype="int16")
                yield pcm if resampler is None else _resampled(resampler, pcm)
            if await asyncio.to_thread(process.wait) != 0:
                raise ProviderError("espeak-ng failed; is the voice installed?", retryable=False)
        finally:
            writer.close()
            await _end(process)

    async def _start(self) -> tuple[Popen[bytes], socket.socket]:
        """In a thread: the event loop's own way to start a program may take 15 ms, in which all calls stand still."""
        starting = asyncio.ensure_future(asyncio.to_thread(_started, self._command))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            process, sound = starting.result()
            sound.close()
            await _end(process)
            raise
        except OSError as error:
            raise ProviderError(f"{self._command[0]} can't be started: {error.strerror}", retryable=False) from error

    async def _pcm(self, reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
        """Yields whole samples with their rate; nothing if the program died before the header."""
        held = b""
        header: WavHeader | None = None
        while chunk := await self._read(reader):
            held += chunk
            if header is None:
                header = parse_wav_header(held)
                if header is None:
                    continue
                held = held[header.size :]
            whole = len(held) & ~1
            if whole:
                yield header.rate, held[:whole]
                held = held[whole:]

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._stall_timeout):
                return await reader.read(CHUNK)
        except TimeoutError:
            raise ProviderError("espeak-ng fell silent") from None


@dataclass(frozen=True)
class WavHeader:
    rate: int
    size: int
    "Bytes before the first sample."


def parse_wav_header(head: bytes) -> WavHeader | None:
    """Reads a RIFF header up to its data; None if more bytes are needed. Raises ProviderError for anything but
    16-bit mono PCM. The lengths of RIFF and data are ignored: written to a pipe they are placeholders."""
    if len(head) < 12:
        return None
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise ProviderError("espeak-ng wrote no WAV", retryable=False)
    rate, at = 0, 12
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        if name == b"data":
            if not rate:
                raise ProviderError("espeak-ng wrote no format", retryable=False)
            return WavHeader(rate, at + 8)
        if name == b"fmt " and at + 24 <= len(head):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at + 8)
            if (kind, channels, bits) != (1, 1, 16) or not rate:
                raise ProviderError("espeak-ng wrote another format than 16-bit mono PCM", retryable=False)
        at += 8 + length + (length & 1)
    if len(head) > LONGEST_HEADER:
        raise ProviderError("espeak-ng wrote no audio", retryable=False)
    return None


def speakable(text: str) -> str:
    """One line of plain text, without anything espeak-ng would take for a command; empty if nothing can be said."""
    line = " ".join(_UNSPEAKABLE.sub(" ", text).split())
    return line if any(char.isalnum() for char in line) else ""


def _resampled(resampler: soxr.ResampleStream, pcm: bytes) -> bytes:
    out: bytes = resampler.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()
    return out


def _started(command: tuple[str, ...]) -> tuple[Popen[bytes], socket.socket]:
    """The program, and where it is heard. A socket and no pipe: uvloop 0.23 closes a pipe's descriptor twice, and in
    between another thread may have got the same number for something else, which was closed under it."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            return Popen(command, stdin=PIPE, stdout=theirs.fileno(), stderr=DEVNULL), ours
        except BaseException:
            ours.close()
            raise


def _give(process: Popen[bytes], text: str) -> None:
    """The text, which the pipe holds whole. A program that died at once is judged by its exit status."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError), process.stdin as pipe:
        pipe.write(text.encode("utf-8")[:PIPE_HOLDS])


async def _end(process: Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    await asyncio.shield(asyncio.to_thread(process.wait))
    if process.stdin:
        process.stdin.close()
