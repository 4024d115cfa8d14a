"""Builders of small files, good ones and, with wrong arguments, bad ones. Standard library only.

Each function returns the bytes of a file. Nothing here is secret, harmful or anybody's: every byte is made here.
"""

import struct
import zlib

MIB = 1 << 20


# --- Compression -------------------------------------------------------------------------------------------------------


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zeros(mebibytes):
    """A raw deflate stream of this number of mebibytes of zeros: one kibibyte for each."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return one * mebibytes + b"\x03\x00"


def zlib_zeros(mebibytes):
    return b"\x78\xda" + zeros(mebibytes) + bytes(4)


def gzip(data, packed=None, flags=0, extra=b"", size=None):
    packed = deflate(data) if packed is None else packed
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\x02\xff" + extra
    return header + packed + struct.pack("<II", zlib.crc32(data), len(data) if size is None else size)


# --- zip ---------------------------------------------------------------------------------------------------------------


class Zip:
    """A zip file whose fields can say anything."""

    def __init__(self):
        self.body, self.directory, self.count = b"", b"", 0

    def add(self, name, data=b"", packed=None, size=None, crc=None, flags=0, offset=None, method=None, claims=None,
            extra=b""):
        """Adds an entry. `size` is the unpacked size that both headers give, `claims` the one of the directory."""
        name = name if isinstance(name, bytes) else name.encode()
        if packed is None:
            packed = deflate(data) if len(data) > 64 else data
        if method is None:
            method = 0 if packed == data else 8
        size = len(data) if size is None else size
        crc = zlib.crc32(data) if crc is None else crc
        at = len(self.body) if offset is None else offset
        fields = struct.pack("<HHHHHIII", 20, flags, method, 0, 33, crc, len(packed), size)
        if offset is None:
            self.body += b"PK\x03\x04" + fields + struct.pack("<HH", len(name), 0) + name + packed
        claimed = struct.pack("<HHHHHIII", 20, flags, method, 0, 33, crc, len(packed), size if claims is None else claims)
        self.directory += (
            b"PK\x01\x02\x14\x00" + claimed + struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, at) + name + extra
        )
        self.count += 1
        return self

    def bytes(self, count=None, offset=None, length=None, comment=b"", before=b""):
        count = self.count if count is None else count
        offset = len(self.body) if offset is None else offset
        length = len(self.directory) if length is None else length
        end = struct.pack("<HHHHIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, length, offset, len(comment))
        return before + self.body + self.directory + b"PK\x05\x06" + end + comment


def archive(files):
    made = Zip()
    for name, data in files.items():
        made.add(name, data)
    return made.bytes()


# --- tar, 7z, rar, zstd ------------------------------------------------------------------------------------------------


def tar_entry(name, data=b"", kind=b"0", size=None, checksum=None):
    name = name if isinstance(name, bytes) else name.encode()
    size = len(data) if size is None else size
    octal = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    head = bytearray(name[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + octal + b"00000000000\0")
    head += b" " * 8 + kind + bytes(100) + b"ustar\x0000"
    head = head.ljust(512, b"\0")
    head[148:156] = b"%06o\0 " % (sum(head) if checksum is None else checksum)
    return bytes(head) + data + bytes(-len(data) % 512)


def tar(files):
    return b"".join(tar_entry(name, data) for name, data in files.items()) + bytes(1024)


def seven_zip(header, offset=0, length=None):
    start = struct.pack("<QQI", offset, len(header) if length is None else length, zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + header


def vint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def rar_block(kind, flags=0, body=b"", data=b"", claims=None):
    content = vint(kind) + vint(flags) + (vint(len(data) if claims is None else claims) if flags & 2 else b"") + body
    sized = vint(len(content)) + content
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def rar(name=b"a.txt", data=b"two words", unpacked=None, claims=None):
    size = len(data) if unpacked is None else unpacked
    body = vint(0) + vint(size) + vint(0x20) + vint(0) + vint(1) + vint(len(name)) + name
    main, end = rar_block(1, body=vint(0)), rar_block(5, body=vint(0))
    return b"Rar!\x1a\x07\x01\x00" + main + rar_block(2, 2, body, data, claims) + end


def zstd(data, size=None):
    """One frame of stored blocks, with its content's size."""
    head = b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", len(data) if size is None else size)
    return head + struct.pack("<I", len(data) << 3 | 1)[:3] + data


