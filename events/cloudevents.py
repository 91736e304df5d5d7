"""CloudEvents 1.0, binary mode: the headers of a record on a public topic. Our own codec (about 1 us a record).

The `cloudevents` library is its oracle in tests. Values are JSON; the attribute `type` is `tallystick.<what>.v1`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Headers = tuple[tuple[str, bytes], ...]

_FIXED: Headers = (("ce_specversion", b"1.0"), ("content-type", b"application/json"))


def headers(event_id: str, source: str, kind: str, time: str, *more: tuple[str, bytes]) -> Headers:
    """The headers of one event. `kind` is the bare name (`purchase`), `time` an RFC 3339 instant."""
    return ("ce_id", event_id.encode()), ("ce_time", time.encode()), *of_source(source, kind), *more


@lru_cache(1 << 12)
def of_source(source: str, kind: str) -> Headers:
    """The headers that are the same for all that a source says of one kind. They stand behind `ce_id` and `ce_time`."""
    return ("ce_source", source.encode()), ("ce_type", b"tallystick.%b.v1" % kind.encode()), *_FIXED


def type_of(headers: Sequence[tuple[str, bytes]]) -> str | None:
    """The CloudEvents type as it stands in the header; None without one."""
    for name, value in headers:
        if name == "ce_type":
            return value.decode(errors="replace")
    return None
