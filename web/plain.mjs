// Derives the engine for browsers without relaxed SIMD from the one that is compiled: every fused multiply-add becomes a
// multiplication and an addition, and a minimum or maximum that may treat NaN and signed zeros as it likes becomes one that
// does not. Compiling twice would take twice the time for the same difference.
//
// The operands a, b, c of a fused operation are on the stack, so `c` is put aside while `a b` is multiplied. That takes one
// more local variable in each function that has such operations, and leaves everything else byte for byte as it is.
// The numbers are those of the WebAssembly specification, chapter 5, "Binary Format".

const [TYPES, FUNCTIONS, CODE] = [1, 3, 10];
const V128 = 0x7b;
const [LOCAL_GET, LOCAL_SET, SIMD] = [0x20, 0x21, 0xfd];
const [F32X4_ADD, F32X4_MUL, RELAXED_MADD] = [0xe4, 0xe6, 0x105];
// Relaxed minima and maxima, of single and double precision, and the strict ones, which are among what they may give.
const STRICT = new Map([[0x10d, 0xe8], [0x10e, 0xe9], [0x10f, 0xf4], [0x110, 0xf5]]);
const isRelaxed = (opcode) => opcode >= 0x100 && opcode <= 0x113;

// Reads a program piece by piece.
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    if (this.at >= this.bytes.length) throw new Error("the program ends in the middle");
    return this.bytes[this.at++];
  }
  // An unsigned number; of a signed one only the length is right, and nothing more is asked of those.
  number() {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte & 0x80);
    return value;
  }
  skip(count) {
    this.at += count;
  }
  take(count) {
    this.skip(count);
    return this.bytes.subarray(this.at - count, this.at);
  }
  list(item) {
    return Array.from({ length: this.number() }, item);
  }
}

function number(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

const withLength = (bytes) => Buffer.concat([Buffer.from(number(bytes.length)), bytes]);

// Steps over an instruction and returns its number if it belongs to SIMD.
function step(reader) {
  const opcode = reader.byte();
  const memory = () => {
    reader.number();
    reader.number();
  };
  if (opcode === SIMD) {
    const simd = reader.number();
    if (simd <= 11 || simd === 92 || simd === 93) memory(); // whole vectors, splats, zero-extended
    else if (simd === 12 || simd === 13) reader.skip(16); // constants, shuffles
    else if (simd >= 21 && simd <= 34) reader.skip(1); // lanes
    else if (simd >= 84 && simd <= 91) memory(), reader.skip(1); // lanes in memory
    return simd;
  }
  if (opcode === 0xfc) {
    const bulk = reader.number();
    if (bulk > 17) throw new Error(`instruction 0xfc ${bulk} is not known here`);
    if (bulk >= 8) reader.number();
    if ([8, 10, 12, 14].includes(bulk)) reader.number();
  } else if (opcode >= 0x28 && opcode <= 0x3e) memory();
  else if (opcode === 0x0e) reader.list(() => reader.number()), reader.number(); // br_table
  else if (opcode === 0x1c) reader.list(() => reader.number()); // select with types
  else if (opcode === 0x11) memory(); // call_indirect: two numbers as well
  else if (opcode === 0x43) reader.skip(4); // f32.const
  else if (opcode === 0x44) reader.skip(8); // f64.const
  else if (
    [0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, 0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2].includes(opcode) ||
    (opcode >= 0x20 && opcode <= 0x26)
  ) {
    reader.number(); // blocks, branches, calls, variables, tables, memory sizes, integers, references
  } else if (!(opcode <= 0x01 || opcode === 0x05 || opcode === 0x0b || opcode === 0x0f || opcode === 0x1a || opcode === 0x1b || (opcode >= 0x45 && opcode <= 0xc4) || opcode === 0xd1)) {
    throw new Error(`instruction 0x${opcode.toString(16)} is not known here`);
  }
}

// The body of a function of so many parameters, with its fused operations taken apart.
function takeApart(body, parameters) {
  const reader = new Reader(body);
  const variables = reader.list(() => ({ count: reader.number(), type: reader.byte() }));
  const start = reader.at;
  const aside = number(variables.reduce((sum, { count }) => sum + count, parameters));
  const apart = [LOCAL_SET, ...aside, SIMD, ...number(F32X4_MUL), LOCAL_GET, ...aside, SIMD, ...number(F32X4_ADD)];
  const parts = [];
  let done = start;
  while (reader.at < body.length) {
    const at = reader.at;
    const simd = step(reader);
    if (simd === RELAXED_MADD) {
      parts.push(body.subarray(done, at), Buffer.from(apart));
      done = reader.at;
    } else if (STRICT.has(simd)) {
      parts.push(body.subarray(done, at), Buffer.from([SIMD, ...number(STRICT.get(simd))]));
      done = reader.at;
    } else if (isRelaxed(simd)) {
      throw new Error(`relaxed instruction 0xfd ${simd} has no plain form here`);
    }
  }
  if (!parts.length) return body;
  variables.push({ count: 1, type: V128 });
  const declared = variables.flatMap(({ count, type }) => [...number(count), type]);
  return Buffer.concat([Buffer.from([...number(variables.length), ...declared]), ...parts, body.subarray(done)]);
}

// The sections of a program, each with the place where its content begins.
function* sections(program) {
  const reader = new Reader(program, 8);
  while (reader.at < program.length) {
    const id = reader.byte();
    const length = reader.number();
    yield { id, at: reader.at, content: reader.take(length) };
  }
}

// The places of a program's fused operations. Their bytes alone may also be a part of something else.
export function fusedOperations(program) {
  const places = [];
  for (const { id, at, content } of sections(program)) {
    if (id !== CODE) continue;
    const reader = new Reader(content);
    reader.list(() => {
      const length = reader.number();
      const end = reader.at + length;
      reader.list(() => [reader.number(), reader.byte()]); // variables
      while (reader.at < end) {
        const place = at + reader.at;
        if (step(reader) === RELAXED_MADD) places.push(place);
      }
    });
  }
  return places;
}

// The program without relaxed SIMD.
export function plain(program) {
  const parts = [program.subarray(0, 8)];
  let parameters, types;
  for (let { id, content } of sections(program)) {
    const inside = new Reader(content);
    if (id === TYPES) {
      parameters = inside.list(() => {
        if (inside.byte() !== 0x60) throw new Error("a type that is no function's is not known here");
        const taken = inside.list(() => inside.byte()).length;
        inside.list(() => inside.byte());
        return taken;
      });
    } else if (id === FUNCTIONS) {
      types = inside.list(() => inside.number());
    } else if (id === CODE) {
      let index = 0;
      const bodies = inside.list(() => withLength(takeApart(inside.take(inside.number()), parameters[types[index++]])));
      content = Buffer.concat([Buffer.from(number(bodies.length)), ...bodies]);
    }
    parts.push(Buffer.from([id]), withLength(content));
  }
  return Buffer.concat(parts);
}
