"""Text on pictures of pages, recognised by Tesseract where it is installed."""

import os
import shutil
import subprocess
from contextlib import closing
from functools import cache

from pypdfium2 import PdfPage
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from src.domains.knowledge.services.ports import UnreadableDocument

_LANGUAGES = ("kor", "eng")
_DOTS_PER_POINT = 300 / 72
_LONGEST_SIDE = 5_000


class Recogniser:
    """Recognises the text of up to `pages` pages of a document; more of them refuse it."""

    def __init__(self, pages: int) -> None:
        self._most = pages
        self._left = pages

    def text(self, page: PdfPage) -> str:
        """Return the text on a page's pictures; "" where there is none, or nothing to recognise it with."""
        languages = _languages()
        if not languages or not self._most or not _has_picture(page):
            return ""
        if not self._left:
            raise UnreadableDocument(
                f"The PDF holds more than {self._most:,} pages without text, pictures alone, "
                "which is the most that are recognised. Split it and upload the parts."
            )
        self._left -= 1
        return _recognised(_picture(page), languages)


def how_to_recognise() -> str:
    """Tell what helps against a scan that was not read."""
    if _languages():
        return "Text recognition (OCR) found nothing on them or is switched off. Upload a clearer scan."
    return (
        "Run text recognition (OCR) on it and upload the result, or let an administrator install it here: "
        "apt-get install tesseract-ocr tesseract-ocr-kor"
    )


@cache
def _languages() -> str:
    """Return the languages that can be recognised here, as Tesseract names them ("kor+eng"), or ""."""
    program = shutil.which("tesseract")
    if program is None:
        return ""
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False)  # noqa: S603
    return "+".join(language for language in _LANGUAGES if language in listed.stdout.split())


def _has_picture(page: PdfPage) -> bool:
    return next(page.get_objects(filter=(FPDF_PAGEOBJ_IMAGE,)), None) is not None


def _picture(page: PdfPage) -> bytes:
    """Render a page in grey, as a PGM file."""
    scale = min(_DOTS_PER_POINT, _LONGEST_SIDE / max(1, *page.get_size()))
    with closing(page.render(scale=scale, grayscale=True)) as bitmap:
        pixels = bytes(bitmap.buffer)
        rows = (
            pixels[at : at + bitmap.width] for at in range(0, bitmap.height * bitmap.stride, bitmap.stride)
        )
        return f"P5 {bitmap.width} {bitmap.height} 255\n".encode() + b"".join(rows)


def _recognised(picture: bytes, languages: str) -> str:
    run = subprocess.run(  # noqa: S603  # nothing of a file is in the command
        ["tesseract", "stdin", "stdout", "-l", languages, "--psm", "3"],  # noqa: S607
        input=picture,
        capture_output=True,
        check=False,  # a picture that it cannot read holds no text
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its threads would cost more than they bring
    )
    return run.stdout.decode("utf-8", errors="replace")
