"""JPEGs that are damaged, unusual, or no JPEGs at all, by name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from galaxy_painter import paint
from random_jpegs import encoded

GALAXY = paint("unbarred_spiral", seed=1, size=100)

#: A frame of baseline and progressive JPEGs, and a scan's header.
FRAMES, SCAN = (b"\xff\xc0\x00", b"\xff\xc2\x00"), b"\xff\xda\x00"


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def in_front(content: bytes, part: bytes) -> bytes:
    """Put something behind the marker with which a JPEG begins."""
    return content[:2] + part + content[2:]


def frame_of(content: bytes) -> int:
    """Return the place of the frame's marker."""
    return max(content.find(frame) for frame in FRAMES)


def changed(content: bytes, place: int, new: bytes) -> bytes:
    """Return bytes with others in the place of some."""
    return content[:place] + new + content[place + len(new) :]


def exif(orientation: int) -> bytes:
    """Return Exif data that turn an image."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def odd_jpegs() -> dict[str, bytes]:
    """Return files by the name of what is odd about them."""
    kinds = {
        "baseline": encoded(GALAXY, quality=90),
        "progressive": encoded(GALAXY, quality=90, progressive=True),
        "restarts": encoded(GALAXY, quality=90, restart_marker_rows=1),
        "grey": encoded(GALAXY.convert("L")),
    }
    found = dict(kinds)
    for name, content in kinds.items():
        found |= _damaged(name, content)
    base = kinds["baseline"]
    found |= _headers(base) | _frames(base, kinds["progressive"]) | _shapes()
    for orientation in range(9):
        found[f"exif orientation {orientation}"] = encoded(GALAXY, exif=exif(orientation))
    inks = encoded(GALAXY.convert("CMYK"))
    adobe = inks.index(b"Adobe")
    found |= {
        "CMYK": inks,
        "YCCK": changed(inks, adobe + 11, b"\2"),
        "CMYK that may be inverted": inks.replace(b"\xff\xee", b"\xff\xfe", 1),
        "several pictures": _several(),
        "PNG": _saved("PNG"),
        "TIFF": _saved("TIFF"),
        "GIF": _saved("GIF"),
        "FITS": fits_bytes(image_hdu(nanomaggies("unbarred_spiral", seed=1, size=48), BANDS="grz", BUNIT="uJy")),
        "HTML": b"<html>404 Not Found</html>",
        "empty": b"",
        "a byte": b"\xff",
        "two bytes": base[:2],
        "three bytes": base[:3],
        "zeros": bytes(5000),
    }
    return found


def _damaged(name: str, content: bytes) -> dict[str, bytes]:
    """Return a file cut short, and with single bytes changed from its first scan on, above, in and below the crop."""
    scan = content.index(SCAN)
    found = {f"{name}, no end": content[:-2], f"{name}, half an end": content[:-1]}
    for part in range(1, 20):
        found[f"{name}, {part} of 20 parts"] = content[: len(content) * part // 20]
    for part in range(12):
        place = scan + 20 + (len(content) - scan - 30) * part // 11
        for new in (b"\xff", b"\x00", bytes([content[place] ^ 0x10]), b"\xff\xd9", b"\xff\xd3", b"\xff\xff\xff\x00"):
            found[f"{name}, {new.hex()} at {part} of 11"] = changed(content, place, new)
    return found | {
        f"{name}, bytes behind the end": content + b"\0garbage" * 10,
        f"{name}, a JPEG behind the end": content + content,
        f"{name}, another end": content[:-1] + b"\xd8",
        f"{name}, bytes before the end": content[:-2] + b"garbage" + content[-2:],
        f"{name}, markers before the end": content[:-2] + b"\xff\xd0\xff\xd1" + content[-2:],
        f"{name}, bytes between markers": changed(content, scan, b"garbage" + content[scan:]),
        f"{name}, bytes behind the first marker": in_front(content, b"garbage"),
        f"{name}, fill bytes": changed(content, scan, b"\xff\xff\xff" + content[scan:]),
        f"{name}, no tables of codes": content.replace(b"\xff\xc4", b"\xff\xfe"),
        f"{name}, first tables of codes missing": content.replace(b"\xff\xc4", b"\xff\xfe", 1),
        f"{name}, no quantization": content.replace(b"\xff\xdb", b"\xff\xfe"),
        f"{name}, part of the quantization missing": content.replace(b"\xff\xdb", b"\xff\xfe", 1),
        f"{name}, no scan": content.replace(SCAN, b"\xff\xfe\x00"),
        f"{name}, the last scan missing": content[: content.rindex(SCAN)] + b"\xff\xd9",
        f"{name}, a short segment": in_front(content, b"\xff\xfe\x00\x01"),
        f"{name}, a long segment": in_front(content, b"\xff\xfe\xff\xff"),
    }


def _headers(base: bytes) -> dict[str, bytes]:
    """Return JPEGs with all sorts of application data."""
    bare = base[:2] + base[20:]  # without JFIF's marker
    frame = frame_of(bare)
    named = {"1, 2, 3": b"\1\2\3", "R, G, B": b"RGB", "0, 1, 2": b"\0\1\2"}
    found = {}
    for name, components in named.items():
        renamed = bytearray(bare)
        scan = bare.index(SCAN)
        for number, component in enumerate(components):
            renamed[frame + 10 + 3 * number] = component
            renamed[scan + 5 + 2 * number] = component
        found[f"no JFIF, components {name}"] = bytes(renamed)
        found[f"JFIF, components {name}"] = in_front(bytes(renamed), base[2:20])
        for transform in range(3):
            adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
            found[f"Adobe {transform}, components {name}"] = in_front(bytes(renamed), adobe)
    profile = b"ICC_PROFILE\0\1\1" + bytes(128)
    return found | {
        "JFIF and Adobe": in_front(base, segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")),
        "a short marker of Adobe": in_front(base, segment(0xEE, b"Adobe")),
        "another APP14": in_front(base, segment(0xEE, b"something")),
        "a thumbnail": in_front(bare, segment(0xE0, base[6:18] + b"\2\2" + bytes(12))),
        "JFIF twice": in_front(base, base[2:20]),
        "JFXX": in_front(bare, base[2:20] + segment(0xE0, b"JFXX\0\x13\1\1\0\0\0")),
        "damaged Exif": in_front(base, segment(0xE1, b"Exif\0\0garbage")),
        "XMP": in_front(base, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>")),
        "a profile of zeros": in_front(base, segment(0xE2, profile)),
        "a profile": encoded(GALAXY, icc_profile=_srgb()),
        "Photoshop": in_front(base, segment(0xED, b"Photoshop 3.0\08BIM")),
        "comments": in_front(base, segment(0xFE, b"a comment") + segment(0xFE, b"") + segment(0xFE, b"\xff\xda" * 3)),
        "a comment of many scans": in_front(base, segment(0xFE, b"\xff\xda" * 200)),
        "a small resolution": changed(base, 13, b"\2\0\1\0\1"),
    }


def _frames(base: bytes, progressive: bytes) -> dict[str, bytes]:
    """Return JPEGs with unusual frames, of other kinds, and with sizes that are not theirs."""
    frame, scan = frame_of(base), base.index(SCAN)
    markers = [marker for marker in range(0xC0, 0xD0) if marker != 0xC4]
    found = {f"frame {marker:x}": changed(base, frame + 1, bytes([marker])) for marker in markers}
    found |= {f"{bits} bits": changed(base, frame + 4, bytes([bits])) for bits in (0, 1, 7, 9, 12, 16)}
    found |= {f"{number} components": changed(base, frame + 9, bytes([number])) for number in (0, 1, 2, 4, 5, 255)}
    sizes = [(0, 100), (100, 0), (0, 0), (99, 100), (101, 100), (100, 99), (100, 113), (15, 100), (90, 90)]
    for height, width in sizes:
        found[f"{width} x {height} in the frame"] = changed(
            base, frame + 5, height.to_bytes(2, "big") + width.to_bytes(2, "big")
        )
    for factors in (0x00, 0x11, 0x12, 0x21, 0x22, 0x41, 0x44, 0x55, 0x31):
        found[f"factors {factors:x}"] = changed(base, frame + 11, bytes([factors]))
    last = progressive.rindex(SCAN)
    empty = progressive[last : last + 2 + int.from_bytes(progressive[last + 2 : last + 4], "big")]
    return found | {
        "lines counted at the end": changed(base, frame + 5, b"\0\0")[:-2] + segment(0xDC, b"\0\x64") + base[-2:],
        "huge": changed(base, frame + 5, b"\xff\xdc\xff\xdc"),
        "large": changed(base, frame + 5, b"\x10\x00\x20\x00"),
        "two frames": base[:frame] + base[frame:scan] + base[frame:],
        "a scan before its frame": base[:frame] + base[scan:],
        "a restart interval": base[:scan] + segment(0xDD, b"\0\3") + base[scan:],
        "a restart interval of zero": base[:scan] + segment(0xDD, b"\0\0") + base[scan:],
        "arithmetic conditioning": base[:scan] + segment(0xCC, b"\0\0") + base[scan:],
        "100 scans": progressive[:-2] + empty * (100 - progressive.count(SCAN)) + progressive[-2:],
        "101 scans": progressive[:-2] + empty * (101 - progressive.count(SCAN)) + progressive[-2:],
    }


def _shapes() -> dict[str, bytes]:
    """Return whole JPEGs in shapes at the limits, and pictures of one colour."""
    sizes = [(64, 64), (63, 64), (64, 63), (16, 16), (15, 40), (40, 15), (16, 900), (900, 16), (1, 1)]
    found = {f"{width} x {height}": encoded(GALAXY.resize((width, height))) for width, height in sizes}
    framed = np.zeros((100, 100, 3), np.uint8)
    framed[:5] = 200
    return found | {
        "black": encoded(Image.new("RGB", (100, 100))),
        "grey of one level": encoded(Image.new("L", (100, 100), 90)),
        "one colour of the model's size": encoded(Image.new("RGB", (64, 64), "navy")),
        "one colour inside": encoded(Image.fromarray(framed)),
        "colours kept": encoded(GALAXY, keep_rgb=True),
        "noise": encoded(Image.effect_noise((120, 120), 80).convert("RGB"), quality=95),
    }


def _saved(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    GALAXY.save(buffer, kind, **options)
    return buffer.getvalue()


def _several() -> bytes:
    return _saved("MPO", save_all=True, append_images=[GALAXY.rotate(90)])


def _srgb() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
