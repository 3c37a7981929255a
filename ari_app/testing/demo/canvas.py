"""Shapes on a page, written as SVG and painted as PNG from the same list.

The PNG is painted with Pillow and the typeface it carries, so that it is the same on a machine without any fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SCALE = 2
"Pixels of the PNG for one unit: sharp on dense screens."
SMOOTH = 2
"Painted this many times larger and shrunk, which rounds edges."
FAMILY = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    fill: str
    round: float = 0


@dataclass(frozen=True)
class Stroke:
    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    "Of the baseline."
    text: str
    size: float = 12
    colour: str = "#1f2933"
    anchor: str = "start"
    "start, middle or end"
    bold: bool = False


Shape = Box | Stroke | Text


def text_width(text: str, size: float) -> float:
    """A bit generous: viewers of the SVG may have a wider typeface."""
    return float(_font(size).getlength(text)) * 1.08


def write_svg(path: Path, width: int, height: int, shapes: Sequence[Shape], title: str) -> None:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FAMILY}" role="img">'
    )
    body = [f"<title>{escape(title)}</title>", *(_svg(shape) for shape in shapes)]
    path.write_text("\n".join((head, *body, "</svg>", "")), encoding="utf-8")


def _svg(shape: Shape) -> str:
    match shape:
        case Box():
            return (
                f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}" '
                f'rx="{shape.round:g}" fill="{shape.fill}"/>'
            )
        case Stroke():
            dashes = ' stroke-dasharray="3 3"' if shape.dashed else ""
            return (
                f'<line x1="{shape.x1:.1f}" y1="{shape.y1:.1f}" x2="{shape.x2:.1f}" y2="{shape.y2:.1f}" '
                f'stroke="{shape.colour}" stroke-width="{shape.width:g}"{dashes}/>'
            )
        case Text():
            bold = ' font-weight="bold"' if shape.bold else ""
            return (
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" fill="{shape.colour}" '
                f'text-anchor="{shape.anchor}"{bold}>{escape(shape.text)}</text>'
            )


def write_png(path: Path, width: int, height: int, shapes: Sequence[Shape]) -> None:
    zoom = SCALE * SMOOTH
    image = Image.new("RGB", (width * zoom, height * zoom), "white")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        _paint(draw, shape, zoom)
    small = image.resize((width * SCALE, height * SCALE), Image.Resampling.LANCZOS)
    small.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def _paint(draw: ImageDraw.ImageDraw, shape: Shape, zoom: int) -> None:
    match shape:
        case Box():
            corners = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
            draw.rounded_rectangle([value * zoom for value in corners], shape.round * zoom, shape.fill)
        case Stroke():
            for start, end in _dashes(shape):
                draw.line([value * zoom for value in (*start, *end)], shape.colour, round(shape.width * zoom))
        case Text():
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            weight = 0.35 * zoom if shape.bold else 0
            place = (shape.x * zoom, shape.y * zoom)
            font = _font(shape.size * zoom)
            draw.text(place, shape.text, shape.colour, font, anchor, stroke_width=weight, stroke_fill=shape.colour)


def _dashes(line: Stroke) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Of an upright or level line."""
    if not line.dashed:
        return [((line.x1, line.y1), (line.x2, line.y2))]
    length = abs(line.x2 - line.x1) + abs(line.y2 - line.y1)
    dx, dy = (line.x2 - line.x1) / length, (line.y2 - line.y1) / length
    starts = range(0, int(length), 6)
    return [
        (
            (line.x1 + dx * start, line.y1 + dy * start),
            (line.x1 + dx * min(start + 3, length), line.y1 + dy * min(start + 3, length)),
        )
        for start in starts
    ]


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType"
    return font
