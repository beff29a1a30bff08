"""Which addresses the fetcher may connect to: the public internet's, and what an administrator permits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# IANA's special-purpose registries, written out: `ipaddress.is_global` differs between Python's versions.
_NOT_PUBLIC = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # between carriers and their customers; clouds use it inside
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",  # relays of 6to4
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",  # multicast, reserved, broadcast
    "2001::/23",  # Teredo, benchmarking, ORCHID, ...
    "2001:db8::/32",
    "2002::/16",  # 6to4: an IPv4 address within
    "3fff::/20",
)
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# What instances learn their credentials from, and what no page can be served from. No setting permits these.
_NEVER = _networks(
    "0.0.0.0/8",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "192.0.0.192/32",
    "224.0.0.0/3",
    "::/128",
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "fe80::/10",
    "ff00::/8",
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third word of an address that a tunnel would take to the IPv4 address in the fourth."""


@dataclass(frozen=True)
class AddressPolicy:
    """Decides by the address, never by how it is spelled.

    `hosts` are names that may stand for private addresses, `networks` are private ones that any name may
    stand for; `refused` are public ones that the company uses inside.
    """

    hosts: frozenset[str] = frozenset()
    networks: Sequence[Network] = ()
    refused: Sequence[Network] = ()

    def permits(self, host: str, address: Address) -> bool:
        """Tell whether `host` may be fetched from `address`, which it was resolved to."""
        meant = carried(address)
        if _is_in(meant, _NEVER):
            return False
        if host.lower().rstrip(".") in self.hosts or _is_in(meant, self.networks):
            return True
        return is_public(meant) and not _is_in(meant, self.refused)


def is_public(address: Address) -> bool:
    """Tell whether the address is one of the public internet, and carries no other one to somewhere else."""
    if _is_in(address, _NOT_PUBLIC) or not address.is_global:
        return False
    return address.version == 4 or (
        address in _PUBLIC_IPV6 and int(address) >> 32 & 0xFFFFFFFF not in _ISATAP
    )


def carried(address: Address) -> Address:
    """Return the IPv4 address that the operating system or NAT64 makes of an IPv6 one; else the address itself.

    Other forms that carry one (6to4, Teredo, IPv4-compatible, ISATAP) serve no pages: they are not public.
    """
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def parsed(addresses: Iterable[str]) -> list[Address]:
    """Return what a resolver answered, each address once."""
    return [ip_address(address) for address in dict.fromkeys(addresses)]


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