# --- PDF ---------------------------------------------------------------------------------------------------------------


def stream(data, entries=b"", length=None):
    length = len(data) if length is None else length
    return b"<< " + entries + b" /Length %d >>\nstream\n" % length + data + b"\nendstream"


def pdf(objects, trailer=b"", header=b"%PDF-1.7\n", size=None, table=True):
    """A document of numbered objects, the first of which is the catalogue."""
    out, places = bytearray(header), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    if table:
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R " % (size or len(objects) + 1) + trailer + b" >>\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


FONT = b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def letter(text=b"Four words are here.", content=None, resources=b"", further=(), catalogue=b"", page=b"", info=b"", **more):
    """A document of one page: catalogue 1, pages 2, page 3, information 4, content 5, and what else is given from 6 on."""
    content = stream(b"BT /F 12 Tf 50 700 Td (" + text + b") Tj ET") if content is None else content
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R " + catalogue + b" >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R " + page
        + b" /Resources << " + (b"" if b"/Font" in resources else FONT) + resources + b" >> >>",
        b"<< " + (info or b"/Title (A title) /Author (An author) /CreationDate (D:20240102030405Z)") + b" >>",
        content,
    ]
    return pdf(objects + list(further), trailer=b"/Info 4 0 R", **more)


def form(body, inner=6, entries=b""):
    resources = b"/Resources << /XObject << /X %d 0 R >> " % inner + FONT + b" >> "
    return stream(body, b"/Type /XObject /Subtype /Form /BBox [0 0 99 99] " + resources + entries)


# --- Office ------------------------------------------------------------------------------------------------------------

W = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
RELS = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
OPEN_XML = "application/vnd.openxmlformats-officedocument."


def types(part, kind):
    return (
        b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/' + part + b'" ContentType="'
        + (OPEN_XML + kind).encode() + b'.main+xml"/></Types>'
    )


def relations(*targets):
    inner = b"".join(
        b'<Relationship Id="rId%d" Type="%s" Target="%s"/>' % (n, RELS + kind, target)
        for n, (kind, target) in enumerate(targets, 1)
    )
    head = b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    return head + inner + b"</Relationships>"


CORE = (
    b'<?xml version="1.0"?><cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>%s</dc:title></cp:coreProperties>'
)
BODY = b"<w:body><w:p><w:r><w:t>Four words are here.</w:t></w:r></w:p></w:body>"


def docx_parts(body=BODY, title=b"A title", head=b""):
    core = b"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"
    rels = relations((b"officeDocument", b"word/document.xml")).replace(
        b"</Relationships>", b'<Relationship Id="c" Type="' + core + b'" Target="docProps/core.xml"/></Relationships>'
    )
    return {
        "[Content_Types].xml": types(b"word/document.xml", "wordprocessingml.document"),
        "_rels/.rels": rels,
        "docProps/core.xml": CORE % title,
        "word/document.xml": b'<?xml version="1.0"?>' + head + b"<w:document " + W + b">" + body + b"</w:document>",
    }


def docx(**parts):
    return archive(docx_parts(**parts))


