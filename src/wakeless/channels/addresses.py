"""Which addresses an outbound request may connect to.

A webhook's host name is chosen by whoever writes the settings, and what it resolves to by whoever runs its DNS.
Without a check, a message could be sent into the private network or to a cloud's metadata service (server-side
request forgery). The name is resolved once, every address is looked at, and the connection goes to one of those.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: Returns the addresses of a host name, as text, best first; raises `OSError`.
Resolver = Callable[[str, int], Awaitable[list[str]]]

#: https://www.rfc-editor.org/rfc/rfc6052: IPv4 addresses as IPv6 networks see them.
_NAT64 = IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int) -> list[str]:
    """Ask the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Say whether ``address`` is one of the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False  # for example with a zone: fe80::1%eth0
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in _meanings(parsed))


def is_loopback(address: str) -> bool:
    """Say whether ``address`` is this machine itself."""
    try:
        return all(one.is_loopback for one in _meanings(ip_address(address)))
    except ValueError:
        return False


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses that a packet to ``address`` may really go to."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.is_site_local:
        return [IPv4Address("10.0.0.0")]  # withdrawn from use, and private while it was in use
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    inner = [address.sixtofour, *(address.teredo or ())]
    return [address, *(one for one in inner if one is not None)]
