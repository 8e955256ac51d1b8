"""Make a picture of a page small: 256 colours are enough for text on flat ground, and take a third of the room."""

import base64
import struct
import zlib
from typing import Any, Final

from playwright.sync_api import Page

COLOURS: Final = 256
_READ: Final = """async ({ picture, most }) => {
  const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const pixels = new Uint32Array(data.length / 4);
  const seen = new Map();
  for (let at = 0; at < pixels.length; at += 1) {
    const colour = (data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2];
    pixels[at] = colour;
    seen.set(colour, (seen.get(colour) || 0) + 1);
  }
  const apart = (one, other) => {
    const red = (one >> 16) - (other >> 16);
    const green = ((one >> 8) & 255) - ((other >> 8) & 255);
    const blue = (one & 255) - (other & 255);
    return red * red + green * green + blue * blue;
  };
  // Grounds as they are; then the most frequent colours, but none that is all but there already: a rare pill is worth
  // more than a tenth grey.
  const byNumber = [...seen.keys()].sort((one, other) => seen.get(other) - seen.get(one) || one - other);
  const palette = byNumber.filter((colour) => seen.get(colour) > pixels.length / 500).slice(0, most);
  for (const near of [150, 50, 12, 0]) {
    for (const colour of byNumber) {
      if (palette.length < most && palette.every((taken) => apart(taken, colour) > near)) palette.push(colour);
    }
  }
  const place = new Map();
  for (const colour of byNumber) {
    let best = 0;
    for (let at = 1; at < palette.length; at += 1) {
      if (apart(palette[at], colour) < apart(palette[best], colour)) best = at;
    }
    place.set(colour, best);
  }
  const rows = [];
  for (let y = 0; y < image.height; y += 1) {
    let row = "";
    for (let x = 0; x < image.width; x += 1) row += String.fromCharCode(place.get(pixels[y * image.width + x]));
    rows.push(row);
  }
  return { width: image.width, height: image.height, palette, rows: btoa(rows.join("")) };
}"""


def squeezed(blank: Page, picture: bytes) -> bytes:
    """Give a PNG as one with at most 256 colours; the blank page of a browser reads the pixels."""
    read: dict[str, Any] = blank.evaluate(_READ, {"picture": base64.b64encode(picture).decode(), "most": COLOURS})
    return written(read["width"], read["height"], read["palette"], base64.b64decode(read["rows"]))


def written(width: int, height: int, palette: list[int], pixels: bytes) -> bytes:
    """Give a PNG of one byte a pixel, each the place of its colour (0xRRGGBB) in the palette (PNG, third edition)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(colour.to_bytes(3, "big") for colour in palette)
    # No filter: neighbours in a palette are not alike in number (section 12.7).
    rows = b"".join(b"\0" + pixels[begin : begin + width] for begin in range(0, width * height, width))
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
