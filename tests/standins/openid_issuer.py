"""An OpenID provider, made of authlib's own server: PKCE, nonces, signed ID tokens, discovery, userinfo."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.serving import Door, serving

CLIENT_ID, CLIENT_SECRET = "chatbot", "the client's secret"


@dataclass
class Code:
    """An authorization code and what it was given for."""

    code: str
    request: Any
    user: dict[str, Any]
    data: dict[str, str]

    def get_redirect_uri(self) -> str:
        return self.data["redirect_uri"]

    def get_scope(self) -> str:
        return self.data["scope"]

    def get_nonce(self) -> str | None:
        return self.data.get("nonce")

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Client(ClientMixin):  # type: ignore[misc]  # authlib has no types
    """The one client that is known: us."""

    client_id = CLIENT_ID

    def __init__(self, redirect_uri: str) -> None:
        self._redirect_uri = redirect_uri

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self._redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Issuer:
    """`user` is who is signed in there; `forge` changes claims of ID tokens, `userinfo` what is told beside."""

    redirect_uri: str
    url: str = ""
    user: dict[str, Any] = field(default_factory=dict)
    forge: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    signing: Key = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    published: list[Key] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.published = [self.signing, ECKey.generate_key("P-256", {"kid": "0", "use": "enc"})]
        self.server = _Server(self)
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
        ]
        self.door = Door(Starlette(routes=routes))

    async def _discovery(self, _request: Request) -> Response:
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        told = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in paths.items()}
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **told, **self.metadata})

    async def _jwks(self, _request: Request) -> Response:
        strange = {"kty": "unheard-of", "kid": "2"}
        return JSONResponse({"keys": [*KeySet(self.published).as_dict(private=False)["keys"], strange]})

    async def _authorize(self, request: Request) -> Response:
        asked = _Asked(
            request.method, str(request.url), dict(request.query_params), {}, dict(request.headers)
        )

        def grant() -> Response:
            consent = self.server.get_consent_grant(asked, end_user=self.user)
            answer: Response = self.server.create_authorization_response(
                asked, grant_user=self.user, grant=consent
            )
            return answer

        return await run_in_threadpool(grant)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        asked = _Asked(request.method, str(request.url), {}, form, dict(request.headers))
        answer: Response = await run_in_threadpool(self.server.create_token_response, asked)
        return answer

    async def _userinfo(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return Response(status_code=401)
        return JSONResponse(self.userinfo)


class _Asked(OAuth2Request):  # type: ignore[misc]  # authlib has no types
    """A request as authlib's server reads it."""

    def __init__(
        self, method: str, url: str, args: dict[str, str], form: dict[str, str], headers: dict[str, str]
    ) -> None:
        # Header names as HTTP/1.1 is mostly written: authlib looks for them so.
        super().__init__(method, url, headers={name.title(): value for name, value in headers.items()})
        self.payload = BasicOAuth2Payload({**args, **form})
        self._args, self._form = args, form

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Server(AuthorizationServer):  # type: ignore[misc]  # authlib has no types
    def __init__(self, issuer: Issuer) -> None:
        super().__init__(scopes_supported=["openid", "email", "profile"])
        self.issuer = issuer
        self._client = Client(issuer.redirect_uri)
        self.register_token_generator("default", BearerTokenGenerator(lambda **_: f"access-{time.time_ns()}"))
        self.register_grant(_CodeGrant, [_StrictChallenge(), _IdToken(issuer)])

    def query_client(self, client_id: str) -> Client | None:
        return self._client if client_id == CLIENT_ID else None

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is asked with it but what is told beside."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        content = json.dumps(body) if isinstance(body, dict) else body
        return Response(content, status, dict(headers))

    def send_signal(self, name: str, *_args: Any, **_kwargs: Any) -> None:
        """Nobody listens."""


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012  # authlib's form

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.issuer.codes[code] = Code(code, request, request.user, dict(request.payload.data))

    def query_authorization_code(self, code: str, _client: Client) -> Code | None:
        found: Code | None = self.server.issuer.codes.get(code)
        return found

    def delete_authorization_code(self, code: Code) -> None:
        del self.server.issuer.codes[code.code]

    def authenticate_user(self, code: Code) -> dict[str, Any]:
        return code.user


class _StrictChallenge(CodeChallenge):  # type: ignore[misc]  # authlib has no types
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  # authlib's form

    def get_authorization_code_challenge(self, code: Code) -> str:
        return code.data["code_challenge"]  # PKCE is not left out

    def get_authorization_code_challenge_method(self, code: Code) -> str:
        return code.data["code_challenge_method"]


class _IdToken(OpenIDCode):  # type: ignore[misc]  # authlib has no types
    def __init__(self, issuer: Issuer) -> None:
        super().__init__(require_nonce=True)
        self._issuer = issuer
        self._nonces: defaultdict[str, int] = defaultdict(int)

    def exists_nonce(self, nonce: str, _request: Any) -> bool:
        self._nonces[nonce] += 1
        return self._nonces[nonce] > 2  # once for consent, once for the code

    def get_client_algorithm(self, _client: Client) -> str:
        return "ES256" if isinstance(self._issuer.signing, ECKey) else "RS256"

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": self.get_client_algorithm(client), "kid": str(self._issuer.signing.kid)}

    def resolve_client_private_key(self, _client: Client) -> Key:
        return self._issuer.signing

    def get_client_claims(self, _client: Client) -> dict[str, Any]:
        return {
            "iss": self._issuer.url,
            "aud": [CLIENT_ID],
            "exp": int(time.time()) + 300,
            "iat": int(time.time()),
        }

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        return self.get_client_claims(request.client)

    def generate_user_info(self, user: dict[str, Any], _scope: str) -> dict[str, Any]:
        return {**user, **self._issuer.forge}


@contextmanager
def openid_issuer(redirect_uri: str, certificate: Path) -> Iterator[Issuer]:
    """Serve a provider over TLS that sends browsers back to this address."""
    issuer = Issuer(redirect_uri)
    with serving(issuer.door, certificate=certificate) as url:
        issuer.url = url
        yield issuer
