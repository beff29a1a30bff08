"""How fast documents become findable while people chat: PDF files through the API, a few turns going on."""

import ctypes
import sqlite3
import time
from contextlib import closing
from io import BytesIO
from threading import Event, Thread
from typing import Any

import httpx
import pypdfium2
from pypdfium2 import raw

from bench import texts
from bench.load import Load
from bench.report import show_table
from bench.seed import SeededHouse
from bench.server import serving

FILES, PAGES, LINES, LINE = 20, 20, 45, 90
CONNECTIONS = 2
SLICE_SECONDS = 2
LONGEST = 900


def run(seeded: SeededHouse) -> dict[str, Any]:
    """Upload the files at once; return pages a minute until all can be found, and passages a second embedded."""
    files = [(f"manual-{number}.pdf", _pdf(number)) for number in range(FILES)]
    with serving(seeded.house, KNOWLEDGE__EMBEDDINGS="embedded") as server:
        token = seeded.people[0][0]
        client = httpx.Client(
            base_url=f"{server.url}/api/v1", timeout=120, headers={"Authorization": f"Bearer {token}"}
        )
        with client, _Chatting(seeded, server.url) as chatting:
            started = time.perf_counter()
            passages = _ingest(client, files)
            readable = time.perf_counter() - started
        load, before = chatting.load, _vectors(seeded)
        time.sleep(10 * SLICE_SECONDS)
        rate = (_vectors(seeded) - before) / (10 * SLICE_SECONDS)
        server_bytes = server.resident_bytes()
    figures = {
        "pages": FILES * PAGES,
        "passages": passages,
        "pages_per_minute": FILES * PAGES / readable * 60,
        "turns_per_second": load.per_second,
        "turns_p95_ms": load.milliseconds(95),
        "turn_errors": load.errors,
        "vectors_per_second": rate,
        "server_mb": server_bytes / 1e6,
    }
    show_table("Ingestion while people chat", list(figures), [list(figures.values())])
    return figures


class _Chatting:
    """Turns that go on beside."""

    def __init__(self, seeded: SeededHouse, url: str) -> None:
        self._requests, self._url = seeded.json_turns(), url
        self._ending = Event()
        self._thread = Thread(target=self._chat)
        self.load = Load()

    def __enter__(self) -> "_Chatting":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _chat(self) -> None:
        while not self._ending.is_set():
            self.load += self._requests.send(self._url, CONNECTIONS, SLICE_SECONDS)


def _ingest(client: httpx.Client, files: list[tuple[str, bytes]]) -> int:
    collection_id = client.post("/knowledge/collections", json={"name": "Manuals"}).json()["id"]
    path = f"/knowledge/collections/{collection_id}/documents"
    for file in files:
        client.post(path, files={"file": file}).raise_for_status()
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        documents = client.get(path, params={"limit": 100}).raise_for_status().json()["items"]
        if all(document["status"] == "ready" for document in documents):
            return sum(document["passage_count"] for document in documents)
        time.sleep(0.2)
    raise RuntimeError(f"the documents are not ready after {LONGEST} s")


def _vectors(seeded: SeededHouse) -> int:
    with closing(sqlite3.connect(seeded.house.folder / "platform.db")) as connection:
        count: int = connection.execute("SELECT count(*) FROM knowledge_passage_vector").fetchone()[0]
        return count


def _pdf(number: int) -> bytes:
    """Return a file of pages full of text, with what stands in no other file."""
    words = texts.handbook(texts.TONGUES[1], 1_000 + number, PAGES * 12).encode("ascii", "ignore").decode()
    words = " ".join(words.split())
    document = pypdfium2.PdfDocument.new()
    for page_number in range(PAGES):
        page = document.new_page(595, 842)
        for line_number in range(LINES):
            at = (page_number * LINES + line_number) * LINE
            _write(document, page, 800 - 16 * line_number, words[at % len(words) :][:LINE])
        page.gen_content()
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def _write(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, height: float, line: str) -> None:
    text = raw.FPDFPageObj_NewTextObj(document, b"Helvetica", 10.0)
    encoded = (line + "\0").encode("utf-16-le")
    raw.FPDFText_SetText(text, ctypes.cast(ctypes.create_string_buffer(encoded), raw.FPDF_WIDESTRING))
    raw.FPDFPageObj_Transform(text, 1, 0, 0, 1, 40, height)
    raw.FPDFPage_InsertObject(page, text)
