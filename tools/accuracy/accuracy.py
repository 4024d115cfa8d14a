#!/usr/bin/env python3
"""Runs the shipped extractor on third-party files, and compares it with established tools.

usage: accuracy.py PROVISIONER [--files DIR] [--out DIR]

The files come from package registries, pinned by version and SHA-256 (CORPUS), and are unpacked outside the
repository. The references are poppler and MuPDF (PDF), libmagic (types), python-docx and python-pptx (words and slides),
openpyxl (sheets), Pillow (dimensions) and mutagen (audio). The result is written to docs/accuracy.md. The run fails when a
disagreement has no reason in reasons.json, and when a reason there is one for more or fewer files than it says.
"""

import argparse
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (registry, package, version, SHA-256 of the archive)
CORPUS = [
    ("pypi", "pypdf", "7.1.0", "ca3fa902369e98a6d2cb7b56396de902b72ef9bb3c1e8706c1bfc7d8bd0cf0d7"),
    ("pypi", "python-docx", "1.2.0", "7bc9d7b7d8a69c9c02ca09216118c86552704edc23bac179283f2e38f86220ce"),
    ("pypi", "python-pptx", "1.0.2", "479a8af0eaf0f0d76b6f00b0887732874ad2e3188230315290cd1f9dd9cc7095"),
    ("pypi", "mutagen", "1.48.1", "8f95637ab9f6f305cec6bd1294e197debe207998e3e068596563c74f86b0a173"),
    ("pypi", "puremagic", "1.30", "f9ff7ac157d54e9cf3bff1addfd97233548e75e685282d84ae11e7ffee1614c9"),
    ("pypi", "filetype", "1.2.0", "66b56cd6474bf41d8c54660347d37afcc3f7d1970648de365c102ef77548aadb"),
    ("crates", "oxidize-pdf", "5.5.6", "1b76e40912b28801119b36f3cf76629decd7ed751a6d3edafda40ba4bdab22d8"),
    ("crates", "unpdf", "0.52.1", "3fc1c31f4705732733fe63147d21b7246f383c440c1684423ac14ceb83b52a98"),
    ("npm", "pdf-parse", "1.1.1", "ebca13fce97da77fd529f570188aee0fa696d00aac335914cef87d62ac2ac1b1"),
]

# The types that an extension implies, for the score of types by content. Extensions that imply no type are left out.
TYPES = {
    "pdf": "application/pdf", "png": "image/png image/apng", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "bmp": "image/bmp image/x-ms-bmp", "tif": "image/tiff", "tiff": "image/tiff", "webp": "image/webp",
    "ico": "image/x-icon image/vnd.microsoft.icon", "psd": "image/vnd.adobe.photoshop", "svg": "image/svg+xml",
    "heic": "image/heic image/heif", "avif": "image/avif", "jp2": "image/jp2", "jxl": "image/jxl",
    "jpx": "image/jpx image/jp2",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "doc": "application/msword application/x-ole-storage application/cdfv2", "rtf": "text/rtf application/rtf",
    "xls": "application/vnd.ms-excel application/x-ole-storage application/cdfv2",
    "ppt": "application/vnd.ms-powerpoint application/x-ole-storage application/cdfv2",
    "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation", "epub": "application/epub+zip",
    "zip": "application/zip", "tar": "application/x-tar", "gz": "application/gzip application/x-gzip",
    "bz2": "application/x-bzip2 application/bzip2", "7z": "application/x-7z-compressed",
    "rar": "application/vnd.rar application/x-rar", "xz": "application/x-xz", "zst": "application/zstd",
    "mp3": "audio/mpeg", "flac": "audio/flac audio/x-flac", "wav": "audio/wav audio/x-wav audio/vnd.wave",
    "ogg": "audio/ogg application/ogg video/ogg", "oga": "audio/ogg application/ogg video/ogg",
    "opus": "audio/opus audio/ogg application/ogg", "m4a": "audio/mp4 audio/x-m4a video/mp4",
    "aac": "audio/aac audio/x-hx-aac-adts audio/x-hx-aac-adif", "aif": "audio/aiff audio/x-aiff", "ape": "audio/x-ape audio/ape",
    "wv": "audio/wavpack audio/x-wavpack", "mid": "audio/midi audio/x-midi", "wma": "audio/x-ms-wma video/x-ms-asf",
    "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska video/matroska",
    "avi": "video/x-msvideo video/vnd.avi video/avi", "flv": "video/x-flv", "wmv": "video/x-ms-asf video/x-ms-wmv",
    "woff": "font/woff application/font-woff", "woff2": "font/woff2", "ttf": "font/ttf font/sfnt application/x-font-ttf",
    "otf": "font/otf application/vnd.ms-opentype font/sfnt", "html": "text/html", "htm": "text/html", "json": "application/json",
    "xml": "text/xml application/xml", "csv": "text/csv application/csv", "txt": "text/plain", "md": "text/markdown text/plain",
    "eml": "message/rfc822", "wasm": "application/wasm", "class": "application/java-vm application/x-java-applet",
    "sqlite": "application/vnd.sqlite3 application/x-sqlite3", "rs": "text/plain text/x-rust text/rust", "py": "text/plain text/x-python text/x-script.python",
}
IMAGES = {"png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ico", "psd"}
AUDIO = {"mp3", "flac", "ogg", "oga", "opus", "wav", "m4a", "aif", "ape", "wv", "aac", "mpc", "spx", "tta", "ofr", "mp4", "dsf", "ac3", "eac3"}
# Source code in the packages is not a test file.
LEFT_OUT = {"rs", "py", "toml", "cfg", "in", "lock", "rst", "yml", "yaml", "sh", "feature", "js", "ts", "css", "xsd", "po", "pyi", "typed", "map"}


