"""Settings of servers whose models are stand-ins."""

import json


def models_at(**addresses: str) -> dict[str, str]:
    """Offer OpenAI-compatible models at these addresses, by name; the first one answers where none is chosen.

    Small tasks follow rules, so that a stand-in is asked for answers alone.
    """
    models = [
        {"name": name, "provider": "openai_compatible", "model": "smollm2", "base_url": f"{address}/v1"}
        for name, address in addresses.items()
    ]
    return {
        "CHAT__MODELS": json.dumps(models),
        "CHAT__MODEL": next(iter(addresses)),
        "CHAT__HELPER_MODEL": "embedded",
    }
