"""The passage index, on a real index in a temporary folder."""

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domains.knowledge.services.ports import IndexedPassage, Scored
from src.infrastructure.search import tantivy
from src.infrastructure.search.tantivy import TantivyPassageIndex

COLLECTION, OTHER_COLLECTION = uuid4(), uuid4()


def terms(text: str) -> list[str]:
    """Stand in for the house's analyser: words, and for Korean each word without its last letter too."""
    words = text.lower().split()
    return [term for word in words for term in ([word] if word.isascii() else [word, word[:-1]]) if term]


def passage(text: str, collection: UUID = COLLECTION, title: str = "", location: str = "") -> IndexedPassage:
    return IndexedPassage(uuid4(), uuid4(), collection, title, location, text)


def add(index: TantivyPassageIndex, *passages: IndexedPassage) -> None:
    for each in passages:
        index.replace(each.document_id, [each])
    index.commit(1)


def ids(hits: Sequence[Scored]) -> list[UUID]:
    return [hit[0] for hit in hits]


def ids_of(passages: Sequence[IndexedPassage]) -> list[UUID]:
    return [each.passage_id for each in passages]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TantivyPassageIndex]:
    index = TantivyPassageIndex(tmp_path, terms)
    yield index
    index.close()


def test_finds_korean_and_english_by_the_analyser_s_terms(index: TantivyPassageIndex) -> None:
    korean, english = passage("연차 휴가는 15일"), passage("annual leave is fifteen days")
    add(index, korean, english)
    assert ids(index.search("휴가를 알려줘", [COLLECTION], 10).scored) == [korean.passage_id]
    assert ids(index.search("Annual vacation", [COLLECTION], 10).scored) == [english.passage_id]


def test_best_hits_come_first_and_no_more_than_asked_for(index: TantivyPassageIndex) -> None:
    weak = [passage(f"leave and many other words number {number}") for number in range(5)]
    best = passage("annual leave leave")
    add(index, *weak, best)
    hits = index.search("annual leave", [COLLECTION], 3).scored
    assert len(hits) == 3
    assert hits[0][0] == best.passage_id
    assert hits[0][1] > hits[1][1] >= hits[2][1] > 0


@pytest.mark.parametrize(("title", "location"), [("Leave", ""), ("", "Leave")])
def test_title_and_location_are_found_and_weigh_more_than_text(
    index: TantivyPassageIndex, title: str, location: str
) -> None:
    in_text, in_heading = passage("leave", title="x"), passage("x", title=title, location=location)
    add(index, in_text, in_heading)
    assert ids(index.search("leave", [COLLECTION], 10).scored) == [in_heading.passage_id, in_text.passage_id]


@pytest.mark.parametrize(
    ("query", "collections", "limit"), [("", [COLLECTION], 5), ("leave", [], 5), ("leave", [COLLECTION], 0)]
)
def test_nothing_asked_or_nothing_allowed_finds_nothing(
    index: TantivyPassageIndex, query: str, collections: list[UUID], limit: int
) -> None:
    add(index, passage("leave"))
    assert index.search(query, collections, limit).scored == []


def test_signs_of_a_query_language_are_mere_terms(index: TantivyPassageIndex) -> None:
    add(index, passage('body:"leave" AND (x OR'))
    assert len(index.search('body:"leave" AND (x OR', [COLLECTION], 5).scored) == 1
    assert index.search("* -leave ^2 [a TO b]", [COLLECTION], 5).scored == []


def test_a_query_s_first_distinct_terms_count_up_to_the_bound(tmp_path: Path) -> None:
    index = TantivyPassageIndex(tmp_path, terms, max_query_terms=2)
    add(index, passage("third"))
    assert index.search("first second third", [COLLECTION], 5).scored == []
    assert index.search("first first first third", [COLLECTION], 5).scored != []


def test_the_filter_does_not_change_a_score(index: TantivyPassageIndex) -> None:
    add(index, passage("annual leave"), passage("leave for all", OTHER_COLLECTION), passage("annual report"))
    everywhere = index.search("annual leave", [COLLECTION, OTHER_COLLECTION], 10).scored
    here = index.search("annual leave", [COLLECTION], 10).scored
    assert here == [hit for hit in everywhere if hit in here]
    assert len(here) == 2
    assert here == index.search("annual leave", [COLLECTION, *(uuid4() for _ in range(500))], 10).scored


