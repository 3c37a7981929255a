"""Finds in received RTP what the proofs need: pilot tones under speech, the music file frame by frame, dead air."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from wave import Error as NoWav

import numpy as np
from numpy.typing import NDArray

from ari_app.testing import tones
from ari_app.testing.demo.speakers import PILOT_DBFS
from ari_app.testing.heard import FRAME_TIME, Packet
from ari_app.testing.tones import Pcm, Span

WINDOW = 20
"Frames a pilot is looked for in: no voice holds one pitch for 0.4 s, and they resolve 2.5 Hz."
PILOT_TOLERANCE = 3.0
"dB a pilot may differ from its level."
RESAMPLED = 6.1
"dB that Asterisk takes from a pilot on its way to ears at 16 kHz."
ABOVE_NOISE = 100.0
"How much stronger a pilot is than the median of its neighbourhood: 20 dB; measured, at least 33."
STEADY = 0.4
"Share of its power in the middle bin; 2/3 of a pure tone's are there in a Hann window."
BREATH = 1.5
"Seconds of silence that belong to talking."
PAUSE = 0.1
"Seconds without a packet."
SNIPPET = 2 * tones.RATE
"Samples that find the place in a music file."
BEGINNING = 30 * tones.RATE
"Samples of a music file that are searched first: Asterisk begins at the beginning."
STEP = 1 / 16
"One step of µ-law, of the sample's size; the two rounding errors of coding twice are below that."


def streams(packets: Iterable[Packet]) -> list[list[Packet]]:
    """One list for each source: Asterisk begins a new SSRC whenever a call is moved."""
    return [list(group) for _, group in groupby(packets, key=lambda packet: packet.ssrc)]


def pcm_of(packets: Iterable[Packet]) -> Pcm:
    return tones.ulaw_decode(b"".join(packet.payload for packet in packets))


# Pilots


def windows(packets: Sequence[Packet]) -> Iterator[tuple[float, Pcm]]:
    """Half overlapping stretches of 0.4 s with the time they begin; none spans two streams or a pause between words, in
    which an agent sends nothing."""
    for stream in streams(packets):
        for first in range(0, len(stream) - WINDOW + 1, WINDOW // 2):
            stretch = stream[first : first + WINDOW]
            if stretch[-1].at - stretch[0].at < WINDOW * FRAME_TIME + PAUSE:
                yield stretch[0].at, pcm_of(stretch)


def has_pilot(pcm: Pcm, pilot: int, *, loss: float = 0.0) -> bool:
    """At its level, less what is lost on the way, and standing out from whatever is said around it."""
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    centre = round(pilot * len(pcm) / tones.RATE)
    around = np.concatenate((power[centre - 30 : centre - 5], power[centre + 6 : centre + 31]))
    at = power[centre - 2 : centre + 3].sum()
    # a sine of amplitude a has (a n / 4)² in the middle bin of a Hann window, and half as much beside it
    level = 10 * np.log10(max(at, 1e-9) / 1.5 / (len(pcm) / 4 * 32767) ** 2)
    stands_out = at > ABOVE_NOISE * np.median(around) and power[centre] > STEADY * at
    return bool(abs(level + loss - PILOT_DBFS) < PILOT_TOLERANCE and stands_out)


def pilot_share(packets: Sequence[Packet], pilot: int, *, loss: float = 0.0) -> float:
    """In how much of the stretch the pilot is heard; 0 when nothing came."""
    found = [has_pilot(pcm, pilot, loss=loss) for _, pcm in windows(packets)]
    return sum(found) / len(found) if found else 0.0


def first_alone(packets: Iterable[Packet], pilot: int) -> Packet | None:
    """The first frame that is hardly more than this pilot, which a sender is while it does not speak."""
    return next((p for p in packets if tones.contains(tones.ulaw_decode(p.payload), pilot, at_least=0.7)), None)


def who_is_heard(packets: Sequence[Packet], label: Callable[[Pcm], str | None], *, shortest: float) -> list[Span]:
    """The stretches in which somebody is heard, by what `label` says of each window."""
    heard = [Span(at, at + WINDOW * FRAME_TIME, who) for at, pcm in windows(packets) if (who := label(pcm))]
    lasting = [span for span in joined(heard) if span.end - span.start >= shortest]
    return joined(lasting)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of the same label become one, pauses between words included."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].label == span.label and span.start - found[-1].end < BREATH:
            found[-1] = Span(found[-1].start, span.end, span.label)
        else:
            found.append(span)
    return found


# Music


@dataclass(frozen=True)
class Played:
    """A stretch of frames compared with a music file."""

    file: str
    frames: int
    equal: int
    "Frames that are the file's, sample by sample, but for the rounding of µ-law."


def compare(packets: Sequence[Packet], files: Iterable[Path]) -> Played | None:
    """Compares with the file the stretch begins in; None if it is in none that can be read."""
    heard = pcm_of(packets)
    snippet = heard[:SNIPPET]
    readable = list(_readable(files))
    for searched in (BEGINNING, None):
        for file, music in readable:
            start = find(snippet, music[:searched])
            if start is not None:
                expected = _fitted(music[start:], len(heard))
                return Played(file.stem, len(packets), _equal_frames(heard, expected))
    return None


def find(snippet: Pcm, music: Pcm) -> int | None:
    """Where in the music the snippet is, by normalised correlation."""
    if not 0 < len(snippet) <= len(music):
        return None
    size = 1 << (len(music) + len(snippet)).bit_length()
    a, b = music.astype(np.float64), snippet.astype(np.float64)
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a) - len(b) + 1]
    sums = np.concatenate(([0.0], np.cumsum(a**2)))
    energy = sums[len(b) :] - sums[: len(a) - len(b) + 1]
    likeness = products / np.sqrt(np.maximum(energy, 1.0) * max(float(b @ b), 1.0))
    best = int(np.argmax(likeness))
    return best if likeness[best] > 0.95 else None


def _readable(files: Iterable[Path]) -> Iterator[tuple[Path, Pcm]]:
    for file in files:
        with suppress(ValueError, OSError, NoWav, EOFError):
            yield file, tones.read_wav(file)


def _fitted(music: Pcm, length: int) -> Pcm:
    return np.pad(music[:length], (0, max(0, length - len(music))))


def _equal_frames(heard: Pcm, expected: Pcm) -> int:
    differs: NDArray[np.bool_] = np.abs(heard.astype(np.int32) - expected) > np.abs(expected) * STEP + 16
    whole = len(heard) // tones.FRAME * tones.FRAME
    return int(np.sum(~differs[:whole].reshape(-1, tones.FRAME).any(axis=1)))


# Speech


def arrived(sent: Iterable[Packet], received: Iterable[Packet]) -> tuple[int, int]:
    """How many of the frames that were sent came out unaltered, and how many were sent."""
    payloads = {packet.payload for packet in received}
    frames = [packet.payload for packet in sent]
    return sum(payload in payloads for payload in frames), len(frames)