def xlsx_parts(sheet=b'<row r="1"><c r="A1" t="s"><v>0</v></c></row>', strings=b"<si><t>two words</t></si>",
               dimension=b"A1", counts=b"1", sheets=1):
    names = b"".join(b'<sheet name="S%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(1, sheets + 1))
    links = relations((b"worksheet", b"worksheets/sheet1.xml"), (b"sharedStrings", b"sharedStrings.xml"))
    data = b'<dimension ref="' + dimension + b'"/><sheetData>' + sheet + b"</sheetData>"
    return {
        "[Content_Types].xml": types(b"xl/workbook.xml", "spreadsheetml.sheet"),
        "_rels/.rels": relations((b"officeDocument", b"xl/workbook.xml")),
        "xl/workbook.xml": b"<workbook " + S + b"><sheets>" + names + b"</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": links,
        "xl/worksheets/sheet1.xml": b"<worksheet " + S + b">" + data + b"</worksheet>",
        "xl/sharedStrings.xml": b"<sst " + S + b' count="%s" uniqueCount="%s">' % (counts, counts) + strings + b"</sst>",
    }


def xlsx(**parts):
    return archive(xlsx_parts(**parts))


O = b'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'


def odt(body=b"<text:p>Four words are here.</text:p>", head=b""):
    content = b'<?xml version="1.0"?>' + head + b"<office:document-content " + O + b"><office:body><office:text>" + body
    made = Zip().add("mimetype", b"application/vnd.oasis.opendocument.text")
    made.add("content.xml", content + b"</office:text></office:body></office:document-content>")
    manifest = b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return made.add("META-INF/manifest.xml", manifest).bytes()


def epub(package=None, chapter=b"<p>Four words are here.</p>", rootfile=b"OPS/p.opf", spine=b'<itemref idref="c"/>'):
    container = b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="'
    container += rootfile + b'" media-type="application/oebps-package+xml"/></rootfiles></container>'
    package = package or (
        b'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dc:title>A title</dc:title></metadata><manifest>"
        b'<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest><spine>' + spine + b"</spine></package>"
    )
    made = Zip().add("mimetype", b"application/epub+zip").add("META-INF/container.xml", container)
    made.add("OPS/p.opf", package)
    made.add("OPS/c.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml"><body>' + chapter + b"</body></html>")
    return made.bytes()


# --- OLE2 --------------------------------------------------------------------------------------------------------------

END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def ole_entry(name, kind, start, size, child=FREE, left=FREE, right=FREE):
    wide = name.encode("utf-16-le") + b"\0\0"
    head = wide.ljust(64, b"\0") + struct.pack("<HBBIII", len(wide), kind, 1, left, right, child) + bytes(36)
    return head + struct.pack("<IQ", start, size)


def ole(name="WordDocument", data=bytes(5120), fat=None, directory=1, difat=END, difats=0, shift=9, size=None, left=FREE,
        others=()):
    """A compound file of one stream: allocation table in sector 0, directory in 1, the stream after."""
    sectors = -(-len(data) // 512)
    table = [FAT, END] + [n + 3 for n in range(sectors - 1)] + [END]
    table = (fat or {}).get("all") or table
    for at, value in (fat or {}).items():
        if at != "all":
            table[at] = value
    table = (table + [FREE] * 128)[:128]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, shift, 6) + bytes(6)
    head += struct.pack("<IIIIIIIIII", 0, 1, directory, 0, 4096, END, 0, difat, difats, 0) + struct.pack("<I", FREE) * 108
    entries = ole_entry("Root Entry", 5, END, 0, child=1)
    entries += ole_entry(name, 2, 2, len(data) if size is None else size, left=left)
    entries = (entries + b"".join(others)).ljust(512, b"\0")
    return head[:512] + struct.pack("<128I", *table) + entries + data + bytes(-len(data) % 512)


def word_document():
    text = b"Four words are here.\r"
    fib = bytearray(1536)
    struct.pack_into("<HH", fib, 0, 0xA5EC, 0xC1)
    struct.pack_into("<I", fib, 0x18, 1024)
    struct.pack_into("<I", fib, 0x1C, 1024 + len(text))
    fib[1024 : 1024 + len(text)] = text
    return ole(data=bytes(fib).ljust(5120, b"\0"))


# --- Pictures ----------------------------------------------------------------------------------------------------------


def chunk(name, data=b"", length=None):
    sized = struct.pack(">I", len(data) if length is None else length)
    return sized + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width=4, height=3, *more, end=True):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(15)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + data + (chunk(b"IEND") if end else b"")


def gif(width=4, height=3, frames=1, comment=b""):
    frame = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c\0\0\0\0" + struct.pack("<HH", 4, 3) + b"\0\x02\x02\x4c\x01\0"
    note = b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0" if comment else b""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + note + frame * frames + b";"


def tiff(entries=((256, 3, 1, 4), (257, 3, 1, 3)), following=0, count=None, start=8):
    count = len(entries) if count is None else count
    fields = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", start) + struct.pack("<H", count) + fields + struct.pack("<I", following)


def riff(kind, *chunks, size=None):
    body = kind + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def part(name, data, size=None):
    return name + struct.pack("<I", len(data) if size is None else size) + data + bytes(len(data) % 2)


def webp(width=4, height=3):
    return riff(b"WEBP", part(b"VP8X", b"\0\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]))


def jpeg(width=4, height=3, before=b""):
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    jfif = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    return b"\xff\xd8" + jfif + before + frame + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\0" + b"\xff\xd9"


def exif(tiff_bytes):
    data = b"Exif\0\0" + tiff_bytes
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def bmp(width=4, height=3):
    return b"BM" + struct.pack("<IHHI", 98, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 44, 0, 0, 0, 0) + bytes(44)


def box(name, *content, size=None, wide=None):
    body = b"".join(content)
    if wide is not None:
        return struct.pack(">I", 1) + name + struct.pack(">Q", wide) + body
    return struct.pack(">I", len(body) + 8 if size is None else size) + name + body


def heif(width=4, height=3):
    ispe = box(b"ispe", bytes(4), struct.pack(">II", width, height))
    props = box(b"iprp", box(b"ipco", ispe), box(b"ipma", bytes(4), struct.pack(">IHBB", 1, 1, 1, 1)))
    return box(b"ftyp", b"heic", bytes(4), b"heicmif1") + box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\x01"), props)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><title>A title</title><text>two words</text></svg>'


# --- Audio and video --------------------------------------------------------------------------------------------------


def wav(rate=8000, data=bytes(8000), size=None, channels=1):
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate, 1, 8)
    return riff(b"WAVE", part(b"fmt ", fmt), part(b"data", data, size))


def avi(*more):
    header = struct.pack("<IIIIIIIIII", 40000, 0, 0, 0, 25, 0, 1, 0, 4, 3) + bytes(16)
    listed = part(b"LIST", b"hdrl" + part(b"avih", header) + b"".join(more))
    return riff(b"AVI ", listed, part(b"LIST", b"movi"))


def mp4(duration=2000, scale=1000, further=b"", moov=None):
    header = box(b"mvhd", bytes(12), struct.pack(">II", scale, duration), bytes(80))
    track = box(b"trak", box(b"tkhd", bytes(76), struct.pack(">II", 4 << 16, 3 << 16)), further)
    return box(b"ftyp", b"isom", bytes(4), b"isommp42") + (box(b"moov", header, track) if moov is None else moov) + box(b"mdat", bytes(8))


def mp3(frames=40, tag=b""):
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    return tag + frame * frames


def id3(*frames, size=None):
    body = b"".join(frames)
    size = len(body) if size is None else size
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def id3_text(name, text, size=None):
    body = b"\x03" + text
    return name + struct.pack(">I", len(body) if size is None else size) + b"\0\0" + body


def flac(rate=44100, samples=88200, more=b""):
    packed = (rate << 44 | 1 << 41 | 15 << 36 | samples).to_bytes(8, "big")
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + packed + bytes(16)
    return b"fLaC" + bytes([0 if more else 0x80]) + len(info).to_bytes(3, "big") + info + more


def vorbis_comment(*texts, count=None, length=None):
    body = struct.pack("<I", 4) + b"tool" + struct.pack("<I", len(texts) if count is None else count)
    return body + b"".join(struct.pack("<I", len(text) if length is None else length) + text for text in texts)


def ogg_page(data, granule=0, number=0, flags=2, segments=None):
    lacing = bytes([255] * (len(data) // 255) + [len(data) % 255]) if segments is None else segments
    head = b"OggS\0" + bytes([flags]) + struct.pack("<QIII", granule & (1 << 64) - 1, 1, number, 0)
    return head + bytes([len(lacing)]) + lacing + data


def ogg(granule=88200, comment=None, rate=44100):
    first = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 1, rate, 0, 0, 0, 0xB8, 1)
    comment = vorbis_comment(b"TITLE=A title") if comment is None else comment
    return ogg_page(first) + ogg_page(b"\x03vorbis" + comment + b"\x01", 0, 1, 0) + ogg_page(b"\0", granule, 2, 4)


def ebml(identifier, *content, size=None):
    body = b"".join(content)
    sized = (1 << 56 | len(body)).to_bytes(8, "big") if size is None else size
    return bytes.fromhex(identifier) + sized + body


def mkv(duration=2000.0, inner=None, scale=1_000_000):
    head = ebml("1a45dfa3", ebml("4282", b"matroska"), ebml("4287", b"\x04"))
    info = ebml("1549a966", ebml("2ad7b1", scale.to_bytes(4, "big")), ebml("4489", struct.pack(">d", duration)))
    track = ebml("1654ae6b", ebml("ae", ebml("83", b"\x01"), ebml("86", b"V_VP9"), ebml("e0", ebml("b0", b"\x04"), ebml("ba", b"\x03"))))
    return head + ebml("18538067", info, track) if inner is None else head + inner


def aiff(rate=b"\x40\x0c\xfa\0\0\0\0\0\0\0", frames=8000):
    common = b"COMM" + struct.pack(">IHIH", 18, 1, frames, 8) + rate
    body = b"AIFF" + common + b"SSND" + struct.pack(">I", 8) + bytes(8)
    return b"FORM" + struct.pack(">I", len(body)) + body


def midi(tracks=1, events=b"\0\xff\x2f\0", division=96, length=None):
    track = b"MTrk" + struct.pack(">I", len(events) if length is None else length) + events
    return b"MThd" + struct.pack(">IHHH", 6, 1, tracks, division) + track


# --- Programs ----------------------------------------------------------------------------------------------------------

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0\x01\0\0\0" + bytes(64)
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0\x64\x86" + bytes(18) + b"\x0b\x02" + bytes(110)

MAIL = (
    b"From: A <a@example.org>\r\nTo: b@example.org\r\nSubject: A title\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nFour words are here.\r\n'
    b'--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="a.html"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nPHA+eDwvcD4=\r\n--b--\r\n"
)
RTF = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title A title}}\f0 Four words are here.\par}"
HTML = b'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A title</title></head><body><p>Four words are here.</p></body></html>'
XML = b'<?xml version="1.0"?><a xmlns="urn:n"><b c="d">two words</b></a>'
EOF = b""