@pytest.mark.parametrize("foreign", [0, 15, 16, 17, 18, 19, 20, 100])
def test_better_passages_of_other_collections_take_nobody_s_place(
    index: TantivyPassageIndex, foreign: int
) -> None:
    own = [passage("annual leave " + "and more " * words) for words in range(4)]
    add(index, *own, *(passage("annual leave", OTHER_COLLECTION) for _ in range(foreign)))
    assert ids(index.search("annual leave", [COLLECTION], 3).scored) == ids_of(own[:3])
    assert ids(index.search("annual leave", [COLLECTION], 9).scored) == ids_of(own)


def test_replacing_a_document_leaves_only_what_was_given_last(index: TantivyPassageIndex) -> None:
    before = passage("old leave")
    add(index, before)
    after = IndexedPassage(uuid4(), before.document_id, COLLECTION, "", "", "new leave")
    index.replace(before.document_id, [after])
    assert ids(index.search("leave", [COLLECTION], 5).scored) == [before.passage_id], (
        "visible before the commit"
    )
    index.commit(2)
    assert ids(index.search("leave", [COLLECTION], 5).scored) == [after.passage_id]
    index.replace(before.document_id, [])
    index.commit(3)
    assert index.search("leave", [COLLECTION], 5).scored == []


def test_clear_deletes_everything_at_the_commit(index: TantivyPassageIndex) -> None:
    add(index, passage("leave"))
    index.clear()
    index.commit(2)
    assert index.search("leave", [COLLECTION], 5).scored == []


def test_reopening_keeps_passages_and_position(tmp_path: Path) -> None:
    index = TantivyPassageIndex(tmp_path, terms)
    assert index.cursor() is None
    kept = passage("leave")
    index.replace(kept.document_id, [kept])
    index.commit(42)
    index.replace(uuid4(), [passage("never committed leave")])
    index.close()
    reopened = TantivyPassageIndex(tmp_path, terms)
    assert reopened.cursor() == 42
    assert ids(reopened.search("leave", [COLLECTION], 5).scored) == [kept.passage_id]


