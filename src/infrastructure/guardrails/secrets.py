"""Secrets of programs and people: keys of services, private keys, tokens, passwords behind their name."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from src.infrastructure.guardrails.reading import Anchors, Reading, Span

_B = r"(?<![A-Za-z0-9_-])"
_TOKENS = re.compile(
    rf"{_B}(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,255}+|github_pat_[A-Za-z0-9_]{22,255}+"
    r"|glpat-[A-Za-z0-9_-]{20,255}+"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}+|xapp-[A-Za-z0-9-]{10,255}+"
    r"|sk-(?:proj-|ant-|svcacct-|admin-)?(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,255}+"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}+"
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,512}+"
    r"|gcb_[A-Za-z0-9_-]{20,255}+"
    r"|(?:npm|hf|dop_v1|pypi)[_-][A-Za-z0-9_-]{30,255}+"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"
    r"|eyJ[A-Za-z0-9_-]{8,2048}+\.eyJ[A-Za-z0-9_-]{8,4096}+(?:\.[A-Za-z0-9_-]{0,1024}+)?"
    r")(?![A-Za-z0-9_])"
)
_TOKEN_BEGINS = (
    *("AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox"),
    *(
        "xapp-",
        "sk-",
        "k_live_",
        "k_test_",
        "AIza",
        "ya29.",
        "gcb_",
        "npm_",
        "hf_",
        "dop_v1",
        "pypi-",
        "SG.",
        "eyJ",
    ),
)

_BLOCK_BEGINS = "-----BEGIN "
_LONGEST_BLOCK = 8_000
_BLOCK = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_BODY = re.compile(rf"[A-Za-z0-9+/=\\\s]{{0,{_LONGEST_BLOCK}}}+")
_BLOCK_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:([^\s/@]{3,128})@", re.IGNORECASE)
_ADDRESSES = Anchors("://", before=22, after=200)
_BEARERS = Anchors("bearer |basic ", before=1, after=520)
_BEARER = re.compile(
    r"\b(?:bearer|basic)\s{1,3}((?=[A-Za-z+/_.-]{0,80}[0-9])[A-Za-z0-9+/_.~-]{20,512}+=*)", re.IGNORECASE
)

_CALLED = 40
"""So far before a secret may stand what it is called."""
_NAMES = Anchors(
    "password|passwd|passphrase|passcode|pwd|secret|token|api key|api_key|api-key|apikey|access key|access_key|accesskey"
    "|private_key|private key|pw:|pw |pw=|비밀번호|비밀 번호|비번|패스워드|암호|토큰|api 키|api키|시크릿|비밀키|비밀 키|인증키|인증 키",
    before=16,
    after=240,
    within_words=True,
)
_NAMED = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|\bpwd?|(?:client|app|shared|aws)?[_-]?secret(?:[_ -]?(?:access)?[_ -]?key)?"
    r"|(?:access|auth|refresh|api|bot|session)?[_ -]?token|(?:api|access|private)[_ -]?key"
    r"|비밀\s?번호|비번|패스워드|암호|토큰|api\s?키|시크릿(?:\s?키)?|비밀\s?키|인증\s?키)"
    r"[\"'`]?\s{0,2}(?:=>|:=|=|:|은|는|가|이|을|를|\bis\b|\bto\b|->|(?<=비번) |(?<=번호) |(?<=워드) )\s{0,2}[\"'`]?([!-~]{4,200})",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^[<${%\[(]|\*{3}|x{4}|\.{3}|your|example|change-?me|placeholder|password|passwd|secret|token|redacted|"
    r"env|process\.|config|vault|null|none|true|false|string|required|optional|https?:|^/|\(\)|\{\{|^--",
    re.IGNORECASE,
)
_NUMERIC = re.compile(
    r"(?:password|passcode|passwd|pwd?|비밀\s?번호|비번|패스워드|암호)\W{0,4}(?:은|는)?", re.IGNORECASE
)
_END = "\"'`,;)]}>.?"


_BEGINS = (*_TOKEN_BEGINS, _BLOCK_BEGINS, "://")
_NAMED_BY = (*_NAMES.latin, *_NAMES.korean, *_BEARERS.latin)


def secrets(reading: Reading) -> Iterator[Span]:
    """Tokens by the forms that their services give them; other secrets by what they are called."""
    text = reading.text
    if any(map(reading.latin.__contains__, _TOKEN_BEGINS)):
        yield from (found.span() for found in _TOKENS.finditer(text))
    if _BLOCK_BEGINS in reading.latin:
        yield from _blocks(text)
    if "@" in reading.latin:
        addresses = _ADDRESSES.find(_IN_ADDRESS, reading)
        yield from (found.span(1) for found in addresses if not _PLACEHOLDER.search(found[1]))
    yield from (found.span(1) for found in _BEARERS.find(_BEARER, reading))
    yield from _named(reading)


def _blocks(text: str) -> Iterator[Span]:
    """Private keys up to their end; one without an end for as long as it looks like a key."""
    ends = [found.end() for found in _BLOCK_ENDS.finditer(text)]
    for found in _BLOCK.finditer(text):
        at = bisect_right(ends, found.end())
        if at < len(ends) and ends[at] - found.start() <= _LONGEST_BLOCK:
            yield found.start(), ends[at]
        elif body := _BLOCK_BODY.match(text, found.end()):
            yield found.start(), body.end()


def may_become_secret(text: str, word: int) -> bool:
    """Whether the word that a text ends with, from `word` on, may go on to be a secret, or is called one."""
    last = text[word:]
    if last and any(begin.startswith(last) or begin in last for begin in _BEGINS):
        return True
    called = text[max(0, word - _CALLED) :].lower()
    return any(map(called.__contains__, _NAMED_BY))


def open_block(text: str) -> int:
    """Return where a private key begins that has not come to its end; the text's end when there is none."""
    start = text.rfind(_BLOCK_BEGINS)
    if start < 0 or len(text) - start > _LONGEST_BLOCK or _BLOCK_ENDS.search(text, start):
        return len(text)
    return start


def _named(reading: Reading) -> Iterator[Span]:
    for found in _NAMES.match(_NAMED, reading):
        start = found.start(1)
        value = found[1].rstrip(_END)
        if _is_secret(value, is_password=bool(_NUMERIC.match(found.group()))):
            yield start, start + len(value)


def _is_secret(value: str, *, is_password: bool) -> bool:
    """Whether what stands behind "password" is one, and not a word about it, a number or a place for it."""
    if len(value) < 4 or _PLACEHOLDER.search(value):
        return False
    digits = sum(map(str.isdigit, value))
    letters = sum(map(str.isalpha, value))
    if digits == len(value):
        return is_password and len(value) >= 4
    if not letters:
        return False
    has_signs = digits + letters < len(value.strip("-_."))
    return len(value) >= 6 and (digits > 0 or (has_signs and is_password))
