"""What the OpenAPI document promises holds for whatever a program sends: Schemathesis makes up the requests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.callers import Caller
from tests.e2e.conftest import StartServer

EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "3")
"""Requests made up for each route, and ways from one route to the next; `make test-contract` makes more."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


@pytest.mark.only("sqlite")
def test_every_route_keeps_what_its_description_promises(start_server: StartServer, tmp_path: Path) -> None:
    """Nothing answers 5xx, by what is not described, or without a token where one is wanted."""
    server = start_server()
    caller = Caller(server.url)
    caller.sign_in()
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json", "--no-color"),
        *("--header", f"Authorization: {caller.authorization}", "--checks", ",".join(CHECKS)),
        *("--max-examples", EXAMPLES, "--continue-on-failure", "--warnings", "off"),
        # It would end its own sign-in, whose id it is told, and be refused from then on.
        *("--exclude-path", "/api/v1/auth/sign-ins/{sign_in_id}"),
        *("--generation-database", "none", "--request-timeout", "30"),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "Tested: " in run.stdout
    assert "Traceback" not in server.log
    assert caller.get("/auth/me")["role"] == "admin", "it was signed in to the end"