def fetch(into: pathlib.Path) -> None:
    """Downloads, verifies and unpacks missing packages."""
    for registry, name, version, digest in CORPUS:
        folder = into / f"{name}-{version}"
        if folder.exists():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            archive = {"pypi": from_pypi, "crates": from_crates, "npm": from_npm}[registry](name, version, pathlib.Path(scratch))
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != digest:
                sys.exit(f"{name} {version}: SHA-256 is {found}, expected {digest}")
            partial = into / f".{name}"
            shutil.rmtree(partial, ignore_errors=True)
            with tarfile.open(archive) as tar:
                tar.extractall(partial, filter="data") if sys.version_info >= (3, 12) else tar.extractall(partial)
            partial.rename(folder)
        print(f"fetched {name} {version}", file=sys.stderr)


def from_pypi(name: str, version: str, scratch: pathlib.Path) -> pathlib.Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", f"{name}=={version}"]
    subprocess.run([*command, "--dest", scratch], check=True)
    return next(scratch.glob("*.tar.gz"))


def from_crates(name: str, version: str, scratch: pathlib.Path) -> pathlib.Path:
    (scratch / "src").mkdir()
    (scratch / "src/lib.rs").touch()
    manifest = f'[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{name} = {{ version = "={version}", default-features = false }}\n'
    (scratch / "Cargo.toml").write_text(manifest)
    environment = dict(os.environ, CARGO_HOME=str(scratch / "home"))
    for settings in ("config.toml", "config"):
        own = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / settings
        if own.exists():
            (scratch / "home").mkdir(exist_ok=True)
            shutil.copy(own, scratch / "home" / settings)
    subprocess.run(["cargo", "fetch", "--quiet"], cwd=scratch, env=environment, check=True)
    return next((scratch / "home/registry/cache").glob(f"*/{name}-{version}.crate"))


def from_npm(name: str, version: str, scratch: pathlib.Path) -> pathlib.Path:
    subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    return next(scratch.glob("*.tgz"))


def extension(path: pathlib.Path) -> str:
    return path.suffix[1:].lower()


