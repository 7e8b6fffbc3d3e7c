"""The unit by which attempts and requests are counted per network address."""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def network(address: str) -> str:
    """The network that one person may own: an IPv4 address itself, the /64 of an IPv6 one.

    A port behind the address, as some proxies write it, is not looked at. Empty for anything else, such as a client on
    a Unix socket.
    """
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return ipaddress.ip_network((parsed, 64), strict=False).compressed
        parsed = parsed.ipv4_mapped
    return f"{parsed}/32"
