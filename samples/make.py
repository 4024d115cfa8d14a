#!/usr/bin/env python3
"""Generates the sample files in its folder. Standard library only; the same bytes on every machine.

    python3 samples/make.py           write the files
    python3 samples/make.py --check   fail if a file differs from the generated one

All content is generated here and free for any use.
"""

import hashlib
import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

# Plain words for texts of a given length. 26 of them, so that a text's words are easy to count by eye.
WORDS = (
    "a file falls into the bucket and a record stands in the table "
    "its type its size its words and its pages are known"
).split()


def words(count):
    return [WORDS[n % len(WORDS)] for n in range(count)]


def lines(count, width=12):
    text = words(count)
    return [" ".join(text[n : n + width]) for n in range(0, count, width)]


# --- PDF -------------------------------------------------------------------------------------------------------------


def pdf_string(data):
    return b"<" + data.hex().encode() + b">"


def rc4(key, data):
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


class Encryption:
    """The standard security handler, version 1, revision 2: 40 bits of RC4 (ISO 32000-1, 7.6.3)."""

    PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    PERMISSIONS = -4

    def __init__(self, password, file_id):
        padded = (password + self.PADDING)[:32]
        self.owner = rc4(hashlib.md5(padded).digest()[:5], padded)
        digest = hashlib.md5(padded + self.owner + struct.pack("<i", self.PERMISSIONS) + file_id).digest()
        self.key = digest[:5]
        self.user = rc4(self.key, self.PADDING)

    def dictionary(self):
        return b"<< /Filter /Standard /V 1 /R 2 /O %s /U %s /P %d >>" % (
            pdf_string(self.owner),
            pdf_string(self.user),
            self.PERMISSIONS,
        )

    def apply(self, number, data):
        key = hashlib.md5(self.key + struct.pack("<I", number)[:3] + b"\0\0").digest()[:10]
        return rc4(key, data)


def pdf(pages, info, password=None):
    """A PDF with one list of lines a page, in Helvetica, uncompressed."""
    file_id = hashlib.md5(repr((pages, info)).encode()).digest()
    lock = Encryption(password, file_id) if password else None
    text = lambda number, data: pdf_string(lock.apply(number, data) if lock else data)
    count = len(pages)
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
    kids = b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(count))
    objects[2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids)
    objects[3] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    entries = b" ".join(b"/%s %s" % (name.encode(), text(4, value.encode())) for name, value in info.items())
    objects[4] = b"<< %s >>" % entries
    for n, page in enumerate(pages):
        body = b"BT /F1 11 Tf 14 TL 72 770 Td\n"
        body += b"".join(b"(%s) Tj T*\n" % line.encode() for line in page)
        body += b"ET\n"
        number = 6 + 2 * n
        if lock:
            body = lock.apply(number, body)
        objects[number - 1] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % number
        )
        objects[number] = b"<< /Length %d >>\nstream\n%sendstream" % (len(body), body)
    last = max(objects)
    if lock:
        last += 1
        objects[last] = lock.dictionary()
    out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    places = {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (last + 1)
    for number in range(1, last + 1):
        out += b"%010d 00000 n \n" % places[number]
    trailer = b"/Size %d /Root 1 0 R /Info 4 0 R /ID [%s %s]" % (last + 1, pdf_string(file_id), pdf_string(file_id))
    if lock:
        trailer += b" /Encrypt %d 0 R" % last
    return out + b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, start)


def report():
    """Three pages with 446 words."""
    page_words = [200, 200, 46]
    info = {
        "Title": "A sample of 446 words",
        "Author": "File Pipeline",
        "Subject": "Sample",
        "CreationDate": "D:20260101120000Z",
        "Producer": "samples/make.py",
    }
    return pdf([lines(count) for count in page_words], info)


# --- others ----------------------------------------------------------------------------------------------------------


def stored_zlib(data):
    """A zlib stream without compression (RFC 1950, RFC 1951 3.2.4), which is the same for every zlib version."""
    out = b"\x78\x01"
    for at in range(0, len(data), 65535):
        block = data[at : at + 65535]
        final = at + 65535 >= len(data)
        out += struct.pack("<BHH", final, len(block), len(block) ^ 0xFFFF) + block
    return out + struct.pack(">I", zlib.adler32(data))


def png(width, height):
    """A gradient in 8-bit RGB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, 128)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stored_zlib(rows)) + chunk(b"IEND", b"")


def archive(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive_file:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 12, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive_file.writestr(entry, data)
    return out.getvalue()


def elf():
    """The header of a 64-bit x86 executable without a single segment."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 0, 0, 0, 64, 0, 0, 0, 0, 0)


def table():
    rows = ["id,name,city,amount"]
    rows += [f'{n},"Sample, {n}",Town {n % 7},{n * 1.5:.2f}' for n in range(1, 41)]
    return "\r\n".join(rows) + "\r\n"


HTML = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>A sample page</title></head>
<body>
<h1>Records</h1>
<p>A file falls into the bucket and a record stands in the table.</p>
</body>
</html>
"""

WEATHER = """今天天气很好。
我们去公园散步，看到很多花。
明天可能会下雨。
"""


def samples():
    notes = "\n".join(lines(120)) + "\n"
    document = {"name": "sample", "tags": ["a", "b"], "nested": {"numbers": [1, 2.5, -3], "none": None}}
    whole = report()
    return {
        "notes.txt": notes.encode(),
        "weather.txt": WEATHER.encode(),
        "table.csv": table().encode(),
        "data.json": (json.dumps(document, indent=2) + "\n").encode(),
        "page.html": HTML.encode(),
        "sample.pdf": whole,
        "picture.png": png(64, 48),
        "archive.zip": archive({"notes.txt": notes.encode(), "data/table.csv": table().encode()}),
        "empty.txt": b"",
        "not-a.pdf": png(32, 32),
        "locked.pdf": pdf([lines(60)], {"Title": "Locked"}, password=b"open sesame"),
        # The file ends before its first page.
        "truncated.pdf": whole[:120],
        "program": elf(),
    }


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    stale = []
    for name, data in samples().items():
        path = FOLDER / name
        if check:
            if not path.is_file() or path.read_bytes() != data:
                stale.append(name)
        else:
            path.write_bytes(data)
    if stale:
        sys.exit("stale in samples/: %s; run python3 samples/make.py" % ", ".join(stale))


if __name__ == "__main__":
    main()
