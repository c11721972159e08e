"""Pictures and films of a run, made small enough to lie inside its page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, ImageSequence

from mnnfem.errors import InputError

WIDEST, FILM_WIDEST = 1400, 440  # pixels
FILM_FRAMES = 32
QUALITY, FILM_QUALITY = 82, 55


def picture(file: Path) -> tuple[str, tuple[int, int]]:
    """A still picture as data URI, WebP, and its width and height. InputError where the file holds none."""
    try:
        with Image.open(file) as image:
            image.load()
            still = _within(image.convert("RGB"), WIDEST)
    except (OSError, ValueError, SyntaxError) as problem:
        raise InputError(f"{file} cannot be read as a picture ({problem}).") from None
    memory = io.BytesIO()
    still.save(memory, "WEBP", quality=QUALITY, method=6)
    return _uri(memory), still.size


def film(file: Path) -> tuple[str, tuple[int, int]]:
    """A film as data URI, animated WebP of at most FILM_FRAMES frames, and its size. InputError where the file holds none."""
    try:
        with Image.open(file) as image:
            frames = [(frame.convert("RGB"), int(frame.info.get("duration", 83))) for frame in ImageSequence.Iterator(image)]
    except (OSError, ValueError, SyntaxError) as problem:
        raise InputError(f"{file} cannot be read as a film ({problem}).") from None
    step = -(-len(frames) // FILM_FRAMES)
    shown = [_within(image, FILM_WIDEST) for image, _ in frames[::step]]
    memory = io.BytesIO()
    lasting = sum(milliseconds for _, milliseconds in frames) // len(shown)
    shown[0].save(
        memory, "WEBP", save_all=True, append_images=shown[1:], duration=lasting, loop=0, quality=FILM_QUALITY, method=4
    )
    return _uri(memory), shown[0].size


def _within(image: Image.Image, widest: int) -> Image.Image:
    share = widest / image.width
    return image if share >= 1 else image.resize((widest, round(share * image.height)), Image.Resampling.LANCZOS)


def _uri(memory: io.BytesIO) -> str:
    return "data:image/webp;base64," + base64.b64encode(memory.getvalue()).decode()
