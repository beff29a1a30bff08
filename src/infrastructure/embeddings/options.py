"""What embedders are told; apart from them, so that telling loads no library."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Patience:
    """How long a question's vector may take in all, how long a batch of passages, and how many batches at once.

    After a question without a vector, questions do without for `rest_seconds`.
    """

    query_seconds: float = 2.0
    passages_seconds: float = 60.0
    batches_at_once: int = 4
    rest_seconds: float = 10.0


@dataclass(frozen=True)
class OpenAIServer:
    """A server that speaks OpenAI's API, and what its model wants.

    E5 and its kin are told by prefixes whether a text is a "query: " or a "passage: ". `characters` is how
    much of a text the model takes; some servers refuse what is longer.
    """

    base_url: str
    api_key: str = field(default="", repr=False)
    query_prefix: str = ""
    passage_prefix: str = ""
    batch: int = 32
    characters: int = 8_000
