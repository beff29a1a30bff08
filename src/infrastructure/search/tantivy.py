"""The full-text index of passages on this machine's disk: BM25 by tantivy."""

import json
import math
import os
import shutil
import threading
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from uuid import UUID

import structlog
import tantivy
from tantivy import DocAddress, Document, Index, IndexWriter, Occur, Query, Schema, SchemaBuilder, Searcher

from src.domains.knowledge.services.ports import IndexedPassage, Scored, WordHits

# Raise it when the schema or the meaning of a field changes, or when the analyser gives other terms:
# every index is then built anew.
INDEX_FORMAT = 2

_WRITER_HEAP_BYTES = 50_000_000
_TERMS = "terms"
# How many more hits than asked for are looked at before the collections are made part of the query.
_SPARE_HITS = 18
# Tantivy's constant of BM25.
_K1 = 1.2

log = structlog.get_logger(__name__)


class TantivyPassageIndex:
    """Implements `WordIndex`.

    `analyse` turns text into terms without spaces, the same way for passages and for queries. One process
    owns the folder (tantivy locks it from the first change until `close`); its threads search in parallel
    with the one that writes.
    """

    def __init__(
        self,
        path: Path,
        analyse: Callable[[str], list[str]],
        heading_boost: float = 2.0,
        max_query_terms: int = 64,
    ) -> None:
        self._analyse = analyse
        self._heading_boost = heading_boost
        self._max_query_terms = max_query_terms
        self._folder = path / "tantivy"
        self._cursor_file = path / "cursor.json"
        self._schema = _schema()
        self._writing = threading.Lock()
        self._writer: IndexWriter | None = None
        self._index = self._open()

    def cursor(self) -> int | None:
        try:
            saved = json.loads(self._cursor_file.read_bytes())
            return int(saved["cursor"]) if saved["format"] == INDEX_FORMAT else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        documents = [self._document(passage) for passage in passages]
        with self._writing:
            writer = self._opened_writer()
            writer.delete_documents_by_term("document_id", str(document_id))
            for document in documents:
                writer.add_document(document)

    def clear(self) -> None:
        with self._writing:
            self._opened_writer().delete_all_documents()

    def commit(self, cursor: int) -> None:
        """Save tantivy's changes, then the position: after a crash in between, the same events come again.

        When it fails, the changes since the last commit are gone; go on from `cursor()`.
        """
        with self._writing:
            try:
                self._opened_writer().commit()
            except ValueError:
                # A writer that failed once refuses all that follows.
                self._writer = None
                raise
            self._index.reload()
            self._save_cursor(cursor)

    def search(self, query: str, collection_ids: Sequence[UUID], limit: int) -> WordHits:
        """Return the best hits within the collections, best first.

        A filter makes tantivy score every passage that has one of the terms, where the mere best ones cost it a
        tenth. So the best of all collections are taken first: unless foreign ones fill them, they are what the
        filtered query would give, because the filter changes no score.
        """
        terms = list(dict.fromkeys(self._analyse(query)))[: self._max_query_terms]
        if not terms or not collection_ids or limit < 1:
            return WordHits([], 0.0)
        searcher = self._index.searcher()
        matches = self._matches(terms)
        allowed = {str(each) for each in collection_ids}
        best = searcher.search(matches, limit + _SPARE_HITS, count=False).hits
        hits = _hits_within(allowed, searcher, best, limit)
        if len(hits) < limit and len(best) == limit + _SPARE_HITS:
            filtered = searcher.search(self._filtered(matches, allowed), limit, count=False).hits
            hits = _hits_within(allowed, searcher, filtered, limit)
        return WordHits(hits, _attainable(searcher, terms))

    def close(self) -> None:
        """Finish what runs in the background and let go of the writer's lock. Searching goes on."""
        with self._writing:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _open(self) -> Index:
        """Open what is on the disk when it is whole and its position is known; else start with nothing."""
        if self.cursor() is not None and Index.exists(str(self._folder)):
            try:
                return self._opened_index()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic within tantivy is no `Exception`
                log.warning("search_index_broken", path=str(self._folder), error=str(error))
        self._cursor_file.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._opened_index()

    def _opened_index(self) -> Index:
        self._folder.mkdir(parents=True, exist_ok=True)
        index = Index(self._schema, path=str(self._folder))
        whitespace = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer(_TERMS, whitespace)
        return index

    def _opened_writer(self) -> IndexWriter:
        if self._writer is None:
            self._writer = self._index.writer(_WRITER_HEAP_BYTES, num_threads=1)
        return self._writer

    def _document(self, passage: IndexedPassage) -> Document:
        return Document(
            passage_id=str(passage.passage_id),
            document_id=str(passage.document_id),
            collection_id=str(passage.collection_id),
            heading=" ".join(self._analyse(f"{passage.title}\n{passage.location}")),
            body=" ".join(self._analyse(passage.text)),
        )

    def _matches(self, terms: Iterable[str]) -> Query:
        return Query.boolean_query(
            [(Occur.Should, query) for term in terms for query in self._term_queries(term)]
        )

    def _filtered(self, matches: Query, collection_ids: Iterable[str]) -> Query:
        # A union of terms: tantivy's `term_set_query` costs five times as much for a handful of collections.
        allowed = Query.boolean_query(
            [
                (Occur.Should, Query.term_query(self._schema, "collection_id", each, index_option="basic"))
                for each in collection_ids
            ]
        )
        return Query.boolean_query(
            [(Occur.Must, matches), (Occur.Must, Query.const_score_query(allowed, 0.0))]
        )

    def _term_queries(self, term: str) -> tuple[Query, Query]:
        in_heading = Query.term_query(self._schema, "heading", term, index_option="freq")
        in_body = Query.term_query(self._schema, "body", term, index_option="freq")
        return Query.boost_query(in_heading, self._heading_boost), in_body

    def _save_cursor(self, cursor: int) -> None:
        """Replace the file in one step, so that a crash leaves the old position or the new one."""
        temporary = self._cursor_file.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump({"format": INDEX_FORMAT, "cursor": cursor}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._cursor_file)


def _hits_within(
    collection_ids: Container[str],
    searcher: Searcher,
    scored: Iterable[tuple[float, DocAddress]],
    limit: int,
) -> list[Scored]:
    hits: list[Scored] = []
    for score, address in scored:
        document = searcher.doc(address)
        if document["collection_id"][0] in collection_ids:
            hits.append((UUID(document["passage_id"][0]), score))
        if len(hits) == limit:
            break
    return hits


def _attainable(searcher: Searcher, terms: Iterable[str]) -> float:
    """Return the BM25 score of a body that has every term as often as can be (Robertson's idf, times k1 + 1)."""
    count = searcher.num_docs
    frequencies = (min(searcher.doc_freq("body", term), count) for term in terms)
    return sum(math.log(1 + (count - each + 0.5) / (each + 0.5)) * (_K1 + 1) for each in frequencies)


def _schema() -> Schema:
    builder = SchemaBuilder()
    builder.add_text_field("passage_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("document_id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("collection_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("heading", tokenizer_name=_TERMS, index_option="freq")
    builder.add_text_field("body", tokenizer_name=_TERMS, index_option="freq")
    return builder.build()
