"""How many tokens a text is, told without the model's own tokenizer."""

import math

_OF_A_CHARACTER = 0.25
_OF_A_FURTHER_BYTE = 0.225


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a chat model makes of it.

    0.25 for a letter of English, 0.7 for a Hangul syllable, Kana or Han character: tokenizers work on UTF-8, and
    the more bytes a character has, the less of it they know as a whole. The tokenizers in use differ by a third
    in either direction; budgets that are made of it leave room for that.
    """
    characters = len(text)
    further_bytes = len(text.encode("utf-8", "surrogatepass")) - characters
    return math.ceil(characters * _OF_A_CHARACTER + further_bytes * _OF_A_FURTHER_BYTE)
