#!/usr/bin/env python3
"""Writes files made to break what reads them, and the table of what must become of each.

    make.py FOLDER [--giant MIB]

FOLDER gets `hostile/` with the files, `good/` with a good one of each kind, `manifest.json` for the test that sends all
of them through the extractor, and `README.md`, which is `docs/hostile.md`. Files that are hostile by their mere size have
as many MiB as `--giant` says, 6 where it says nothing; the test gives such files less memory than that.

Nothing here harms anybody who has the files: no file runs, calls home or holds a virus.
"""

import argparse
import json
import struct
import zlib
from pathlib import Path

import formats as f

MIB = f.MIB
GIANT = 6
ATTACKS, FAMILIES = [], []

PDF, ZIP, GZIP = "application/pdf", "application/zip", "application/gzip"
DOCX = f.OPEN_XML + "wordprocessingml.document"
XLSX = f.OPEN_XML + "spreadsheetml.sheet"
ODT, EPUB, DOC = "application/vnd.oasis.opendocument.text", "application/epub+zip", "application/msword"
BOMB, BROKEN, DEEP, CPU, MEMORY = "DECOMPRESSION_BOMB", "MALFORMED", "STACK_LIMIT", "CPU_LIMIT", "MEMORY_LIMIT"


def attack(name, what, file_type, code=None, limits=None, **facts):
    """Registers a builder, which returns the bytes of a file or gives them piece by piece.

    `file_type` and `code` are what the record must say, `facts` are attributes it must have; None: must not have.
    """

    def register(build):
        row = {"name": name, "family": FAMILIES[-1], "what": what, "type": file_type, "code": code}
        ATTACKS.append((row | {"limits": limits or {}, "facts": facts}, build))
        return build

    return register


def family(name):
    FAMILIES.append(name)


