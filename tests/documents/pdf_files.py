"""Small programs that write PDF files: honest ones, and such as nobody should open."""

import zlib

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(data, about=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), about, data)


def shown(text):
    """The drawing of one line."""
    return b"BT /F1 12 Tf 20 700 Td (" + text.encode("cp1252") + b") Tj ET"


def file_of(objects, trailer=b"", xref=True):
    """A PDF of the objects 1, 2, ..., of which the first is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out) if xref else 12345678
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def pages(*contents, xref=True):
    """A PDF with a page for each content stream."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(contents)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)), FONT]
    for number, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
            % (5 + 2 * number)
        )
        objects.append(content)
    return file_of(objects, xref=xref)


def book(*texts, xref=True):
    """A PDF with a page for each text."""
    return pages(*(stream(shown(text)) for text in texts), xref=xref)


def scan():
    """A page with a picture and no text."""
    return pages(stream(b"q 600 0 0 800 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q"))


def squeezed(data, times):
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


def bomb(megabytes):
    """A page whose drawing inflates three times; of 4000 MB some hundred bytes are left."""
    once = zlib.compressobj(9)
    piece = b" " * 1_000_000
    inner = b"".join(once.compress(piece) for _ in range(megabytes)) + once.flush()
    filters = b"/Filter [/FlateDecode /FlateDecode /FlateDecode]"
    return pages(stream(squeezed(inner, 2), filters))


def many_bombs(count, megabytes):
    """Pages that each inflate to just less than what the reader takes."""
    data = zlib.compress(b"(x) Tj " * (megabytes * 1_000_000 // 7), 9)
    return pages(*[stream(data, b"/Filter /FlateDecode")] * count)


def endless_tree():
    """A page tree that has itself for a child."""
    return file_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000000 >>"])


def deep_tree(depth):
    """A page tree that is one long branch."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    objects += [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 3) for number in range(depth)]
    return file_of([*objects, b"<< /Type /Page /MediaBox [0 0 9 9] >>"])


def nested(depth=200_000):
    """A page of lists in lists in lists."""
    return pages(stream(b"[" * depth + b"]" * depth + b" TJ"))
