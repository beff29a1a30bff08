"""One list of two: passages found by their words and passages found by their meaning, weighed by evidence.

Each arm is heard for how far a passage stands out from the arm's own crowd, the passage at rank `CROWD`:

    evidence of words   = (BM25 - BM25 of the crowd) * min(1, share of what the question could give / COVERED)
    evidence of meaning = MEANING * ((cosine - crowd) / (1 - crowd)) ** 2

BM25 is a sum of log odds, so what is left of it above the crowd grows with every rare word that matches; where
most of the question's words are missing, the rest may well be there by chance (a name in a text of another
language), and counts less. Cosines of unrelated texts lie close together, whatever the model; squared, small
differences count next to nothing and a passage that stands clear counts much. An arm that is undecided thereby
leaves the word to the other. What an arm did not find is in its crowd: it has no evidence there, and no score
needs to be guessed.

The constants were chosen on questions in two languages and on searches by words alone (docs/retrieval.md); a
fusion by ranks (RRF) or by scores stretched to the same range lost against the better arm on one or the other.
"""

from collections.abc import Sequence
from uuid import UUID

from src.domains.knowledge.services.ports import Arm, Hit, Match, Scored, WordHits

CROWD = 30
"""The rank where an arm's crowd begins; an arm is asked for so many hits at least."""

MEANING = 90.0
"""What a passage of the very meaning of the question weighs, in units of BM25."""


COVERED = 0.4
"""From which share of the attainable score on words count in full."""


def fuse(words: WordHits, meaning: Sequence[Scored], limit: int) -> list[Hit]:
    """Return the best of both, best first; `meaning` with cosines, best first."""
    evidence: dict[UUID, float] = {}
    matches: dict[UUID, list[Match]] = {}
    floor_of_words, floor_of_meaning = _crowd(words.scored, 0.0), _crowd(meaning, _lowest(meaning))
    in_full = COVERED * words.attainable
    for passage_id, score in words.scored:
        weight = min(1.0, score / in_full) if in_full else 1.0
        evidence[passage_id] = weight * max(score - floor_of_words, 0.0)
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