def repeated(before, piece, after=b"", mebibytes=None):
    """A piece again and again, up to a size."""
    many = piece * (65536 // len(piece) + 1)
    left = (GIANT if mebibytes is None else mebibytes) * MIB
    yield before
    while left > 0:
        yield many
        left -= len(many)
    yield after


# --- Archives ----------------------------------------------------------------------------------------------------------
family("archives")


# At Deflate's maximum, as an image of an empty disk is: nothing is unpacked, and the ratio alone says nothing.
@attack("flat.zip", "one entry of 4 GB of zeros in 4 MB", ZIP, entryCount=1, uncompressedSize=0xFFFFFFFE)
def _():
    return f.Zip().add("zeros", packed=f.zeros(4 * 1024), size=0xFFFFFFFE, crc=0).bytes()


@attack("flats.zip", "three entries of 4 GB of zeros in 4 MB each: 8 GB is what an archive may say at any ratio", ZIP, BOMB)
def _():
    made, packed = f.Zip(), f.zeros(4 * 1024)
    for name in ("a", "b", "c"):
        made.add(name, packed=packed, size=0xFFFFFFFE, crc=0)
    return made.bytes()


@attack("impossible.zip", "an entry that says more than Deflate can make of its bytes", ZIP, BOMB)
def _():
    return f.Zip().add("a", packed=f.zeros(1), size=8 * MIB, crc=0).bytes()


@attack("nested.zip", "zips within zips, each of ten of the next: what is within is not unpacked", ZIP, entryCount=10)
def _():
    inner = f.archive({f"{n}.txt": bytes(100_000) for n in range(10)})
    for _level in range(4):
        inner = f.archive({f"{n}.zip": inner for n in range(10)})
    return inner


@attack("overlap.zip", "a thousand entries that share one piece of packed data (Fifield's bomb)", ZIP, BOMB, entryCount=1000)
def _():
    made, packed = f.Zip(), f.zeros(20)[:20_000]
    made.add("0", packed=packed, size=20 * MIB // 10, crc=0)
    for n in range(1, 1000):
        made.add(str(n), packed=packed, size=20 * MIB // 10, crc=0, offset=0)
    return made.bytes()


@attack("quine.zip", "its one entry is itself by offset and size", ZIP, entryCount=1)
def _():
    made = f.Zip().add("quine.zip", b"", packed=bytes(200), size=200, method=0, crc=0)
    return made.bytes()


@attack(
    "directory-lies.zip", "the directory says 9 bytes, the local header 64 MB, which is true", ZIP, uncompressedSize=64 * MIB
)
def _():
    return f.Zip().add("a", packed=f.zeros(64), size=64 * MIB, claims=9, crc=0).bytes()


@attack("count-lies.zip", "the end says 65,535 entries, the directory has one", ZIP, entryCount=1, isPartial=True)
def _():
    return f.Zip().add("a", b"two words").bytes(count=65535)


@attack("offset-beyond.zip", "the directory is said to be after the end", ZIP, BROKEN)
def _():
    return f.Zip().add("a", b"two words").bytes(offset=0xFFFFFFF0, length=0xFFFFFFF0)


@attack("zip64-absurd.zip", "sizes of 2^64 - 1 bytes in the fields for large files", ZIP, BOMB)
def _():
    extra = struct.pack("<HHQQQ", 1, 24, 2**64 - 1, 2**64 - 1, 0)
    made = f.Zip()
    made.add("a", b"", packed=b"", size=0xFFFFFFFF, extra=extra)
    made.directory = made.directory.replace(struct.pack("<II", 0, 0xFFFFFFFF), b"\xff" * 8)
    return made.bytes()


@attack("paths.zip", "names that lead out of the folder, absolute ones, one with NUL and line feeds", ZIP, entryCount=5)
def _():
    names = ["../../../../etc/passwd", "/etc/shadow", "C:\\windows\\x.dll", "..\\..\\x", b"a\0b\r\nc\x1b[2J"]
    made = f.Zip()
    for name in names:
        made.add(name, b"x")
    return made.bytes()


@attack("million.zip", "150,000 empty entries", ZIP, entryCount=150_000)
def _():
    made = f.Zip()
    one = f.Zip().add("a")
    made.body, made.directory, made.count = one.body * 150_000, one.directory * 150_000, 150_000
    return made.bytes(offset=len(made.body))


@attack("no-directory.zip", "a local header and nothing else", ZIP, BROKEN)
def _():
    return f.Zip().add("a", b"two words").body


@attack("comment.zip", "a comment of 64 KB full of marks of the end", ZIP, entryCount=1)
def _():
    return f.Zip().add("a", b"two words").bytes(comment=(b"PK\x05\x06" * 16383)[:65535])


@attack("bomb.gz", "600 MB of zeros in 600 KB", GZIP, BOMB, limits={"cpuSeconds": 120}, isPartial=True)
def _():
    return f.gzip(b"", packed=f.zeros(600))


@attack("twice.gz", "a gzip of a gzip: unpacked once", GZIP)
def _():
    return f.gzip(f.gzip(b"two words" * 99))


@attack("members.gz", "100,000 empty members", GZIP, limits={"cpuSeconds": 60}, uncompressedSize=0)
def _():
    return f.gzip(b"") * 100_000


@attack("name.gz", "a header whose name of a megabyte never ends", GZIP, BROKEN)
def _():
    return f.gzip(b"", packed=b"", flags=8, extra=b"a" * MIB)[:MIB]


@attack("cut.gz", "the stream breaks off", GZIP, isPartial=True)
def _():
    return f.gzip(bytes(range(256)) * 999)[:-400]


@attack("size-lies.gz", "the trailer says 4 GB", GZIP, uncompressedSize=9)
def _():
    return f.gzip(b"two words", size=0xFFFFFFFF)


@attack("bomb.tgz", "a tar of one file of 400 MB of zeros, packed: as much is read", GZIP, limits={"cpuSeconds": 120}, entryCount=1)
def _():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(f.tar_entry("zeros", size=400 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return f.gzip(b"", packed=head + f.zeros(400))


@attack("index-lies.xz", "the index says 2^62 bytes", "application/x-xz", BOMB)
def _():
    def number(n):
        return f.vint(n)

    index = b"\0" + number(1) + number(20) + number(2**62)
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    foot = struct.pack("<I", len(index) // 4 - 1) + b"\0\x04"
    return b"\xfd7zXZ\0\0\x04" + bytes(4) + bytes(20) + index + struct.pack("<I", zlib.crc32(foot)) + foot + b"YZ"


@attack("index-loop.xz", "an index that announces 2^60 records", "application/x-xz", isPartial=True)
def _():
    index = b"\0" + f.vint(2**60) + bytes(10)
    return b"\xfd7zXZ\0\0\x04" + bytes(8) + index + bytes(4) + struct.pack("<I", 4) + b"\0\x04YZ"


@attack("size-lies.zst", "a frame that says 2^63 bytes", "application/zstd", BOMB)
def _():
    return f.zstd(b"two words", size=2**63)


@attack("header-lies.7z", "a header at 2^63", "application/x-7z-compressed", BROKEN)
def _():
    return f.seven_zip(b"\x01\0", offset=2**63, length=2**63)


@attack("files.7z", "a header that says 2^56 files", "application/x-7z-compressed", BROKEN)
def _():
    return f.seven_zip(b"\x01\x05\xff" + b"\xff" * 7 + b"\0" + b"\x0e\x01\x80\0\0")


@attack("folders.7z", "a packed header of four billion folders with 2^32 coders", "application/x-7z-compressed", isPartial=True)
def _():
    return f.seven_zip(b"\x17\x06\0\x01\x09\x0a\0\x07\x0b\xf0\xff\xff\xff\xff\0" + b"\xff" * 40)


@attack("packed-header.7z", "a header that unpacks to 2^40 bytes", "application/x-7z-compressed", isPartial=True)
def _():
    streams = b"\x06\0\x01\x09\x0a\0" + b"\x07\x0b\x01\0\x01\x03\x03\x01\x01\x0c" + b"\xfc" + (2**40).to_bytes(6, "little") + b"\0\0"
    return f.seven_zip(b"\x17" + streams)


@attack("loop.rar", "a block whose data leads back to itself by overflow", "application/vnd.rar", isPartial=True)
def _():
    return f.rar(claims=2**63 - 1)


@attack("bomb.rar", "an entry that says it unpacks to 2^60 bytes", "application/vnd.rar", BOMB)
def _():
    return f.rar(unpacked=2**60)


@attack("size.tar", "an entry of 2^63 bytes", "application/x-tar", entryCount=1, isPartial=True)
def _():
    return f.tar_entry("a", b"two words", size=2**63 - 1)


@attack("checksum.tar", "a second header with the wrong checksum", "application/x-tar", entryCount=1, isPartial=True)
def _():
    return f.tar_entry("a", b"x") + f.tar_entry("b", b"x", checksum=1) + bytes(1024)


@attack("links.tar", "links out of the folder, devices, names that lead up", "application/x-tar", entryCount=3)
def _():
    entries = [("../../x", b"0"), ("/etc/passwd", b"2"), ("hard", b"1"), ("null", b"3"), ("fifo", b"6")]
    return b"".join(f.tar_entry(name, kind=kind) for name, kind in entries) + bytes(1024)


@attack("pax.tar", "a pax header of 8 GB", "application/x-tar", isPartial=True)
def _():
    return f.tar_entry("a", b"x") + f.tar_entry("pax", kind=b"x", size=8**11 - 1)


# --- PDF ---------------------------------------------------------------------------------------------------------------
family("pdf")


@attack("bomb.pdf", "a page of 10 GB in 17 KB: deflated twice", PDF, MEMORY, pageCount=1)
def _():
    once = f.zlib_zeros(10 * 1024)
    return f.letter(content=f.stream(zlib.compress(once, 9), b"/Filter [/FlateDecode /FlateDecode]"))


@attack("filters.pdf", "a stream with a thousand filters", PDF, wordCount=0)
def _():
    return f.letter(content=f.stream(b"00", b"/Filter [" + b"/ASCIIHexDecode " * 1000 + b"]"))


@attack("runs.pdf", "run lengths and LZW of runs, on each other", PDF, pageCount=1)
def _():
    return f.letter(content=f.stream(b"\x81 " * 60_000 + b"\x80", b"/Filter [/RunLengthDecode]"))


@attack("unicode.pdf", "a font whose ToUnicode maps four billion codes", PDF, pageCount=1)
def _():
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00000000> <ffffffff> "
        b"endcodespacerange 1 beginbfrange <00000000> <ffffffff> <0041> endbfrange endcmap end end"
    )
    font = (
        b"/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R "
        b"/DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Identity) /Supplement 0 >> >>] >> >>"
    )
    content = f.stream(b"BT /F 12 Tf 50 700 Td <00410042> Tj ET")
    return f.letter(content=content, resources=font, further=[f.stream(cmap)])


@attack("widths.pdf", "a font whose widths cover four billion codes", PDF, MEMORY, pageCount=1)
def _():
    font = (
        b"/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H "
        b"/DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /W [0 4294967295 500] /W2 [0 4294967295 1 2 3] "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >> >>"
    )
    return f.letter(content=f.stream(b"BT /F 12 Tf 50 700 Td <00410042> Tj ET"), resources=font)


@attack("own-form.pdf", "a form that draws itself, twice", PDF, wordCount=1)
def _():
    body = b"BT /F 12 Tf 50 700 Td (word) Tj ET /X Do /X Do"
    return f.letter(content=f.stream(b"/X Do"), resources=b"/XObject << /X 6 0 R >>", further=[f.form(body)])


@attack("forms.pdf", "forms that each draw the next one twice, forty deep", PDF, CPU, limits={"cpuSeconds": 1}, pageCount=1)
def _():
    further = [f.form(b"/X Do /X Do", inner) for inner in range(7, 47)]
    return f.letter(content=f.stream(b"/X Do"), resources=b"/XObject << /X 6 0 R >>", further=further)


@attack("deep-forms.pdf", "forms that each draw the next one, 3,000 deep", PDF, pageCount=1)
def _():
    further = [f.form(b"/X Do", inner) for inner in range(7, 3007)]
    return f.letter(content=f.stream(b"/X Do"), resources=b"/XObject << /X 6 0 R >>", further=further)


@attack("arrays.pdf", "a page of a million nested arrays", PDF, pageCount=1)
def _():
    return f.letter(content=f.stream(b"[" * MIB))


@attack("dictionaries.pdf", "resources of a million nested dictionaries", PDF, BROKEN)
def _():
    return f.letter(resources=b"/XObject " + b"<</A" * 250_000)


@attack("page-tree.pdf", "a page tree that contains itself", PDF, BROKEN)
def _():
    return f.pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"])


@attack("pages.pdf", "a page tree that says two billion pages and has one", PDF, pageCount=1)
def _():
    return f.letter().replace(b"/Count 1 ", b"/Count 2147483647 ")


@attack("same-page.pdf", "one page, listed 20,000 times: counted once", PDF, pageCount=1)
def _():
    return f.letter(content=f.stream(b"")).replace(b"[3 0 R]", b"[" + b"3 0 R " * 20_000 + b"]")


def pages(count, content):
    """Many pages that draw one stream."""
    kids = b" ".join(b"%d 0 R" % number for number in range(5, 5 + count))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources 3 0 R /Contents 4 0 R >>"
    tree = b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % count
    return f.pdf([b"<< /Type /Catalog /Pages 2 0 R >>", tree, b"<< " + f.FONT + b" >>", content] + [page] * count)


def packed(data):
    return f.stream(zlib.compress(data, 9), b"/Filter /FlateDecode")


@attack("many-pages.pdf", "20,000 pages: the document is not opened anew for each few", PDF, limits={"cpuSeconds": 60}, pageCount=20_000, wordCount=40_000)
def _():
    return pages(20_000, packed(b"BT /F 12 Tf 50 700 Td (two words) Tj ET"))


@attack("contents.pdf", "60 pages of 2 MB each in 10 KB: none is kept", PDF, limits={"cpuSeconds": 60}, pageCount=60, wordCount=120)
def _():
    return pages(60, packed(b"BT /F 12 Tf 50 700 Td (two words) Tj ET" + b" " * (2 * MIB)))


@attack("streams.pdf", "a page whose content is a stream of 1 MB, 100,000 times", PDF, MEMORY, pageCount=1)
def _():
    many = b"[" + b"4 0 R " * 100_000 + b"]"
    return pages(1, packed(b" " * MIB)).replace(b"/Contents 4 0 R", b"/Contents " + many)


@attack("run.pdf", "a text of three million letters in one go", PDF, limits={"cpuSeconds": 60}, wordCount=600_000)
def _():
    return f.letter(content=packed(b"BT /F 0.0001 Tf 50 700 Td (" + b"word " * 600_000 + b") Tj ET"))


@attack("kids.pdf", "a page tree of arrays that each name the next one twice, forty deep", PDF, MEMORY, limits={"cpuSeconds": 60})
def _():
    nodes = [b"[" + b"<< /Type /Pages /Kids %d 0 R >> " % (number + 1) * 2 + b"]" for number in range(3, 43)]
    return f.pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids 3 0 R >>", *nodes, b"[<< /Type /Page >>]"])


@attack("breaks.pdf", "a page of brackets too many: what is after the first of them counts", PDF, wordCount=3)
def _():
    text = b"BT /F 12 Tf 50 %d Td (word) Tj ET "
    return f.letter(content=f.stream(text % 700 + b") " + text % 650 + b"} " + text % 600 + b"(a ) ] " * 100_000))


@attack("letters.pdf", "a font with one letter that means a million", PDF, limits={"cpuSeconds": 60}, wordCount=1)
def _():
    cmap = b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <41> <" + b"0041" * MIB + b"> endbfchar endcmap"
    font = b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >> >>"
    return f.letter(text=b"AAA", resources=font, further=[packed(cmap)])


@attack("inline.pdf", "a picture within a page that may end in half a million places", PDF, CPU, limits={"cpuSeconds": 1}, pageCount=1)
def _():
    return f.letter(content=packed(b"BI /W 4 ID " + b"EI \x80" * 500_000))


@attack("prev.pdf", "cross-reference tables that lead to themselves", PDF, pageCount=1)
def _():
    made = f.letter()
    return made.replace(b"trailer\n<<", b"trailer\n<< /Prev %s" % made.rsplit(b"\n", 3)[1])


@attack("xref.pdf", "a cross-reference table of four billion entries", PDF, pageCount=1)
def _():
    return f.letter().replace(b"xref\n0 6", b"xref\n0 4294967295")


@attack("size.pdf", "a trailer that says two billion objects, and one numbered so", PDF, pageCount=1)
def _():
    return f.letter(size=2**31 - 1) + b"2147483647 0 obj\n<< >>\nendobj\n"


@attack("object-streams.pdf", "object streams that extend each other in a circle, each said to hold a billion", PDF, pageCount=1)
def _():
    one = f.stream(b"9 0 10 4 << >> << >>", b"/Type /ObjStm /N 1000000000 /First 10 /Extends %d 0 R")
    return f.letter(further=[one.replace(b"%d", b"7"), one.replace(b"%d", b"6")])


@attack("xref-stream.pdf", "a cross-reference stream with fields of 2^31 bytes", PDF, BROKEN)
def _():
    entries = b"/Type /XRef /W [2147483647 2147483647 2147483647] /Size 2147483647 /Root 1 0 R /Index [0 2147483647]"
    body = b"%PDF-1.5\n1 0 obj\n" + f.stream(bytes(64), entries) + b"\nendobj\nstartxref\n9\n%%EOF\n"
    return body


@attack("length.pdf", "a stream that says it is 2^63 bytes long, and one minus one", PDF, pageCount=1)
def _():
    return f.letter(content=f.stream(b"BT /F 12 Tf 50 700 Td (word) Tj ET", length=2**63 - 1), further=[f.stream(b"x", length=-1)])


def picture(filters, data=b"\0" * 64, more=b""):
    image = f.stream(data, b"/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 " + filters + more)
    return f.letter(content=f.stream(b"/X Do"), resources=b"/XObject << /X 6 0 R >>", further=[image])


@attack("jbig2.pdf", "a JBIG2 picture of 2^31 by 2^31: pictures are not decoded", PDF, pageCount=1)
def _():
    segment = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIIIBH", 2**31 - 1, 2**31 - 1, 0, 0, 0, 0)
    return picture(b"/Filter /JBIG2Decode /Width 2147483647 /Height 2147483647", segment)


@attack("jpx.pdf", "a JPEG 2000 picture of 2^32 by 2^32", PDF, pageCount=1)
def _():
    size = b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 41, 0, 2**32 - 1, 2**32 - 1, 0, 0, 1, 1, 0, 0, 1) + b"\7\1\1"
    return picture(b"/Filter /JPXDecode /Width 4 /Height 4", size)


@attack("mask.pdf", "a picture that is its own soft mask", PDF, pageCount=1)
def _():
    return picture(b"/Width 8 /Height 8 /SMask 6 0 R")


@attack("predictor.pdf", "a predictor with two billion columns of 2^31 colours", PDF, pageCount=1)
def _():
    parameters = b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 2147483647 /BitsPerComponent 16 >>"
    return f.letter(content=f.stream(zlib.compress(b"BT ET" * 99), parameters))


@attack("type3.pdf", "a drawn font whose glyph writes itself", PDF, pageCount=1)
def _():
    font = (
        b"/Font << /F << /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 /LastChar 65 "
        b"/Widths [9] /Encoding << /Differences [65 /A] >> /CharProcs << /A 6 0 R >> /Resources 7 0 R >> >>"
    )
    glyph = f.stream(b"9 0 d0 BT /F 1 Tf (AA) Tj ET")
    resources = b"<< /Font << /F << /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 "
    resources += b"/LastChar 65 /Widths [9] /Encoding << /Differences [65 /A] >> /CharProcs << /A 6 0 R >> /Resources 7 0 R >> >> >>"
    return f.letter(content=f.stream(b"BT /F 12 Tf 50 700 Td (AA) Tj ET"), resources=font, further=[glyph, resources])


@attack("pattern.pdf", "a tiling pattern of 10^-9 by 10^-9 that is filled with itself", PDF, pageCount=1)
def _():
    pattern = f.stream(
        b"/Pattern cs /P scn 0 0 9 9 re f",
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.000000001 /YStep 0.000000001 "
        b"/Resources << /Pattern << /P 6 0 R >> >>",
    )
    return f.letter(content=f.stream(b"/Pattern cs /P scn 0 0 600 800 re f"), resources=b"/Pattern << /P 6 0 R >>", further=[pattern])


@attack("function.pdf", "a function of 32 inputs with 2^31 samples each", PDF, pageCount=1)
def _():
    function = f.stream(
        bytes(64),
        b"/FunctionType 0 /Domain [" + b"0 1 " * 32 + b"] /Range [0 1] /BitsPerSample 32 /Size [" + b"2147483647 " * 32 + b"]",
    )
    shading = b"<< /ShadingType 1 /ColorSpace /DeviceGray /Function 6 0 R >>"
    return f.letter(content=f.stream(b"/S sh"), resources=b"/Shading << /S 7 0 R >>", further=[function, shading])


@attack("colours.pdf", "a colour space that is its own alternative", PDF, pageCount=1)
def _():
    return f.letter(
        content=f.stream(b"/C cs 1 sc 0 0 9 9 re f"),
        resources=b"/ColorSpace << /C 6 0 R >>",
        further=[b"[/Indexed 6 0 R 255 6 0 R]"],
    )


@attack("names.pdf", "a name tree, a form's fields and actions that run in circles", PDF, hasForms=True, hasJavaScript=False)
def _():
    return f.letter(
        catalogue=b"/Names << /EmbeddedFiles 6 0 R >> /AcroForm << /Fields [7 0 R] >> /OpenAction 8 0 R",
        further=[b"<< /Kids [6 0 R 6 0 R] >>", b"<< /Kids [7 0 R] /Parent 7 0 R >>", b"<< /S /GoTo /Next 8 0 R >>"],
    )


@attack("text.pdf", "a page with a text matrix of infinities and a font of size 10^38", PDF, pageCount=1)
def _():
    many = b"9" * 400
    body = b"BT /F 1" + b"0" * 38 + b" Tf " + many + b" 0 0 -" + many + b" 0 0 Tm (two words) Tj 0 0 0 0 0 0 Tm (two words) Tj ET"
    return f.letter(content=f.stream(body))


@attack("stack.pdf", "a page that saves its state a million times", PDF, pageCount=1)
def _():
    return f.letter(content=f.stream(b"q " * (MIB // 2)))


@attack("title.pdf", "a title with line feeds, escapes, a reversal of direction and 100 KB", PDF, pageCount=1)
def _():
    title = b"\xfe\xff" + "ok\r\n{\"level\":\"INFO\"}\x1b[2J\u202egpj.exe\u2066".encode("utf-16-be")
    return f.letter(info=b"/Title <" + title.hex().encode() + b"> /Author (" + b"A" * 100_000 + b")")


@attack("dates.pdf", "dates of the year 99999999 and of month 99: what can be read of them counts", PDF, dateCreated="9999-01-01T00:00:00Z", dateModified="2024-01-01T00:00:00Z")
def _():
    return f.letter(info=b"/CreationDate (D:99999999999999Z) /ModDate (D:20249999999999+99'99')")


@attack("crypt.pdf", "an encryption dictionary of version 99", PDF, "ENCRYPTED", isEncrypted=True)
def _():
    return f.letter().replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 99 /R 99 /O <> /U <> /P 0 >>")


@attack("startxref.pdf", "no table, no trailer, only objects", PDF, pageCount=1)
def _():
    return f.letter().split(b"xref\n")[0]


@attack("header.pdf", "a header and nothing else", PDF, BROKEN)
def _():
    return b"%PDF-1.7\n"


@attack("percent.pdf", "a header and comments without end", PDF, BROKEN, limits={"cpuSeconds": 60})
def _():
    return repeated(b"%PDF-1.7\n", b"%" * 64)


@attack("objects.pdf", "50,000 objects that all have number 1", PDF, BROKEN, limits={"cpuSeconds": 60})
def _():
    return b"%PDF-1.7\n" + b"1 0 obj\n<< >>\nendobj\n" * 50_000


# --- Office ------------------------------------------------------------------------------------------------------------
family("office")


def _bomb(size):
    made, packed = f.Zip(), f.zeros(300)
    for name, data in f.docx_parts().items():
        if name == "word/document.xml":
            made.add(name, packed=packed, size=size, crc=0)
        else:
            made.add(name, data)
    return made.bytes()


@attack("bomb.docx", "a body of 300 MB in 300 KB", DOCX, BOMB)
def _():
    return _bomb(300 * MIB)


@attack("bomb-lies.docx", "the same, and the directory says 300 bytes: one text that is longer than what is held", DOCX, MEMORY)
def _():
    return _bomb(300)


@attack("laughs.docx", "a body with a billion laughs", DOCX, title="A title")
def _():
    return f.docx(head=LAUGHS, body=b"<w:body><w:p><w:r><w:t>&lol9;</w:t></w:r></w:p></w:body>")


@attack("external.docx", "a body with an external entity", DOCX, title="A title")
def _():
    head = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return f.docx(head=head, body=b"<w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body>")


@attack("deep.docx", "tables in tables, 5,000 deep", DOCX, DEEP)
def _():
    return f.docx(body=b"<w:body>" + b"<w:tbl><w:tr><w:tc>" * 5000)


@attack("tag.docx", "one tag of 9 MB", DOCX, MEMORY)
def _():
    return f.docx(body=b"<w:body><w:p w:a='" + b"a" * (9 * MIB) + b"'/></w:body>")


@attack("noisy-tag.docx", "one tag of 9 MB that hardly packs", DOCX, MEMORY)
def _():
    noise, state = bytearray(), 1
    for _n in range(9 * MIB // 8):
        state = state * 6364136223846793005 + 1442695040888963407 & 2**64 - 1
        noise += b"%08x" % (state >> 32)
    return f.docx(body=b"<w:body><w:p w:a='" + bytes(noise) + b"'/></w:body>")


@attack("missing.docx", "no main part", DOCX, BROKEN)
def _():
    parts = f.docx_parts()
    del parts["word/document.xml"]
    return f.archive(parts)


@attack("crc.docx", "a body whose checksum is wrong", DOCX, isPartial=True)
def _():
    made = f.Zip()
    for name, data in f.docx_parts().items():
        made.add(name, data, crc=7 if name == "word/document.xml" else None)
    return made.bytes()


@attack("loop.docx", "relations that lead out of the package: the usual place is looked at", DOCX, wordCount=4)
def _():
    parts = f.docx_parts()
    parts["_rels/.rels"] = f.relations((b"officeDocument", b"../../../../etc/passwd"))
    return f.archive(parts)


@attack("same-name.docx", "two bodies under one name: the later counts", DOCX, wordCount=1)
def _():
    made = f.Zip()
    for name, data in f.docx_parts().items():
        made.add(name, data)
    made.add("word/document.xml", f.docx_parts(body=b"<w:body><w:p><w:r><w:t>one</w:t></w:r></w:p></w:body>")["word/document.xml"])
    return made.bytes()


@attack("title.docx", "a title with a bell, a reversal of direction and a formula", DOCX, title="=cmd|' /C calc'!A0fdp.exe")
def _():
    return f.docx(title="=cmd|' /C calc'!A0&#7;\u202efdp.exe\u2069".encode())


@attack("encrypted.docx", "a part with a zip password", DOCX, "ENCRYPTED", isEncrypted=True)
def _():
    made = f.Zip()
    for name, data in f.docx_parts().items():
        made.add(name, data, flags=1 if name == "word/document.xml" else 0)
    return made.bytes()


@attack("strings.xlsx", "shared strings that say four billion, and cells that point beyond", XLSX, sheetCount=1)
def _():
    return f.xlsx(counts=b"4294967295", sheet=b'<row r="1">' + b'<c t="s"><v>4294967295</v></c>' * 9999 + b"</row>")


@attack("dimension.xlsx", "a sheet that says it has 17 billion cells", XLSX, sheetCount=1)
def _():
    return f.xlsx(dimension=b"A1:XFD1048576", sheet=b'<row r="4294967295"><c r="ZZZZZZ99999999"><v>1</v></c></row>')


@attack("sheets.xlsx", "100,000 sheets that are one part", XLSX, sheetCount=100_000)
def _():
    return f.xlsx(sheets=100_000)


@attack("deep.odt", "spans in spans, 5,000 deep", ODT, DEEP)
def _():
    return f.odt(body=b"<text:p>" + b"<text:span>" * 5000)


@attack("spaces.odt", "a paragraph with two billion spaces in one element", ODT, wordCount=2)
def _():
    return f.odt(body=b'<text:p>two<text:s text:c="2147483647"/>words</text:p>')


@attack("laughs.odt", "a billion laughs", ODT)
def _():
    return f.odt(head=LAUGHS, body=b"<text:p>&lol9;</text:p>")


@attack("spine.epub", "one chapter, 50,000 times in the spine", EPUB, limits={"cpuSeconds": 60}, title="A title")
def _():
    return f.epub(spine=b'<itemref idref="c"/>' * 50_000)


@attack("self.epub", "a book whose package is its container", EPUB, wordCount=0)
def _():
    return f.epub(rootfile=b"META-INF/container.xml")


@attack("fat.doc", "an allocation table that runs in a circle", DOC)
def _():
    return f.ole(data=f.word_document()[1536:], fat={2: 2, 3: 2})


@attack("directory.doc", "a directory whose chain contains itself", "application/x-cfb")
def _():
    return f.ole(fat={1: 1}).replace("WordDocument".encode("utf-16-le"), "Nothing12345".encode("utf-16-le"))


@attack("tree.doc", "a directory whose entries are each other's neighbours", DOC)
def _():
    return f.ole(left=1)


@attack("difat.doc", "a list of allocation tables that leads to itself, and says there are four billion", DOC)
def _():
    return f.ole(difat=2, difats=0xFFFFFFFF, data=struct.pack("<I", 2) * 1280)


@attack("circle.doc", "a list of allocation tables that leads to itself and names none (found by the fuzzer)", DOC)
def _():
    return f.ole(difat=3, difats=1, data=bytes(512) + (struct.pack("<I", f.FREE) * 127 + struct.pack("<I", 3)) * 9)


@attack("stream.doc", "a stream of 2^32 bytes in 5 KB", DOC)
def _():
    return f.ole(size=0xFFFFFFFF)


@attack("groups.rtf", "a million open groups", "application/rtf", DEEP, limits={"cpuSeconds": 60})
def _():
    return rb"{\rtf1" + b"{" * MIB


@attack("binary.rtf", "a run of bytes that says it is 2^31 long", "application/rtf")
def _():
    return rb"{\rtf1\bin2147483647 two words}"


@attack("numbers.rtf", "control words with numbers of 10,000 digits", "application/rtf", wordCount=1)
def _():
    return rb"{\rtf1\fs" + b"9" * 10_000 + rb"\u-" + b"9" * 10_000 + rb"\uc" + b"9" * 999 + b" word}"


# --- Text --------------------------------------------------------------------------------------------------------------
family("text")
SMALL = {"memory": 8 * MIB, "cpuSeconds": 60}


@attack("line.csv", "one row of a gigabyte (`--giant 1024`): a million and more columns", "text/csv", limits=SMALL, rowCount=1)
def _():
    return repeated(b"", b"cell,")


@attack("columns.csv", "10^6 columns, twice", "text/csv", limits=SMALL, columnCount=1_000_001, rowCount=2)
def _():
    return (b"," * 1_000_000 + b"\n") * 2


@attack("quote.csv", "a quote that never closes", "text/csv", limits=SMALL)
def _():
    return repeated(b'a,b,c\n1,2,3\n4,"', b"x,\n")


@attack("formula.csv", "cells that a spreadsheet would run", "text/csv", rowCount=2, columnCount=2)
def _():
    return b"name,site\n=cmd|' /C calc'!A0,@SUM(1)\n+1+1,\"=HYPERLINK(\"\"http://a.example\"\")\"\n"


@attack("zeros.csv", "a table with NULs: no text", "application/octet-stream", "TYPE_MISMATCH")
def _():
    return b"a,b\n\0\0,x\nyy,\0\n" * 99


@attack("word.txt", "one word of a gigabyte", "text/plain", limits=SMALL, wordCount=1, lineCount=1)
def _():
    return repeated(b"", b"a")


@attack("marks.txt", "a letter with millions of accents", "text/plain", limits=SMALL, wordCount=1)
def _():
    return repeated(b"a", b"\xcc\x81", mebibytes=2)


@attack("invalid.txt", "bytes that UTF-8 does not have: overlong, cut, surrogates, beyond U+10FFFF", "text/plain", charset="UTF-8")
def _():
    text = "Größe und Länge sind bekannt, und noch viele schöne Wörter dazu. ".encode() * 400
    return text + b"\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82"


@attack("surrogates.txt", "UTF-16 with lone surrogates and an odd number of bytes", "text/plain", charset="UTF-16LE")
def _():
    return b"\xff\xfe" + "many words of a text that is otherwise good ".encode("utf-16-le") * 60 + b"\x00\xd8a\0\x00\xdcb\0\x00\xd8x"


@attack("escapes.txt", "escape sequences of a terminal", "text/plain", wordCount=2)
def _():
    return b"\x1b[2J\x1b]0;title\x07\x1b[31mtwo\x1b[0m words\x1b[8m\n"


@attack("bidi.txt", "code that reads otherwise than it runs", "text/plain", lineCount=1)
def _():
    return "if access != \"user\u202e \u2066// if admin\u2069 \u2066\" {\n".encode()


@attack("mark.txt", "a byte order mark and nothing else", "text/plain", characterCount=0, wordCount=0)
def _():
    return b"\xef\xbb\xbf"


@attack("one.txt", "one byte", "text/plain", wordCount=1)
def _():
    return b"x"


@attack("zero.txt", "one byte that is zero", "application/octet-stream", "TYPE_MISMATCH")
def _():
    return b"\0"


@attack("empty.txt", "no byte", "application/x-empty", "EMPTY_FILE")
def _():
    return b""


@attack("iso-2022.txt", "escape sequences of ISO-2022-JP, 100,000 of them", "text/plain", charset="ISO-2022-JP", limits={"cpuSeconds": 60})
def _():
    return "日本語の文章です。".encode("iso-2022-jp").replace(b"(B", b"(B\n") * 50_000


@attack("deep.json", "a million nested arrays", "application/json", nestingDepth=1_000_000, limits=SMALL)
def _():
    return b"[" * 1_000_000 + b"]" * 1_000_000


@attack("deeper.json", "17 million nested arrays", "application/json", DEEP, limits={"cpuSeconds": 60})
def _():
    return repeated(b"", b"[", mebibytes=17)


@attack("number.json", "a number of a megabyte and one of 10^999999999", "application/json", itemCount=2)
def _():
    return b"[" + b"9" * MIB + b", 1e999999999]"


@attack("surrogate.json", "strings with lone surrogates and NULs, keys that come twice", "application/json", itemCount=3)
def _():
    return b'{"a": "\\ud800", "a": "\\u0000", "__proto__": {"x": 1}}'


@attack("nan.json", "numbers that JSON does not have", "application/json", BROKEN)
def _():
    return b'{"a": NaN, "b": Infinity, "c": 0x10}'


@attack("open.json", "a string that never ends", "application/json", BROKEN, limits=SMALL)
def _():
    return repeated(b'{"a": "', b"x")


@attack("lines.ndjson", "a line that is no JSON after thousands that are", "application/x-ndjson", BROKEN)
def _():
    return b'{"a": 1}\n' * 20_000 + b"{oops}\n"


# --- Markup ------------------------------------------------------------------------------------------------------------
family("markup")
LAUGHS = b'<!DOCTYPE a [<!ENTITY lol "lol">' + b"".join(
    b'<!ENTITY lol%d "%s">' % (n, (b"&lol%d;" % (n - 1) if n > 1 else b"&lol;") * 10) for n in range(1, 10)
) + b"]>"


@attack("laughs.xml", "a billion laughs: nine levels of ten entities", "text/xml", elementCount=1)
def _():
    return b'<?xml version="1.0"?>' + LAUGHS + b"<a>&lol9;</a>"


@attack("blowup.xml", "an entity of 100 KB, 50,000 times", "text/xml", elementCount=1)
def _():
    return b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "' + b"x" * 100_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>"


@attack("external.xml", "external entities: a file, a device, a web address", "text/xml", elementCount=1)
def _():
    return (
        b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://a.example/a.dtd" [<!ENTITY x SYSTEM "file:///etc/passwd">'
        b'<!ENTITY y SYSTEM "file:///dev/zero"><!ENTITY % z SYSTEM "http://a.example/z">%z;]><a>&x;&y;</a>'
    )


@attack("deep.xml", "a million nested elements", "text/xml", nestingDepth=1_000_000, limits={"cpuSeconds": 60})
def _():
    return b'<?xml version="1.0"?>' + b"<a>" * 1_000_000 + b"</a>" * 1_000_000


@attack("deeper.xml", "four million and more nested elements", "text/xml", DEEP, limits={"cpuSeconds": 60})
def _():
    return repeated(b'<?xml version="1.0"?>', b"<a>", mebibytes=13)


@attack("attributes.xml", "an element with 100,000 attributes of one name", "text/xml", elementCount=1)
def _():
    return b'<?xml version="1.0"?><a ' + b'b="c" ' * 100_000 + b"/>"


@attack("name.xml", "an element whose name has a megabyte", "text/xml", elementCount=1)
def _():
    return b'<?xml version="1.0"?><' + b"a" * MIB + b"/>"


@attack("open.xml", "a section that never ends", "text/xml", BROKEN)
def _():
    return repeated(b'<?xml version="1.0"?><a><![CDATA[', b"x ]] ")


@attack("crossed.xml", "tags that cross", "text/xml", BROKEN, rootElement="a")
def _():
    return b'<?xml version="1.0"?><a><b></a></b>'


@attack("encoding.xml", "a declaration that lies about the encoding", "text/xml", elementCount=1)
def _():
    return b'<?xml version="1.0" encoding="UTF-16"?><a>' + "größer".encode() * 9 + b"</a>"


@attack("attributes.html", "an element with 100,000 attributes", "text/html", title="A title")
def _():
    return f.HTML.replace(b"<p>", b"<p " + b"a=b onclick='x' " * 100_000 + b">")


@attack("deep.html", "a million nested elements", "text/html", limits={"cpuSeconds": 60}, wordCount=0)
def _():
    return b"<!doctype html>" + b"<div><b>" * 500_000


@attack("script.html", "a script that never ends", "text/html", hasJavaScript=True)
def _():
    return repeated(b"<!doctype html><p>two words</p><script>", b"var x='</scrip';", mebibytes=2)


@attack("title.html", "a title with controls, a reversal of direction and a log's line", "text/html", title="ok {\"level\":\"INFO\"} exe.jpg")
def _():
    title = "ok\r\n{&quot;level&quot;:&quot;INFO&quot;}\n&#x202e;exe&#8296;.jpg\u202d&#27;&#xfeff;"
    return b"<!doctype html><title>" + title.encode() + b"</title>"


@attack("references.html", "a million references, most of them to nothing", "text/html", limits={"cpuSeconds": 60})
def _():
    return b"<!doctype html><p>" + b"&amp&#0;&#x110000;&nosuch;&#99999999999;" * 30_000


@attack("comment.html", "a comment that never ends", "text/html")
def _():
    return repeated(b"<!doctype html><p>two words</p><!--", b"-- >", mebibytes=2)


# --- Mail --------------------------------------------------------------------------------------------------------------
family("mail")


@attack("nested.eml", "parts within parts, 20,000 deep", "message/rfc822", limits={"cpuSeconds": 60})
def _():
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(20_000))
    return b"From: a@example.org\r\nSubject: A title\r\nMIME-Version: 1.0\r\n" + parts + b"\r\ntwo words\r\n"


@attack("messages.eml", "messages within messages, 20,000 deep", "message/rfc822", subject="A title")
def _():
    inner = b"Content-Type: message/rfc822\r\n\r\nFrom: b@example.org\r\n"
    return b"From: a@example.org\r\nSubject: A title\r\n" + inner * 20_000 + b"\r\ntwo words\r\n"


@attack("boundaries.eml", "lines that almost are the boundary", "message/rfc822", limits={"cpuSeconds": 60})
def _():
    return f.MAIL.replace(b'"b"', b'"' + b"b" * 70 + b'"') + (b"--" + b"b" * 69 + b"x\r\n") * 30_000


@attack("boundary.eml", "a boundary of a megabyte", "message/rfc822", subject="A title")
def _():
    return f.MAIL.replace(b'"b"', b'"' + b"b" * MIB + b'"')


@attack("recipients.eml", "100,000 recipients", "message/rfc822", sender="a@example.org")
def _():
    return f.MAIL.replace(b"To: b@example.org", b"To: " + b",\r\n ".join(b"b%d@example.org" % n for n in range(100_000)))


@attack("attachments.eml", "20,000 attachments with names that lead out of the folder", "message/rfc822", attachmentCount=20_000,
        limits={"cpuSeconds": 60})
def _():
    part = b'--b\r\nContent-Disposition: attachment; filename="../../../etc/cron.d/x"\r\n\r\nx\r\n'
    return f.MAIL.split(b"--b\r\n")[0] + part * 20_000 + b"--b--\r\n"


@attack("injection.eml", "a subject that would write a header, a log's line and a reversal of direction", "message/rfc822",
        subject="ok Bcc: c@example.org exe .jpg")
def _():
    coded = b"=?utf-8?q?ok=0D=0ABcc:_c@example.org=0A=E2=80=AEexe=1B=00.jpg?="
    return f.MAIL.replace(b"Subject: A title", b"Subject: " + coded)


@attack("words.eml", "a subject of 100,000 encoded words", "message/rfc822", sender="a@example.org")
def _():
    return f.MAIL.replace(b"Subject: A title", b"Subject: " + b"=?utf-8?b?w6Q=?=\r\n " * 100_000 + b"x")


@attack("base64.eml", "an HTML part of base64 without a line's end, of a million nested elements", "message/rfc822",
        limits={"cpuSeconds": 60}, subject="A title")
def _():
    import base64

    return f.MAIL.replace(b"Content-Disposition: attachment; filename=\"a.html\"\r\n", b"").replace(
        b"PHA+eDwvcD4=", base64.b64encode(b"<b>" * MIB)
    )


@attack("header.eml", "a header that never ends", "message/rfc822", limits=SMALL, subject="A title")
def _():
    return repeated(b"From: a@example.org\r\nSubject: A title\r\nX-Long: ", b"x\r\n ")


@attack("many.mbox", "60,000 empty messages", "application/mbox", messageCount=60_000, limits={"cpuSeconds": 60})
def _():
    return b"From a@example.org Thu Jan  1 00:00:00 1970\nFrom: a\nTo: b\n\n\n" * 60_000


# --- Pictures ----------------------------------------------------------------------------------------------------------
family("pictures")


@attack("size.png", "2^31 by 2^31 pixels", "image/png", BROKEN, width=None)
def _():
    return f.png(2**31 - 1, 2**31 - 1)


@attack("bomb.png", "a text chunk that unpacks to 1 GB", "image/png", width=4)
def _():
    return f.png(4, 3, f.chunk(b"zTXt", b"Title\0\0" + f.zlib_zeros(1024)), f.chunk(b"iCCP", b"x\0\0" + f.zlib_zeros(64)))


@attack("length.png", "a chunk that says it is 4 GB long", "image/png", isPartial=True, width=4)
def _():
    return f.png(4, 3, f.chunk(b"tEXt", b"Title\0A title", length=2**32 - 1))


@attack("chunks.png", "200,000 empty chunks and two billion frames said", "image/apng", limits={"cpuSeconds": 60}, frameCount=1)
def _():
    return f.png(4, 3, f.chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), *[f.chunk(b"abCd")] * 200_000)


@attack("title.png", "a title with escapes and line feeds", "image/png", title="two lines[2J")
def _():
    return f.png(4, 3, f.chunk(b"tEXt", b"Title\0two\r\nlines\x1b[2J\x07"))


@attack("frames.gif", "100,000 frames", "image/gif", frameCount=100_000, limits={"cpuSeconds": 60})
def _():
    return f.gif(65535, 65535, frames=100_000)


@attack("blocks.gif", "a chain of blocks that never ends", "image/gif", isPartial=True)
def _():
    return f.gif()[:-1] + b"\x21\xfe" + (b"\xff" + b"x" * 255) * 4000


@attack("circle.tif", "directories that run in a circle", "image/tiff", width=4)
def _():
    return f.tiff(following=8)


@attack("entries.tif", "a directory of 65,535 entries, each of 4 GB", "image/tiff", width=4)
def _():
    return f.tiff(((256, 3, 1, 4), (257, 3, 1, 3), *[(270, 2, 2**32 - 1, 8)] * 100), count=65535)


@attack("size.tif", "2^32 by 2^32 pixels", "image/tiff", BROKEN)
def _():
    return f.tiff(((256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1)))


@attack("nowhere.tif", "a directory at 4 GB", "image/tiff", BROKEN)
def _():
    return f.tiff(start=2**32 - 16)


@attack("exif.jpg", "Exif whose directories contain each other", "image/jpeg", width=4)
def _():
    return f.jpeg(before=f.exif(f.tiff(((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (271, 2, 2**31, 8)), following=8)))


@attack("markers.jpg", "300,000 empty segments", "image/jpeg", width=4)
def _():
    return f.jpeg(before=b"\xff\xe2\0\x02" * 300_000)


@attack("fill.jpg", "fill bytes without end", "image/jpeg", BROKEN)
def _():
    return repeated(b"\xff\xd8", b"\xff", mebibytes=2)


@attack("size.webp", "2^24 by 2^24 pixels in a RIFF that says 4 GB", "image/webp")
def _():
    return f.webp(2**24, 2**24).replace(b"RIFF\x16\0\0\0", b"RIFF\xff\xff\xff\xff")


@attack("size.heic", "2^32 by 2^32 pixels", "image/heic", BROKEN)
def _():
    return f.heif(2**32 - 1, 2**32 - 1)


@attack("boxes.heic", "boxes of 8 bytes, 200,000 of them, and one of size 1 that says 2^64", "image/heic")
def _():
    return f.heif() + f.box(b"free") * 200_000 + f.box(b"free", wide=2**64 - 1)


@attack("size.bmp", "a height of -2^31", "image/bmp", BROKEN)
def _():
    return f.bmp(2**31 - 1, -(2**31))


@attack("counts.eps", "2^58 pages, and a box of 2^32 on a side (found by the fuzzer)", "image/x-eps", pageCount=None, width=None, title="x")
def _():
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: -2147483648 0 2147483647 9\n%%Title: x\n%%Pages: 497554224488149447\n"


@attack("laughs.svg", "a billion laughs in a picture", "image/svg+xml", width=4)
def _():
    return b'<?xml version="1.0"?>' + LAUGHS.replace(b"DOCTYPE a", b"DOCTYPE svg") + f.SVG.replace(b"A title", b"&lol9;")


@attack("size.svg", "a width of 10^308 and a view box of infinities", "image/svg+xml", width=None)
def _():
    return f.SVG.replace(b'"4"', b'"1e308in"').replace(b'"3"', b'"' + b"9" * 400 + b'" viewBox="0 0 1e999 -1"')


@attack("script.svg", "a picture with a script and a remote image", "image/svg+xml", width=4)
def _():
    return f.SVG.replace(b"<text>", b'<script>alert(1)</script><image href="http://a.example/x.png"/><text>')


@attack("deep.svg", "300,000 nested groups", "image/svg+xml", nestingDepth=300_001, limits={"cpuSeconds": 60})
def _():
    return f.SVG.replace(b"<text>", b"<g>" * 299_999 + b"<text>").replace(b"</svg>", b"</g>" * 299_999 + b"</svg>")


# --- Audio and video --------------------------------------------------------------------------------------------------
family("media")


@attack("deep.mp4", "boxes in boxes, 50,000 deep", "application/mp4", BROKEN)
def _():
    inner = b"".join(struct.pack(">I", 8 * n) + b"moov" for n in range(50_000, 0, -1))
    return f.mp4(moov=inner)


@attack("lengths.mp4", "boxes of size 0, of size 1 that says 2^64, of size 7", "application/mp4", duration=2.0)
def _():
    return f.mp4() + f.box(b"free", wide=2**64 - 1) + f.box(b"udta", size=7) + f.box(b"free", size=0)


@attack("duration.mp4", "2^32 - 1 units of a second each", "application/mp4", BROKEN, duration=None)
def _():
    return f.mp4(duration=2**32 - 2, scale=1)


@attack("samples.mp4", "a table of four billion samples", "application/mp4", duration=2.0)
def _():
    table = f.box(b"stts", bytes(4), struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1))
    return f.mp4(further=f.box(b"mdia", f.box(b"minf", f.box(b"stbl", table))))


@attack("xing.mp3", "a header that says 2^32 frames", "audio/mpeg", sampleRate=44100)
def _():
    frame = bytearray(f.mp3(1))
    frame[36:52] = b"Xing" + struct.pack(">III", 3, 2**32 - 1, 2**32 - 1)
    return bytes(frame) + f.mp3(4)


@attack("id3.mp3", "tags that say they are 256 MB, with frames of 4 GB", "audio/mpeg", title="A title")
def _():
    tag = f.id3(f.id3_text(b"TIT2", b"A title"), f.id3_text(b"TPE1", b"x", size=2**32 - 1), size=60)
    return f.mp3(8, tag=tag)


@attack("tags.mp3", "100,000 titles with escapes", "audio/mpeg", title="A title[2J")
def _():
    return f.mp3(8, tag=f.id3(*[f.id3_text(b"TIT2", b"A\r\n title\x1b[2J\0B")] * 100_000))


@attack("sync.mp3", "bytes that almost start a frame", "audio/mpeg", BROKEN, limits={"cpuSeconds": 60})
def _():
    return f.id3(f.id3_text(b"TALB", b"x")) + b"\xff\xfb\xf0\x00" * 500_000


@attack("samples.flac", "2^36 samples at 1 Hz: longer than a year", "audio/flac", duration=None)
def _():
    return f.flac(rate=1, samples=2**36 - 1)


@attack("comments.flac", "four billion comments", "audio/flac", duration=2.0)
def _():
    comment = f.vorbis_comment(b"TITLE=A title", count=2**32 - 1, length=2**32 - 1)
    return f.flac(more=b"\x84" + len(comment).to_bytes(3, "big") + comment)


@attack("granule.ogg", "a position of 2^63", "audio/ogg", duration=None, sampleRate=44100)
def _():
    return f.ogg(granule=2**63 - 1)


@attack("pages.ogg", "100,000 empty pages", "audio/ogg", limits={"cpuSeconds": 60}, sampleRate=44100)
def _():
    return f.ogg() + f.ogg_page(b"", segments=b"") * 100_000


@attack("rate.ogg", "no samples a second", "audio/ogg", duration=None, sampleRate=None)
def _():
    return f.ogg(rate=0)


@attack("deep.mkv", "segments of unknown size, 50,000 deep", "application/x-matroska", BROKEN)
def _():
    return f.mkv(inner=b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 50_000)


@attack("length.mkv", "an element of 2^56 - 2 bytes", "application/x-matroska", BROKEN)
def _():
    return f.mkv(inner=f.ebml("18538067", f.ebml("1549a966", size=b"\x01\xff\xff\xff\xff\xff\xff\xfe")))


@attack("duration.mkv", "a playing time that is no number", "video/matroska", duration=None, width=4)
def _():
    return f.mkv(duration=float("nan"))


@attack("data.wav", "data that says 4 GB, in a stream of no rate", "audio/vnd.wave", duration=None)
def _():
    return f.wav(rate=0, size=2**32 - 1)


@attack("lists.avi", "lists in lists, 50,000 deep", "video/x-msvideo", width=4)
def _():
    inner = b"".join(b"LIST" + struct.pack("<I", 12 * n) + b"strl" for n in range(50_000, 0, -1))
    return f.avi(inner)


@attack("rate.aiff", "a sample rate of infinity", "audio/x-aiff", BROKEN, sampleRate=None, duration=None)
def _():
    return f.aiff(rate=b"\x7f\xff\x80\0\0\0\0\0\0\0", frames=2**32 - 1)


@attack("tracks.mid", "65,535 tracks said, lengths of 4 GB", "audio/midi", codec="midi")
def _():
    return f.midi(tracks=65535, events=b"\xff\xff\xff\x7f\xff\x2f\0" * 99, division=0, length=2**32 - 1)


# --- What is not what it says ------------------------------------------------------------------------------------------
family("disguises")
PROGRAM = "application/x-executable"
WINDOWS = "application/vnd.microsoft.portable-executable"


@attack("report.pdf", "a Linux program named .pdf", PROGRAM, "TYPE_NOT_ALLOWED")
def _():
    return f.ELF


@attack("photo.jpg", "a Windows program named .jpg", WINDOWS, "TYPE_NOT_ALLOWED")
def _():
    return f.PE


@attack("notes.txt", "a shell script named .txt", "text/x-shellscript", "TYPE_NOT_ALLOWED")
def _():
    return b"#!/bin/sh\necho two words\n"


@attack("program", "a Linux program without an extension", PROGRAM, "TYPE_NOT_ALLOWED")
def _():
    return f.ELF


@attack("page.jpg", "a web page named .jpg", "text/html", "TYPE_MISMATCH")
def _():
    return f.HTML


@attack("picture.pdf", "a picture named .pdf", "image/png", "TYPE_MISMATCH")
def _():
    return f.png()


@attack("table.csv", "a zip named .csv", ZIP, "TYPE_MISMATCH")
def _():
    return f.archive({"a.txt": b"two words"})


@attack("both.pdf", "a PDF that is a zip as well", PDF, pageCount=1)
def _():
    return f.letter() + f.archive({"a.txt": b"two words"})


@attack("before.pdf", "a web page before the PDF's header", PDF, pageCount=1)
def _():
    return b"<html><body><script>alert(1)</script>\n" + f.letter()


@attack("both.gif", "a GIF that is a script as well", "image/gif", height=3)
def _():
    return b"GIF89a/*" + f.gif()[8:] + b"*/=1;alert(1)//<script>alert(1)</script>"


@attack("both.png", "a PNG with a zip after it", "image/png", width=4)
def _():
    return f.png() + f.archive({"a.txt": b"two words"})


@attack("both.zip", "a zip with a PDF before it: what it starts with counts", PDF, "TYPE_MISMATCH")
def _():
    return f.Zip().add("a.txt", b"two words").bytes(before=f.letter())


@attack("self.zip", "a zip with a Windows program before it", WINDOWS, "TYPE_NOT_ALLOWED")
def _():
    return f.Zip().add("a.txt", b"two words").bytes(before=f.PE)


@attack("letter.docx", "a zip without what makes a document", ZIP, "TYPE_MISMATCH")
def _():
    return f.archive({"word/document.xml": b"<a/>"})


@attack("letter.doc", "a docx named .doc", DOCX, "TYPE_MISMATCH")
def _():
    return f.docx()


@attack("book.epub", "an odt named .epub", ODT, "TYPE_MISMATCH")
def _():
    return f.odt()


@attack("wide.txt", "a PDF in UTF-16: no PDF any more", "text/plain", charset="UTF-16LE")
def _():
    return b"\xff\xfe" + f.letter().decode().encode("utf-16-le")


@attack("noise", "64 KB of noise", "application/octet-stream")
def _():
    out, state = bytearray(), 1
    for _n in range(8192):
        state = state * 6364136223846793005 + 1442695040888963407 & 2**64 - 1
        out += struct.pack("<Q", state ^ state >> 29)
    return bytes(out)


# --- The folder --------------------------------------------------------------------------------------------------------

HEAD = """<!-- Generated by handler/extract/tests/hostile/make.py, and held against it by a test. Do not edit. -->

# Hostile files

`make hostile` writes these {count} files to `target/hostile`. The test `tests/it/attacks.rs` of `handler-extract` sends each
through a real child, holds the record against this table, and sends a good file after each. `make hostile-check` does the
same with the handler as it is deployed and the limits that it is deployed with. `SUCCESS` means that the file was read,
not that it is harmless: the pipeline records, it does not open.
"""


def table(rows):
    out = [HEAD.format(count=len(rows))]
    last = None
    for row in rows:
        if row["family"] != last:
            last = row["family"]
            out.append(f"\n## {last.capitalize()}\n\n| file | attack | type | outcome |\n| --- | --- | --- | --- |\n")
        facts = ", ".join(
            f"no `{name}`" if value is None else f"`{name}` {json.dumps(value)}" for name, value in row["facts"].items()
        )
        outcome = (row["code"] and f"`{row['code']}`") or "SUCCESS"
        cells = [f"`{row['name']}`", row["what"], f"`{row['type']}`", outcome + (": " + facts if facts else "")]
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(out)


def write(path, made):
    with path.open("wb") as file:
        for piece in [made] if isinstance(made, bytes) else made:
            file.write(piece)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--giant", type=int, default=GIANT, metavar="MIB", help="size of files that are large (default: 6)")
    options = parser.parse_args()
    globals()["GIANT"] = options.giant
    rows = [row for row, _build in ATTACKS]
    for name in ("hostile", "good"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    for row, build in ATTACKS:
        row["path"] = f"hostile/{row['family']}-{row['name']}"
        write(options.folder / row["path"], build())
    for name, made in f.good().items():
        write(options.folder / "good" / name, made)
    (options.folder / "manifest.json").write_text(json.dumps(rows, indent=1))
    (options.folder / "README.md").write_text(table(rows))
    print(f"{len(rows)} hostile and {len(f.good())} good files in {options.folder}")


if __name__ == "__main__":
    main()
