"""Files as people attach them, made by hand: small ones of most types that are taken."""

import io
import zipfile

import xlsxwriter


def archive(*names: str) -> bytes:
    """A ZIP of files of these names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, b"<x/>" * 10)
    return file.getvalue()


def workbook() -> bytes:
    """A real workbook, as one program writes it."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("名单").write_string(0, 0, "王芳")
    return file.getvalue()


def compound(stream: str) -> bytes:
    """The beginning of an OLE compound file that has a stream of this name."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(512)
    )


def document() -> bytes:
    """An OpenDocument text: its type comes first, uncompressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        zipped.writestr("content.xml", "<x/>")
    return file.getvalue()


MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
DOCX = archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")
XLSX = workbook()
DOC = compound("WordDocument")
MSI = compound("!_StringPool")
EXE = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff" + bytes(200)
ELF = b"\x7fELF\x02\x01\x01" + bytes(200)
CSV = "客户,金额\r\n王芳,12\r\n".encode()
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
TAKEN: dict[str, bytes] = {
    "名片.png": PNG,
    "扫描.JPG": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01" + bytes(64),
    "photo.jpeg": b"\xff\xd8\xff\xe1\x1f\xfeExif\0\0" + bytes(64),
    "a.gif": b"GIF89a" + bytes(64),
    "a.webp": b"RIFF\x24\0\0\0WEBPVP8 " + bytes(64),
    "a.bmp": b"BM6\0\0\0\0\0\0\0" + bytes(64),
    "a.tif": b"II*\0" + bytes(64),
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(64),
    "意向书.pdf": PDF,
    "合同.docx": DOCX,
    "报价.xlsx": XLSX,
    "介绍.pptx": archive("[Content_Types].xml", "ppt/presentation.xml"),
    "a.odt": document(),
    "a.doc": DOC,
    "a.wps": DOC,
    "a.xls": compound("Workbook"),
    "a.ppt": compound("PowerPoint Document"),
    "a.rtf": b"{\\rtf1\\ansi hello}",
    "a.txt": "你好，世界".encode(),
    "gbk.txt": "你好，世界".encode("gb18030"),
    "a.csv": b"\xef\xbb\xbf" + CSV,
    "a.vcf": b"BEGIN:VCARD\r\nVERSION:4.0\r\nEND:VCARD\r\n",
    "a.eml": b"From: a@example.com\r\nSubject: x\r\n\r\nhello",
    "a.mp3": b"ID3\x03\0\0\0" + bytes(64),
    "a.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(64),
    "a.m4a": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(64),
    "a.amr": b"#!AMR\n" + bytes(64),
    "a.mp4": MP4,
}
"""Name → content."""
DISGUISED: dict[str, bytes] = {
    "a.pdf": EXE,
    "b.pdf": b"<html><script>alert(1)</script></html>",
    "a.png": PDF,
    "a.jpg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a.docx": archive("META-INF/MANIFEST.MF", "Main.class"),
    "b.docx": XLSX,
    "c.docx": archive("word/document.xml", "word/vbaProject.bin"),
    "a.doc": MSI,
    "a.xls": DOC,
    "a.txt": EXE,
    "b.txt": b"#!/bin/sh\nrm -rf ~\n",
    "c.txt": b"  \n<!DOCTYPE html><script>",
    "d.txt": b"\xef\xbb\xbf<?xml version='1.0'?><svg/>",
    "e.txt": b"half\0binary",
    "f.txt": b"\x81\x20\xff\xff neither UTF-8 nor GBK \xff",
    "a.csv": ELF,
    "a.mp4": b"RIFF\x24\0\0\0AVI " + bytes(64),
}
"""Name → content that is not what the name says."""
