"""Laws of making one list of two."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from src.domains.knowledge.services.fusion import CROWD, MEANING, fuse
from src.domains.knowledge.services.ports import Hit, Match, Scored, WordHits

PASSAGES = [UUID(int=number) for number in range(60)]

limits = st.integers(0, 80)
attainables = st.sampled_from([0.0, 1.0, 25.0, 200.0])


def hits(lowest: float, highest: float) -> st.SearchStrategy[list[Scored]]:
    """What an arm finds, best first; equal scores among it, as where texts are the same."""
    scores = st.one_of(st.floats(lowest, highest), st.sampled_from([lowest, highest, (lowest + highest) / 2]))
    found = st.lists(st.tuples(st.sampled_from(PASSAGES), scores), unique_by=lambda hit: hit[0], max_size=50)
    return found.map(lambda each: sorted(each, key=lambda hit: -hit[1]))


words, meanings = hits(0.01, 80.0), hits(-1.0, 1.0)


def ids(fused: Sequence[Hit] | Sequence[Scored]) -> list[UUID]:
    return [hit.passage_id if isinstance(hit, Hit) else hit[0] for hit in fused]


@given(words, attainables, limits)
def test_words_alone_keep_their_order(found: list[Scored], attainable: float, limit: int) -> None:
    assert ids(fuse(WordHits(found, attainable), [], limit)) == ids(found)[:limit]


@given(meanings, attainables, limits)
def test_meaning_alone_keeps_its_order(found: list[Scored], attainable: float, limit: int) -> None:
    assert ids(fuse(WordHits([], attainable), found, limit)) == ids(found)[:limit]


@given(words, meanings, attainables, limits)
def test_everything_found_comes_once_best_first_and_no_more_than_asked_for(
    by_words: list[Scored], by_meaning: list[Scored], attainable: float, limit: int
) -> None:
    everything = {*ids(by_words), *ids(by_meaning)}
    fused = fuse(WordHits(by_words, attainable), by_meaning, limit)
    assert len(set(ids(fused))) == len(fused) == min(limit, len(everything))
    assert set(ids(fused)) <= everything
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)
    assert fused == fuse(WordHits(by_words, attainable), by_meaning, 1_000)[:limit]


@given(words, meanings, attainables, st.sampled_from(PASSAGES))
def test_what_stands_first_in_both_stands_first(
    by_words: list[Scored], by_meaning: list[Scored], attainable: float, best: UUID
) -> None:
    first_by_words = [(best, 80.0), *(hit for hit in by_words if hit[0] != best)]
    first_by_meaning = [(best, 1.0), *(hit for hit in by_meaning if hit[0] != best)]
    assert ids(fuse(WordHits(first_by_words, attainable), first_by_meaning, 1)) == [best]


@given(words, meanings, attainables)
def test_what_comes_before_in_both_comes_before(
    by_words: list[Scored], by_meaning: list[Scored], attainable: float
) -> None:
    evidence = {hit.passage_id: hit.score for hit in fuse(WordHits(by_words, attainable), by_meaning, 1_000)}
    in_words, in_meaning = dict(by_words), dict(by_meaning)
    both = [each for each in ids(by_words) if each in in_meaning]
    for one in both:
        for other in both:
            if in_words[one] >= in_words[other] and in_meaning[one] >= in_meaning[other]:
                assert evidence[one] >= evidence[other]


@given(words, meanings, attainables)
def test_a_hit_tells_what_each_arm_gave_it(
    by_words: list[Scored], by_meaning: list[Scored], attainable: float
) -> None:
    in_words, in_meaning = dict(by_words), dict(by_meaning)
    for hit in fuse(WordHits(by_words, attainable), by_meaning, 1_000):
        expected = []
        if hit.passage_id in in_words:
            expected.append(Match("words", in_words[hit.passage_id]))
        if hit.passage_id in in_meaning:
            expected.append(Match("meaning", in_meaning[hit.passage_id]))
        assert list(hit.matches) == expected


def crowd(score: float) -> list[Scored]:
    """So many that are all alike: an arm that has no opinion."""
    return [(UUID(int=1_000 + number), score) for number in range(CROWD)]


def test_an_arm_without_an_opinion_leaves_the_word_to_the_other() -> None:
    clear, other = PASSAGES[:2]
    undecided_meaning = [(other, 0.85), *crowd(0.85)]
    assert ids(fuse(WordHits([(clear, 20.0), (other, 8.0)], 25.0), undecided_meaning, 1)) == [clear]
    undecided_words = WordHits([(other, 9.0), *crowd(9.0)], 25.0)
    assert ids(fuse(undecided_words, [(clear, 0.93), (other, 0.86), *crowd(0.85)], 1)) == [clear]


def test_words_that_are_little_of_the_question_count_less() -> None:
    """A name that stands in many texts does not outweigh a passage that means what is asked."""
    named, meant = PASSAGES[:2]
    by_meaning = [(meant, 0.97), *crowd(0.85)]
    assert (0.97 - 0.85) / 0.15 > 0.7
    assert ids(fuse(WordHits([(named, 60.0)], 60.0), by_meaning, 1)) == [named]
    assert ids(fuse(WordHits([(named, 60.0)], 600.0), by_meaning, 1)) == [meant]
    assert MEANING > 60.0
