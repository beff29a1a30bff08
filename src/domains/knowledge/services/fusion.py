"""One list of two: passages found by their words and passages found by their meaning, weighed by evidence.

Each arm is heard for how far a passage stands out from the arm's own crowd, the passage at rank `CROWD`:

    evidence of words   = BM25 - BM25 of the crowd
    evidence of meaning = MEANING * ((cosine - crowd) / (1 - crowd)) ** 2

BM25 is a sum of log odds, so what is left of it above the crowd grows with every rare word that matches. Cosines
of unrelated texts lie close together, whatever the model; squared, small differences count next to nothing and a
passage that stands clear counts much. An arm that is undecided thereby leaves the word to the other. What an arm
did not find is in its crowd: it has no evidence there, and no score needs to be guessed.

The constants were chosen on questions in two languages and on searches by words alone (docs/retrieval.md); a
fusion by ranks (RRF) or by scores stretched to the same range lost against the better arm on one or the other.
"""

from collections.abc import Sequence
from uuid import UUID

from src.domains.knowledge.services.ports import Arm, Hit, Match, Scored

CROWD = 30
"""The rank where an arm's crowd begins; an arm is asked for so many hits at least."""

MEANING = 90.0
"""What a passage of the very meaning of the question weighs, in units of BM25."""


def fuse(words: Sequence[Scored], meaning: Sequence[Scored], limit: int) -> list[Hit]:
    """Return the best of both, best first; `words` with BM25 scores, `meaning` with cosines, each best first."""
    evidence: dict[UUID, float] = {}
    matches: dict[UUID, list[Match]] = {}
    floor_of_words, floor_of_meaning = _crowd(words, 0.0), _crowd(meaning, _lowest(meaning))
    for passage_id, score in words:
        evidence[passage_id] = max(score - floor_of_words, 0.0)
        _note(matches, passage_id, "words", score)
    for passage_id, cosine in meaning:
        share = max(cosine - floor_of_meaning, 0.0) / max(1.0 - floor_of_meaning, 1e-6)
        evidence[passage_id] = evidence.get(passage_id, 0.0) + MEANING * share**2
        _note(matches, passage_id, "meaning", cosine)
    best = sorted(evidence, key=lambda passage_id: -evidence[passage_id])[:limit]
    return [Hit(passage_id, evidence[passage_id], tuple(matches[passage_id])) for passage_id in best]


def _crowd(hits: Sequence[Scored], without_one: float) -> float:
    return hits[CROWD - 1][1] if len(hits) >= CROWD else without_one


def _lowest(hits: Sequence[Scored]) -> float:
    return hits[-1][1] if hits else 0.0


def _note(matches: dict[UUID, list[Match]], passage_id: UUID, arm: Arm, score: float) -> None:
    matches.setdefault(passage_id, []).append(Match(arm, score))