def test_a_crash_before_the_position_was_saved_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same event taken in again gives the same index."""
    index = TantivyPassageIndex(tmp_path, terms)
    add(index, passage("other"))
    late = passage("leave")

    def crash(_: object, cursor: int) -> None:
        raise SystemExit

    index.replace(late.document_id, [late])
    monkeypatch.setattr(TantivyPassageIndex, "_save_cursor", crash)
    with pytest.raises(SystemExit):
        index.commit(2)
    monkeypatch.undo()
    index.close()

    again = TantivyPassageIndex(tmp_path, terms)
    assert again.cursor() == 1
    again.replace(late.document_id, [late])
    again.commit(2)
    assert again.cursor() == 2
    assert ids(again.search("leave", [COLLECTION], 5).scored) == [late.passage_id]


def test_a_failed_commit_can_be_done_again_from_the_cursor(
    index: TantivyPassageIndex, tmp_path: Path
) -> None:
    first, second = passage("leave"), passage("leave")
    add(index, first)
    meta, aside = tmp_path / "tantivy" / "meta.json", tmp_path / "aside"
    meta.rename(aside)
    meta.mkdir()
    index.replace(second.document_id, [second])
    with pytest.raises(ValueError, match=r"(?i)error"):
        index.commit(2)
    meta.rmdir()
    aside.rename(meta)
    assert index.cursor() == 1
    index.replace(second.document_id, [second])
    index.commit(2)
    assert set(ids(index.search("leave", [COLLECTION], 5).scored)) == {first.passage_id, second.passage_id}


FILES = [
    "meta.json",
    ".managed.json",
    "*.term",
    "*.idx",
    "*.store",
    "*.fieldnorm",
    "*.fast",
    "cursor.json",
    ".",
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("harm", ["gone", "cut", "empty", "noise"])
def test_a_harmed_index_starts_empty_and_asks_to_be_rebuilt(tmp_path: Path, file: str, harm: str) -> None:
    """Or is as good as before, when the file does not matter; it never stops the start-up, and never lies."""
    path = tmp_path / "index"
    index = TantivyPassageIndex(path, terms)
    kept = passage("leave")
    add(index, kept)
    index.close()
    _harm(path if file == "." else next(path.rglob(file)), harm)

    reopened = TantivyPassageIndex(path, terms)
    if reopened.cursor() is not None:
        assert ids(reopened.search("leave", [COLLECTION], 5).scored) == [kept.passage_id]
    else:
        assert reopened.search("leave", [COLLECTION], 5).scored == []
        reopened.replace(kept.document_id, [kept])
        reopened.commit(7)
        assert ids(reopened.search("leave", [COLLECTION], 5).scored) == [kept.passage_id]


def _harm(path: Path, how: str) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        return
    data = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": b"\xff\x00noise"}[how])


@pytest.mark.parametrize(
    "content", ["[]", "7", "null", '{"cursor": 3}', '{"format": 1}', '{"format": 1, "cursor": "x"}']
)
def test_a_position_that_is_none_asks_to_be_rebuilt(tmp_path: Path, content: str) -> None:
    (tmp_path / "cursor.json").write_text(content)
    assert TantivyPassageIndex(tmp_path, terms).cursor() is None


def test_a_new_format_starts_empty_and_asks_to_be_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = TantivyPassageIndex(tmp_path, terms)
    add(index, passage("leave"))
    index.close()
    monkeypatch.setattr(tantivy, "INDEX_FORMAT", tantivy.INDEX_FORMAT + 1)
    reopened = TantivyPassageIndex(tmp_path, terms)
    assert reopened.cursor() is None
    assert reopened.search("leave", [COLLECTION], 5).scored == []
    reopened.commit(5)
    assert json.loads((tmp_path / "cursor.json").read_text())["format"] == tantivy.INDEX_FORMAT


def test_searches_run_in_parallel_beside_the_writer(index: TantivyPassageIndex) -> None:
    """Each search sees whole commits: every document has two passages or is not there."""
    documents = [uuid4() for _ in range(30)]

    def write() -> None:
        for position, document in enumerate(documents):
            passages = [IndexedPassage(uuid4(), document, COLLECTION, "", "", "leave") for _ in range(2)]
            index.replace(document, passages)
            index.commit(position)

    with ThreadPoolExecutor(4) as threads:
        writing = threads.submit(write)
        counts = list(
            threads.map(lambda _: len(index.search("leave", [COLLECTION], 1_000).scored), range(200))
        )
        writing.result()
    assert all(count % 2 == 0 for count in counts)
    assert len(index.search("leave", [COLLECTION], 1_000).scored) == 60


VOCABULARY = ["leave", "annual", "휴가", "연차", "pay"]
COLLECTIONS = [UUID(int=number) for number in range(1, 5)]
DOCUMENTS = [UUID(int=number) for number in range(100, 106)]
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=4)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(DOCUMENTS), st.sampled_from(COLLECTIONS), st.lists(TEXTS, max_size=3), st.booleans()
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(CHANGES, TEXTS, st.sets(st.sampled_from(COLLECTIONS)))
def test_finds_just_the_live_and_allowed_passages_that_share_a_term(
    changes: list[tuple[UUID, UUID, list[list[str]], bool]], query: list[str], allowed: set[UUID]
) -> None:
    """Compared with a dictionary that does the same: documents come, change, move, go; the index is reopened."""
    live: dict[UUID, list[IndexedPassage]] = {}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        index = TantivyPassageIndex(Path(folder), str.split)
        for position, (document, collection, texts, reopen) in enumerate(changes):
            passages = [
                IndexedPassage(uuid4(), document, collection, "", "", " ".join(text)) for text in texts
            ]
            live[document] = passages
            index.replace(document, passages)
            index.commit(position)
            if reopen:
                index.close()
                index = TantivyPassageIndex(Path(folder), str.split)
        expected = {
            each.passage_id
            for passages in live.values()
            for each in passages
            if each.collection_id in allowed and set(each.text.split()) & set(query)
        }
        assert set(ids(index.search(" ".join(query), list(allowed), 100).scored)) == expected
        index.close()