def good():
    """One good small file of each kind, by name."""
    import lzma

    prose = b"All human beings are born free and equal in dignity and rights.\n"
    return {
        "good.pdf": letter(),
        "good.docx": docx(),
        "good.xlsx": xlsx(),
        "good.odt": odt(),
        "good.epub": epub(),
        "good.doc": word_document(),
        "good.rtf": RTF,
        "good.zip": archive({"a.txt": b"two words", "folder/": b"", "folder/b.txt": prose * 9}),
        "good.tar": tar({"a.txt": b"two words", "b.txt": prose}),
        "good.gz": gzip(prose),
        "good.tgz": gzip(tar({"a.txt": b"two words"})),
        "good.xz": lzma.compress(prose),
        "good.zst": zstd(prose),
        "good.7z": seven_zip(bytes.fromhex("0105010e0180" "0f0180" "0000")),
        "good.rar": rar(),
        "good.svg": SVG,
        "good.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%Title: A title\n%%Pages: 1\nshowpage\n",
        "good.png": png(4, 3, chunk(b"tEXt", b"Title\0A title")),
        "good.gif": gif(frames=2),
        "good.tif": tiff(),
        "good.webp": webp(),
        "good.jpg": jpeg(before=exif(tiff(((274, 3, 1, 6),)))),
        "good.bmp": bmp(),
        "good.heic": heif(),
        "good.wav": wav(),
        "good.avi": avi(),
        "good.mp4": mp4(),
        "good.mp3": mp3(tag=id3(id3_text(b"TIT2", b"A title"))),
        "good.flac": flac(more=b"\x84\0\0" + (lambda c: bytes([len(c)]) + c)(vorbis_comment(b"TITLE=A title"))),
        "good.ogg": ogg(),
        "good.mkv": mkv(),
        "good.aiff": aiff(),
        "good.mid": midi(),
        "good.csv": b"name,age\nA,1\nB,2\nC,3\n",
        "good.tsv": b"name\tage\nA\t1\nB\t2\nC\t3\n",
        "good.json": b'{"a": [1, -2.5e3, "\\u00e9"], "b": {"c": null}}\n',
        "good.ndjson": b'{"a": 1}\n{"a": 2}\n',
        "good.html": HTML,
        "good.xml": XML,
        "good.eml": MAIL,
        "good.mbox": b"From a@example.org Thu Jan  1 00:00:00 1970\n" + MAIL.replace(b"\r\n", b"\n") + b"\n",
        "good.md": b"# A title\n\nFour **words** are [here](there).\n\n```\ncode\n```\n",
        "good.txt": prose,
        "utf16.txt": b"\xff\xfe" + prose.decode().encode("utf-16-le"),
        "latin.txt": "Größe, Länge, Übung: ein schöner Tag für Äpfel.\n".encode("latin-1"),
        "japanese.txt": "今日は天気がいいですね。散歩に行きましょう。\n".encode("shift-jis"),
    }
