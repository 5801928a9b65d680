"""The ICC profile that says what the colours of a report mean: sRGB (IEC 61966-2-1), from its published figures.

Built here so that no file of somebody else is in the package, and so that every machine writes the same bytes. It is of
ICC version 2.1, which every part of PDF/A allows.
"""

from __future__ import annotations

import struct
from functools import cache

_WHITE_D50 = (0.96420, 1.0, 0.82491)
_PRIMARIES = {  # adapted to D50
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_STEPS = 1024
_NAME = b"sRGB IEC61966-2.1"
_MADE = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)


@cache
def srgb_profile() -> bytes:
    """The profile; always the same bytes."""
    contents = {
        b"desc": _description(),
        b"cprt": b"text" + bytes(4) + b"No copyright is claimed\0",
        b"wtpt": _xyz(_WHITE_D50),
    }
    contents |= {tag: _xyz(figures) for tag, figures in _PRIMARIES.items()}
    contents[_CURVES[0]] = _curve()
    place = 128 + 4 + 12 * (len(contents) + len(_CURVES) - 1)
    table, body, places = b"", b"", dict[bytes, tuple[int, int]]()
    for tag, content in contents.items():
        places[tag] = (place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    for tag in _CURVES[1:]:  # the three channels share one curve
        places[tag] = places[_CURVES[0]]
    for tag, (offset, size) in places.items():
        table += tag + struct.pack(">2I", offset, size)
    size = place + len(body)
    return _header(size) + struct.pack(">I", len(places)) + table + body


def _header(size: int) -> bytes:
    """The 128 bytes at the beginning (ICC.1:1998-09, 6.1)."""
    start = struct.pack(">I", size) + bytes(4) + b"\x02\x10\x00\x00" + b"mntrRGB XYZ " + _MADE + b"acsp"
    return start + bytes(68 - len(start)) + b"".join(map(_fixed, _WHITE_D50)) + bytes(48)


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def _xyz(figures: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, figures))


def _description() -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", len(_NAME) + 1) + _NAME + bytes(1 + 4 + 4 + 2 + 1 + 67)


def _curve() -> bytes:
    """From the value of a channel to light."""
    values = (_light(step / (_STEPS - 1)) for step in range(_STEPS))
    return (
        b"curv" + bytes(4) + struct.pack(">I", _STEPS) + struct.pack(f">{_STEPS}H", *(round(v * 65535) for v in values))
    )


def _light(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
