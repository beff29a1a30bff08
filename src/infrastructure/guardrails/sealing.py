"""Values that were masked, kept so that nobody reads them in the database: Fernet, AES-128-CBC with HMAC-SHA256.

https://github.com/fernet/spec/blob/master/Spec.md
"""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr


class SecretSealer:
    """Implements `Sealer`, with a key that is derived from a secret of the platform's."""

    def __init__(self, secret: SecretStr) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"chat masked values")
        self._fernet = Fernet(base64.urlsafe_b64encode(derived.derive(secret.get_secret_value().encode())))

    def seal(self, values: Mapping[str, str]) -> str:
        return self._fernet.encrypt(json.dumps(values, ensure_ascii=False).encode()).decode()

    def unseal(self, sealed: str | None) -> dict[str, str]:
        if not sealed:
            return {}
        try:
            values: dict[str, str] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            return {}
        return values
