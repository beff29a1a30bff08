"""Models that streams are measured with: stand-ins, asked directly and by the platform."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.processes import Program, program
from bench.reading import closing
from bench.seed import post
from bench.server import ROOT, free_port

REGION = "ap-northeast-2"
BEDROCK_MODEL = "apac.anthropic.claude-sonnet-4-20250514-v1:0"
QUESTION = "How do I ask for leave? " * 20


@dataclass(frozen=True)
class Upstream:
    """A model that streams: what asks it directly, what each piece of its text holds, and a server's settings."""

    program: Program
    request: bytes
    mark: bytes
    settings: Mapping[str, str]


@contextmanager
def _openai_compatible(pieces: int, seconds: float, folder: Path) -> Iterator[Upstream]:
    port = free_port()
    command = ["tests.standins.chat_completions", "--port", str(port)]
    pace = ["--pieces", str(pieces), "--seconds-per-piece", str(seconds)]
    with _standin([*command, *pace], port, folder) as running:
        body = {"model": "smollm2", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
        request = closing(post("/v1/chat/completions", "none", body))
        model = {"provider": "openai_compatible", "model": "smollm2", "base_url": f"{running.url}/v1"}
        yield Upstream(running, request, b'"content":"word', _settings(model))


@contextmanager
def _bedrock(pieces: int, seconds: float, folder: Path) -> Iterator[Upstream]:
    port = free_port()
    command = ["tests.standins.converse", str(port), str(pieces), str(seconds)]
    with _standin(command, port, folder) as running:
        place = {"BEDROCK__ENDPOINT_URL": running.url, "BEDROCK__REGION": REGION}
        credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        model = {"provider": "bedrock", "model": BEDROCK_MODEL}
        request = closing(_signed(running.url))
        yield Upstream(running, request, b"contentBlockDelta", _settings(model) | place | credentials)


UPSTREAMS: dict[str, Callable[[int, float, Path], AbstractContextManager[Upstream]]] = {
    "openai_compatible": _openai_compatible,
    "bedrock": _bedrock,
}


@contextmanager
def _standin(command: list[str], port: int, folder: Path) -> Iterator[Program]:
    url, environment = f"http://127.0.0.1:{port}", os.environ | {"PYTHONPATH": str(ROOT)}
    log = folder / "upstream.log"
    with program([sys.executable, "-m", *command], url, "/v1/models", environment, folder, log) as running:
        yield running


def _settings(model: Mapping[str, str]) -> dict[str, str]:
    """Offer the model alone; titles and the like follow rules, so that it is asked for answers alone."""
    return {
        "CHAT__MODELS": json.dumps([{"name": "upstream", **model}]),
        "CHAT__MODEL": "upstream",
        "CHAT__HELPER_MODEL": "embedded",
    }


def _signed(url: str) -> bytes:
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": QUESTION}]}]})
    path = f"/model/{BEDROCK_MODEL.replace(':', '%3A')}/converse-stream"
    request = AWSRequest("POST", url + path, {"Content-Type": "application/json"}, body)
    SigV4Auth(Credentials("key", "secret"), "bedrock", REGION).add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {url.removeprefix('http://')}\r\n{head}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
