"""What API keys look like: a prefix, 256 random bits, and their checksum, as GitHub's tokens have one.

https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
"""

import secrets
import zlib
from base64 import urlsafe_b64encode

API_KEY_PREFIX = "gcb_"
"""What tells an API key from an access token, and a leaked one from other text."""

CHECKSUM_CHARACTERS = 6


def new_api_key() -> str:
    """Return 256 random bits that end in their own checksum, as GitHub's tokens do."""
    bits = secrets.token_urlsafe(32)
    return f"{API_KEY_PREFIX}{bits}{_checksum(bits)}"


def is_well_formed(key: str) -> bool:
    """Whether a key's checksum fits; keys that were made before there was one have none."""
    bits = key.removeprefix(API_KEY_PREFIX)
    return bits[-CHECKSUM_CHARACTERS:] == _checksum(bits[:-CHECKSUM_CHARACTERS])


def _checksum(bits: str) -> str:
    return urlsafe_b64encode(zlib.crc32(bits.encode()).to_bytes(4, "big")).decode().rstrip("=")
