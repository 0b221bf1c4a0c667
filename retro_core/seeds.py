"""Seeds derived from other seeds and names, the same on every machine."""

import hashlib


def derived_seed(*parts: int | str) -> int:
    """A seed below 2**31 (what every library and database column takes) from a path of parts."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF
