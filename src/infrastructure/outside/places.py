"""Where services outside are; apart from the adapters, so that naming a place loads no library."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AwsPlace:
    """Where AWS is reached: a region, and an address of its own where there is one (a proxy, a stand-in)."""

    region: str
    endpoint_url: str | None = None
