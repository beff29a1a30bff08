"""The embedded model, judged on questions as people ask them, through the real reader and the real index."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.domains.chat.services.citations import Citation, CitationCheck
from src.domains.chat.services.follow_ups import stand_alone
from src.domains.chat.services.grounding import is_grounded
from src.domains.chat.services.ports import Prompt, PromptMessage
from src.domains.knowledge.services.ports import Embedder, IndexedPassage
from src.domains.knowledge.services.retrieval import HybridFinder, MeaningArm, RetrievalCounts, VectorLimits
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.embeddings.embedded import EmbeddedEmbedder
from src.infrastructure.llm.embedded import EmbeddedModel
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.shared.events.knowledge import Passage
from src.shared.language import search_terms

TESTS = Path(__file__).parents[1]
SHARED_DOCUMENTS = TESTS.parents[1] / "shared" / "data" / "documents"
SCAN = "english-scan-without-text.pdf"
PASSAGES_GIVEN = 6
# Answers are judged, not this machine's speed.
PATIENT = VectorLimits(seconds=60.0)
RIGHT_OF_20 = 18
REFUSED_OF_10 = 9


@dataclass
class Library:
    """Documents read and indexed as the platform does it, and the model that answers from them."""

    finder: HybridFinder
    passages: dict[UUID, Passage]
    collection_id: UUID
    answered: list[tuple[str, list[Citation]]] = field(default_factory=list)
    """All answers that cite something, with what they cite."""

    async def found(self, question: str, limit: int = PASSAGES_GIVEN) -> tuple[Passage, ...]:
        hits = await self.finder.find(question, [self.collection_id], limit)
        return tuple(self.passages[hit.passage_id] for hit in hits)

    async def answer(self, question: str) -> tuple[str, list[Passage]]:
        """Return the answer and the passages that it cites."""
        given = await self.found(question)
        chunks = [
            chunk
            async for chunk in EmbeddedModel().stream(
                Prompt((PromptMessage("user", question),), passages=given)
            )
        ]
        text = "".join(chunk.text for chunk in chunks)
        check = CitationCheck(given)
        check.feed(text)
        if check.citations:
            self.answered.append((text, check.citations))
        return text, [given[int(number) - 1] for number in re.findall(r"\[(\d+)\]", text)]


async def library(folder: Path, *documents: Path, meaning: bool = False) -> Library:
    """With `meaning`, passages have vectors too: some seconds for each handbook."""
    collection_id, passages = uuid4(), {}
    embedder, vectors = EmbeddedEmbedder(), UsearchVectorIndex(folder / "vectors")
    index, reader = TantivyPassageIndex(folder, search_terms), FileDocumentReader()
    for document in documents:
        document_id = uuid4()
        indexed = [
            IndexedPassage(uuid4(), document_id, collection_id, document.stem, draft.location, draft.text)
            for draft in await reader.read(document, document.name, lambda _progress: None)
        ]
        index.replace(document_id, indexed)
        if meaning:
            vectors.replace(document_id, await with_vectors(embedder, indexed))
        passages.update({one.passage_id: Passage(**vars(one), score=1.0) for one in indexed})
    index.commit(1)
    arm = MeaningArm(embedder, vectors)
    return Library(HybridFinder(index, lambda: arm, PATIENT, RetrievalCounts()), passages, collection_id)


async def with_vectors(embedder: Embedder, passages: list[IndexedPassage]) -> list[IndexedPassage]:
    vectors = await embedder.passages([f"{each.title}\n{each.location}\n{each.text}" for each in passages])
    return [replace(each, vector=vector) for each, vector in zip(passages, vectors, strict=True)]


def questions(name: str, document: str | None = None) -> list[dict[str, Any]]:
    lines = (TESTS / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    return [one for one in asked if document is None or one["document"] == document]


async def count_right(shelf: Library, asked: list[dict[str, Any]], title: str) -> int:
    """Count the answers that hold all that is expected and cite passages of the right document alone."""
    right = 0
    for one in asked:
        answer, cited = await shelf.answer(one["question"])
        holds_all = all(piece in answer for piece in one["expected"])
        cites_right = bool(cited) and all(passage.title == title for passage in cited)
        if holds_all and cites_right:
            right += 1
        else:
            print(f"MISSED {one['question']} -> {answer}")  # noqa: T201 - shown when the test fails
    return right


async def count_refused(shelf: Library, asked: list[dict[str, Any]]) -> int:
    """Count the answers without any citation."""
    refused = 0
    for one in asked:
        answer, cited = await shelf.answer(one["question"])
        refused += not cited
        if cited:
            print(f"ANSWERED {one['question']} -> {answer}")  # noqa: T201 - shown when the test fails
    return refused


def grounded_share(answered: Iterable[tuple[str, Sequence[Citation]]]) -> float:
    judged = [is_grounded(answer, citations) for answer, citations in answered]
    return sum(judged) / len(judged)


def with_another_number(answer: str) -> str:
    """Return the answer with a number made another one, where it has one that stands alone."""
    return re.sub(r"(?<![\w\[.,-])\d+(?![\d\].,:-])", r"7\g<0>", answer, count=1)


def with_other_sources(citations: Sequence[Citation], others: Sequence[Citation]) -> list[Citation]:
    return [
        other.model_copy(update={"index": mine.index})
        for mine, other in zip(citations, others * len(citations), strict=False)
    ]


@pytest.fixture(scope="module")
def handbooks(tmp_path_factory: pytest.TempPathFactory) -> Library:
    documents = [TESTS / "documents" / f"handbook-{language}.md" for language in ("ko", "en")]
    return asyncio.run(library(tmp_path_factory.mktemp("handbooks"), *documents, meaning=True))


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_questions_about_the_handbook_get_the_right_sentence_with_its_source(
    handbooks: Library, language: str
) -> None:
    """At least 18 of 20 questions are answered from the handbook of their language."""
    asked = questions(f"handbook_{language}")

    assert await count_right(handbooks, asked, f"handbook-{language}") >= RIGHT_OF_20


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_what_the_handbook_does_not_say_is_not_answered(handbooks: Library, language: str) -> None:
    """At least 9 of 10 questions beside the handbook are refused, without any citation."""
    assert await count_refused(handbooks, questions(f"unanswerable_{language}")) >= REFUSED_OF_10


async def test_questions_that_nothing_was_tuned_on_keep_their_level(handbooks: Library) -> None:
    """These stand for people's next questions: never mend the model by looking at them, only measure it.

    When they were written, 7 of 12 Korean and 9 of 12 English ones were right, and 9 of 12 were refused.
    """
    for language, level in (("ko", 7), ("en", 9)):
        asked = questions(f"held_out_{language}")
        assert await count_right(handbooks, asked, f"handbook-{language}") >= level
    assert await count_refused(handbooks, questions("held_out_unanswerable")) >= 9


async def test_answers_are_grounded_until_a_number_or_a_source_is_exchanged(handbooks: Library) -> None:
    """The model quotes: its answers are borne out. With another number, or with other passages, they are not.

    When this was written, 33 of 33 other numbers and 50 of 57 other passages were noticed; the rest are in the
    other language.
    """
    for name in ("handbook_ko", "handbook_en", "held_out_ko", "held_out_en"):
        for one in questions(name):
            await handbooks.answer(one["question"])
    answered = handbooks.answered
    other_numbers = [(with_another_number(answer), citations) for answer, citations in answered]
    changed = [other for other, before in zip(other_numbers, answered, strict=True) if other != before]
    other_sources = [
        (answer, with_other_sources(citations, others))
        for (answer, citations), (_, others) in zip(answered, answered[7:] + answered[:7], strict=True)
    ]

    assert grounded_share(answered) >= 0.98
    assert len(changed) >= 30
    assert grounded_share(changed) <= 0.1
    assert grounded_share(other_sources) <= 0.15


async def test_follow_ups_find_their_passages_when_they_are_rewritten(handbooks: Library) -> None:
    """Of 51 in both languages nearly all are among the first five passages, and most come first.

    As they were asked, 42 were among the first five and 23 came first.
    """
    asked = questions("follow_ups")
    among_five = {"asked": 0, "rewritten": 0}
    first = {"asked": 0, "rewritten": 0}
    for one in asked:
        history = [PromptMessage("user", earlier) for earlier in one["history"]]
        forms = {"asked": one["question"], "rewritten": stand_alone(history, one["question"])}
        for form, text in forms.items():
            found = [one["expected"] in passage.text for passage in await handbooks.found(text, 5)]
            among_five[form] += any(found)
            first[form] += any(found[:1])

    assert among_five["rewritten"] >= 0.96 * len(asked) > 0.9 * len(asked) >= among_five["asked"]
    assert first["rewritten"] >= 0.85 * len(asked) > 0.6 * len(asked) >= first["asked"]


@pytest.mark.skipif(not SHARED_DOCUMENTS.is_dir(), reason=f"needs the real documents in {SHARED_DOCUMENTS}")
@pytest.mark.parametrize("document", ["korean-4-pages.pdf", "english-wiki.html"])
async def test_questions_about_a_real_document_are_answered(document: str, tmp_path: Path) -> None:
    """At least 18 of 20 questions about a PDF with columns and a long web page are answered."""
    shelf = await library(tmp_path, SHARED_DOCUMENTS / document)
    asked = questions("shared_documents", document)

    assert await count_right(shelf, asked, Path(document).stem) >= RIGHT_OF_20
    assert grounded_share(shelf.answered) >= 0.98


@pytest.mark.skipif(not SHARED_DOCUMENTS.is_dir(), reason=f"needs the real documents in {SHARED_DOCUMENTS}")
async def test_documents_of_every_type_answer_from_the_right_place(tmp_path: Path) -> None:
    """All real documents on one shelf: each question is answered from its page, slide, rows or heading."""
    asked = [one for one in questions("shared_documents") if "location" in one]
    documents = sorted({SHARED_DOCUMENTS / one["document"] for one in asked})
    if shutil.which("tesseract") is None:
        documents = [document for document in documents if document.name != SCAN]
    shelf = await library(tmp_path, *documents)

    for one in asked:
        if SHARED_DOCUMENTS / one["document"] in documents:
            answer, cited = await shelf.answer(one["question"])
            places = [(passage.title, passage.location) for passage in cited]
            assert all(piece in answer for piece in one["expected"]), (one["question"], answer)
            assert any(
                title == Path(one["document"]).stem and location.startswith(one["location"])
                for title, location in places
            ), (one["question"], places)
    assert grounded_share(shelf.answered) >= 0.98
