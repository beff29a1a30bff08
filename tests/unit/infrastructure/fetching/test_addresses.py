"""Which addresses may be fetched from."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.infrastructure.fetching.addresses import Address, AddressPolicy

NOBODY = AddressPolicy()
METADATA = (
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
)
TO_V6 = {
    "mapped": lambda v4: IPv6Address(0xFFFF << 32 | v4),
    "compatible": lambda v4: IPv6Address(v4),
    "translated": lambda v4: IPv6Address(0xFFFF << 48 | v4),
    "nat64": lambda v4: IPv6Address(int(IPv6Address("64:ff9b::")) | v4),
    "nat64 of the place": lambda v4: IPv6Address(int(IPv6Address("64:ff9b:1::")) | v4),
    "6to4": lambda v4: IPv6Address(0x2002 << 112 | v4 << 80 | 1),
    "teredo server": lambda v4: IPv6Address(0x20010000 << 96 | v4 << 64),
    "teredo client": lambda v4: IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | v4 ^ 0xFFFFFFFF),
    "isatap": lambda v4: IPv6Address(int(IPv6Address("2a00:1450::")) | 0x5EFE << 32 | v4),
}
"""The ways in which an IPv6 address carries an IPv4 one."""

v4 = st.ip_addresses(v=4)
not_global_v4 = v4.filter(lambda address: not address.is_global or address.is_multicast)


def permits(text: str, policy: AddressPolicy = NOBODY, host: str = "example.com") -> bool:
    return policy.permits(host, ip_address(text))


@given(st.one_of(not_global_v4, st.ip_addresses(v=6).filter(lambda address: not address.is_global)))
def test_an_address_that_is_not_global_is_refused(address: Address) -> None:
    assert not NOBODY.permits("example.com", address)


@given(not_global_v4, st.sampled_from(sorted(TO_V6)))
def test_one_that_is_not_global_is_refused_in_every_form_that_carries_it(
    address: IPv4Address, form: str
) -> None:
    assert not NOBODY.permits("example.com", TO_V6[form](int(address)))


@given(st.integers(0, 2**29 - 1), st.integers(0, 2**96 - 1))
def test_nothing_outside_of_the_globally_routed_part_of_ipv6_is_reached(high: int, low: int) -> None:
    """But what NAT64 and the operating system make an IPv4 address of, which has a property of its own."""
    address = IPv6Address(high << 96 | low)
    if address in ip_network("64:ff9b::/96") or address.ipv4_mapped:
        return
    assert not NOBODY.permits("example.com", address)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104  # an address to refuse
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "172.31.255.255",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        *METADATA,
    ],
)
def test_what_is_private_reserved_or_for_metadata_is_refused(text: str) -> None:
    assert not permits(text)


@pytest.mark.parametrize(
    "text",
    ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"],
)
def test_what_is_public_is_permitted(text: str) -> None:
    """By NAT64, too: it is how machines with IPv6 alone reach the rest."""
    assert permits(text)


def test_a_permitted_network_is_permitted_in_each_form_that_means_it_and_nothing_beside_it() -> None:
    policy = AddressPolicy(networks=[ip_network("10.1.0.0/16"), ip_network("fd12::/16")])
    assert permits("10.1.2.3", policy)
    assert permits("::ffff:10.1.2.3", policy)
    assert permits("fd12::7", policy)
    assert not permits("10.2.0.1", policy)
    assert not permits("2002:a01:203::1", policy)


def test_a_permitted_host_may_be_private_and_no_other_one() -> None:
    policy = AddressPolicy(hosts=frozenset({"wiki.corp"}))
    assert permits("10.1.2.3", policy, "wiki.corp")
    assert permits("10.1.2.3", policy, "WIKI.corp.")
    assert not permits("10.1.2.3", policy, "evil.wiki.corp")
    assert not permits("10.1.2.3", policy, "wiki.corp.evil.example")


@pytest.mark.parametrize(
    "text", [*METADATA, "0.1.2.3", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1"]
)
def test_no_setting_permits_metadata_of_the_cloud(text: str) -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert not permits(text, AddressPolicy(hosts=frozenset({"wiki.corp"}), networks=everything), "wiki.corp")


def test_public_addresses_that_a_company_uses_inside_are_refused_when_told() -> None:
    policy = AddressPolicy(refused=[ip_network("8.8.0.0/16")])
    assert not permits("8.8.8.8", policy)
    assert not permits("::ffff:8.8.8.8", policy)
    assert permits("9.9.9.9", policy)
