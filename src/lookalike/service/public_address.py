"""Which addresses are the public internet's: all others are somebody's own network, or lead into one."""

from __future__ import annotations

import ipaddress

UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that has been given out; what maps or translates IPv4 (::ffff:0:0/96, 64:ff9b::/96) lies outside."""
REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.88.99.0/24",  # relays of 6to4
            "2001::/23",  # Teredo, which embeds an IPv4 address, and other protocols' own
            "2001:db8::/32",
            "2002::/16",  # 6to4, which embeds one too
            "3fff::/20",
            "5f00::/16",
        ),
    )
)
"""Beside those that `ipaddress` of every Python tells."""


def is_public(address: str) -> bool:
    """Whether an IP address is one host's on the public internet. What is no address is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    if found.version == 6 and found not in UNICAST:
        return False
    return not any(found in network for network in REFUSED if network.version == found.version)
