// A writer of PNG: 8 bits for each of red, green and blue, no interlacing.

import { deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The checksum of PNG; Node's own `crc32` is not in every Node 20. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Length, type, contents and checksum, as every part of a PNG is stored. */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}

/** The bytes of a PNG file, from `width * height` pixels as numbers 0xrrggbb, row by row from the top. */
export function png(width, height, pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits a channel
  header[9] = 2; // red, green and blue
  const stride = 1 + 3 * width; // Every row begins with the number of its filter: 0, none.
  const rows = Buffer.alloc(height * stride);
  pixels.forEach((color, index) => {
    const [row, column] = [Math.floor(index / width), index % width];
    rows.writeUIntBE(color, row * stride + 1 + 3 * column, 3);
  });
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...parts]);
}
