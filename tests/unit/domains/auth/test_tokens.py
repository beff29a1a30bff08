"""Access tokens: a token that was read once is remembered, and still ends."""

from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from pydantic import SecretStr

from src.domains.auth.services import tokens
from src.domains.auth.services.tokens import REMEMBERED_TOKENS, AccessTokens, InvalidToken
from src.shared.events.base import utc_now

LIFETIME = timedelta(minutes=15)


@pytest.fixture
def access() -> AccessTokens:
    return AccessTokens(SecretStr("s" * 48), LIFETIME)


def issued(access: AccessTokens, user_id: UUID) -> str:
    return access.issue(user_id, uuid4(), "user", [])


def test_a_token_s_signature_is_checked_once(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = issued(access, user_id := uuid4())
    assert access.read(token).user_id == user_id
    monkeypatch.setattr(jwt, "decode", None)
    assert access.read(token).user_id == user_id


def test_a_remembered_token_is_refused_from_the_moment_it_expires(
    access: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issued(access, uuid4())
    expires_at = access.read(token).expires_at
    now = utc_now()
    monkeypatch.setattr(tokens, "utc_now", lambda: now.fromtimestamp(expires_at - 1, now.tzinfo))
    access.read(token)
    monkeypatch.setattr(tokens, "utc_now", lambda: now.fromtimestamp(expires_at, now.tzinfo))
    with pytest.raises(InvalidToken, match="expired"):
        access.read(token)


def test_a_token_that_is_refused_is_not_remembered(access: AccessTokens) -> None:
    """Neither fills the memory nor holds once it would: each is verified anew."""
    for _ in range(2):
        with pytest.raises(InvalidToken):
            access.read("a.b.c")
    assert access._verified.cache_info().currsize == 0


def test_only_so_many_tokens_are_remembered(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = {"sub": str(uuid4()), "sid": str(uuid4()), "exp": int((utc_now() + LIFETIME).timestamp())}
    monkeypatch.setattr(jwt, "decode", lambda *_arguments, **_options: claims)
    for number in range(REMEMBERED_TOKENS + 10):
        access.read(str(number))
    assert access._verified.cache_info().currsize == REMEMBERED_TOKENS