def run(*command, timeout=60) -> "str | None":
    """Standard output of a reference tool; None if it refuses the file."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def ours(provisioner: str, stack: pathlib.Path, paths: "list[pathlib.Path]") -> "dict[pathlib.Path, dict]":
    """The records that the handler would write, from `provisioner inspect`."""
    records = {}
    for start in range(0, len(paths), 50):
        part = paths[start:start + 50]
        done = subprocess.run([provisioner, "inspect", "--json", "-s", stack, *part], capture_output=True, check=False)
        if done.returncode not in (0, 8):
            sys.exit(done.stderr.decode())
        records.update(zip(part, json.loads(done.stdout), strict=True))
    return records


class Score:
    """The number of agreements, and a description of each disagreement."""

    def __init__(self, title: str, reference: str):
        self.title, self.reference, self.agreed, self.total, self.differ = title, reference, 0, 0, []

    def count(self, path, agrees: bool, said: str) -> None:
        self.total += 1
        self.agreed += agrees
        if not agrees:
            self.differ.append((path, said))

    @property
    def percent(self) -> float:
        return 100 * self.agreed / self.total if self.total else 0.0


def code(record: dict) -> str:
    return f" ({record['errorCode']})" if "errorCode" in record else ""


def pdf_scores(files, records):
    pages, words = Score("PDF: pages", "poppler"), Score("PDF: words within 2 %", "poppler, where MuPDF agrees with it")

    def references(path):
        info = run("pdfinfo", path)
        found = re.search(r"^Pages:\s+(\d+)", info or "", re.M)
        text, other = run("pdftotext", "-enc", "UTF-8", path, "-"), run("mutool", "draw", "-q", "-F", "txt", path)
        return path, int(found[1]) if found else None, None if text is None else len(text.split()), None if other is None else len(other.split())

    pdfs = [path for path in files if extension(path) == "pdf"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, their_pages, their_words, second in pool.map(references, pdfs):
            record = records[path]
            if their_pages is not None:
                mine = record.get("pageCount")
                pages.count(path, mine == their_pages, f"{mine} instead of {their_pages}{code(record)}")
            if their_words and second and abs(their_words - second) <= 0.02 * max(their_words, second):
                mine = record.get("wordCount")
                agrees = mine is not None and abs(mine - their_words) <= 0.02 * max(mine, their_words)
                words.count(path, agrees, f"{mine} instead of {their_words}{code(record)}")
    return [pages, words]


def read_by(reader, files, extensions):
    """The files of these extensions with the result of the reference tool; files that it cannot read are left out."""
    for path in files:
        if extension(path) not in extensions:
            continue
        try:
            found = reader(path)
        except Exception:
            continue
        yield path, found


def docx_score(files, records):
    import docx
    from docx.oxml.ns import qn

    score = Score("docx: words", "python-docx")
    for path, body in read_by(lambda path: docx.Document(str(path)).element.body, files, ["docx"]):
        words = sum(len(docx.text.paragraph.Paragraph(p, None).text.split()) for p in body.iter(qn("w:p")))
        mine = records[path].get("wordCount")
        score.count(path, mine == words, f"{mine} instead of {words}{code(records[path])}")
    return score


def pptx_scores(files, records):
    import pptx
    from pptx.oxml.ns import qn
    from pptx.text.text import _Paragraph

    def slides_of(path):
        return [slide._element for slide in pptx.Presentation(str(path)).slides]

    slides, words = Score("pptx: slides", "python-pptx"), Score("pptx: words", "python-pptx")
    for path, shown in read_by(slides_of, files, ["pptx"]):
        record = records[path]
        mine = record.get("slideCount")
        slides.count(path, mine == len(shown), f"{mine} instead of {len(shown)}{code(record)}")
        bodies = (body for slide in shown for tag in ("p:txBody", "a:txBody") for body in slide.iter(qn(tag)))
        count = sum(len(_Paragraph(p, None).text.split()) for body in bodies for p in body.findall(qn("a:p")))
        mine = record.get("wordCount", 0 if not shown else None)
        words.count(path, mine == count, f"{mine} instead of {count}{code(record)}")
    return [slides, words]


def xlsx_score(files, records):
    import openpyxl

    def sheets_of(path):
        return len(openpyxl.load_workbook(path, read_only=True).sheetnames)

    score = Score("xlsx: sheets", "openpyxl")
    for path, count in read_by(sheets_of, files, ["xlsx", "xlsm"]):
        mine = records[path].get("sheetCount")
        score.count(path, mine == count, f"{mine} instead of {count}{code(records[path])}")
    return score


def image_score(files, records):
    import PIL.Image

    def size_of(path):
        with PIL.Image.open(path) as image:
            return image.size

    score = Score("images: width and height", "Pillow")
    for path, size in read_by(size_of, files, IMAGES):
        mine = (records[path].get("width"), records[path].get("height"))
        score.count(path, mine == size, f"{mine[0]} × {mine[1]} instead of {size[0]} × {size[1]}{code(records[path])}")
    return score


def audio_score(files, records):
    import mutagen

    score = Score("audio: duration within 1 % or 0.1 s", "mutagen")
    for path, length in read_by(lambda path: mutagen.File(path).info.length, files, AUDIO):
        if not length:
            continue
        mine = records[path].get("duration")
        agrees = mine is not None and abs(mine - length) <= max(0.1, 0.01 * length)
        score.count(path, agrees, f"{mine} s instead of {length:.2f} s{code(records[path])}")
    return score


def type_scores(files, records):
    mine, magic = Score("types by content", "the extension"), Score("types by content, libmagic", "the extension")
    known = [path for path in files if extension(path) in TYPES]
    for path in known:
        expected = TYPES[extension(path)].split()
        found = records[path]["fileType"]
        mine.count(path, found in expected, f"{found} instead of {expected[0]}")
        found = (run("file", "--brief", "--mime-type", path) or "").strip().lower()
        magic.count(path, found in expected, found)
    return mine, magic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provisioner")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    parser.add_argument("--files", type=pathlib.Path, default=cache / "file-intake-accuracy")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs")
    arguments = parser.parse_args()
    missing = [tool for tool in ("pdfinfo", "pdftotext", "mutool", "file") if not shutil.which(tool)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; on Debian: apt-get install poppler-utils mupdf-tools file")

    arguments.files.mkdir(parents=True, exist_ok=True)
    fetch(arguments.files)
    files = sorted(
        path for path in arguments.files.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_size and extension(path) and extension(path) not in LEFT_OUT
    )
    stack = pathlib.Path(__file__).with_name("stack.yaml")
    records = ours(arguments.provisioner, stack, files)

    types, magic = type_scores(files, records)
    scores = [
        *pdf_scores(files, records), docx_score(files, records), *pptx_scores(files, records), xlsx_score(files, records),
        image_score(files, records), audio_score(files, records), types,
    ]
    deaths = {"CRASHED", "MEMORY_LIMIT", "CPU_LIMIT", "TIME_LIMIT", "STACK_LIMIT", "SANDBOX_VIOLATION", "OUTPUT_LIMIT"}
    ended = [(path, f"{r['errorCode']}: {r['errorMessage']}") for path, r in records.items() if r.get("errorCode") in deaths]

    reasons = json.loads(pathlib.Path(__file__).with_name("reasons.json").read_text())
    write(arguments.out, arguments.files, len(files), scores, magic, ended, reasons)


def explained(score, base, reasons) -> "tuple[list[tuple[str, list[str]]], list[str]]":
    """The disagreements by reason, and errors: disagreements without a reason, and reasons of another number of files."""
    known = reasons.get(score.title, {})
    groups = {pattern: (entry["reason"], []) for pattern, entry in known.items()}
    faults = []
    for path, said in score.differ:
        name = str(path.relative_to(base))
        pattern = next((pattern for pattern in groups if fnmatch.fnmatch(name, pattern)), None)
        if pattern is None:
            faults.append(f"{score.title}: {name}: {said}: no reason for this in reasons.json")
        else:
            groups[pattern][1].append(f"- `{name}`: {said}")
    faults += [
        f"{score.title}: {pattern} in reasons.json is the reason for {known[pattern]['files']} files, and there are {len(lines)}"
        for pattern, (_, lines) in groups.items() if len(lines) != known[pattern]["files"]
    ]
    return [(reason, lines) for reason, lines in groups.values() if lines], faults


def write(out, base, count, scores, magic, ended, reasons) -> None:
    lines = [
        "# Accuracy", "",
        f"Written by `make accuracy`: the shipped extractor, child process and limits included, on {count:,} third-party files",
        "from package registries (pinned by version and hash in `tools/accuracy/accuracy.py`). Each disagreement",
        "is listed below with its reason, which `tools/accuracy/reasons.json` contains; one without a reason fails the run.",
        "How many words poppler and MuPDF agree on depends on their versions, so the number of files in that row does too.", "",
        "| what | compared with | files | agree | % |", "| --- | --- | ---: | ---: | ---: |",
    ]
    table = len(lines) - 2
    for score in [*scores, magic]:
        lines.append(f"| {score.title} | {score.reference} | {score.total:,} | {score.agreed:,} | {score.percent:.1f} |")
    print("\n".join(lines[table:]))
    lines += ["", f"Files whose child process was terminated by a limit or crashed: {len(ended)}.", ""]
    lines += [f"- `{path.relative_to(base)}`: {said}" for path, said in ended]
    faults = []
    for score in scores:
        groups, wrong = explained(score, base, reasons)
        faults += wrong
        lines += ["", f"## Disagreements: {score.title}", ""]
        lines += [line for reason, examples in groups for line in [reason, "", *examples, ""]][:-1] or ["None."]
    text = "\n".join(lines) + "\n"

    if faults:
        details = base.with_name(f"{base.name}.md")
        details.write_text(text)
        sys.exit("\n".join([*faults, f"The details are in {details}; nothing was published."]))
    out.mkdir(exist_ok=True)
    (out / "accuracy.md").write_text(text)


if __name__ == "__main__":
    main()
