// The program that makes the plain engine of the fused one, on programs small enough to see through.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { plain } from "../../web/plain.mjs";

const dist = new URL("../../dist/", import.meta.url);
const ADD = [0xfd, 0xe4, 0x01];
const FUSE = [0xfd, 0x85, 0x02];
const load = (at) => [0x41, at, 0xfd, 0, 0, 0];

// A program with a memory and a function `f(i32)` that stores the vector that `code` leaves, at 48.
function program(code, locals = []) {
  const body = [locals.length / 2, ...locals, 0x41, 48, ...code, 0xfd, 11, 0, 0, 0x0b];
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 5, 1, 0x60, 1, 0x7f, 0], // one type: an integer, to nothing
    ...[3, 2, 1, 0], // one function of it
    ...[5, 3, 1, 0, 1], // one page of memory
    ...[7, 9, 2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0], // exported as f and m
    ...[10, body.length + 2, 1, body.length, ...body],
  ]);
}

function run(program, values) {
  const { f, m } = new WebAssembly.Instance(new WebAssembly.Module(program)).exports;
  const floats = new Float32Array(m.buffer);
  floats.set(values);
  f(0);
  return [...floats.subarray(12, 16)];
}

const A = [1, 2, 3, 4];
const B = [10, 20, 30, 40];
const C = [0.5, 0.25, 0, -1];

test("a fused operation becomes a product and a sum, in the order of its operands", () => {
  const expected = A.map((a, i) => a * B[i] + C[i]);
  for (const locals of [[], [2, 0x7f, 1, 0x7b]]) {
    const got = run(plain(program([...load(0), ...load(16), ...load(32), ...FUSE], locals)), [...A, ...B, ...C]);
    assert.deepEqual(got, expected);
  }
});

test("operations within operations keep apart", () => {
  // (A B + C) B + (C C + A)
  const code = [
    ...[...load(0), ...load(16), ...load(32), ...FUSE],
    ...load(16),
    ...[...load(32), ...load(32), ...load(0), ...FUSE],
    ...FUSE,
  ];
  const expected = A.map((a, i) => (a * B[i] + C[i]) * B[i] + (C[i] * C[i] + a));
  assert.deepEqual(run(plain(program(code)), [...A, ...B, ...C]), expected);
});

test("relaxed minima and maxima become strict ones", () => {
  const bits = (values) => [...new Float64Array(new Float32Array(values).buffer)];
  const [D, E] = [new Float32Array(new Float64Array([3, -7]).buffer), new Float32Array(new Float64Array([2, 5]).buffer)];
  for (const [opcode, a, b, expected] of [
    [0x10d, A, C, A.map((a, i) => Math.min(a, C[i]))],
    [0x10e, A, C, A.map((a, i) => Math.max(a, C[i]))],
  ]) {
    const code = [...load(0), ...load(16), 0xfd, opcode & 0x7f | 0x80, opcode >> 7];
    assert.deepEqual(run(plain(program(code)), [...a, ...b]), expected);
  }
  for (const [opcode, expected] of [[0x10f, [2, -7]], [0x110, [3, 5]]]) {
    const code = [...load(0), ...load(16), 0xfd, opcode & 0x7f | 0x80, opcode >> 7];
    const strict = plain(program(code));
    assert.ok(!strict.equals(program(code)));
    assert.deepEqual(bits(run(strict, [...D, ...E])), expected);
  }
});

test("everything else stays byte for byte", () => {
  // The fused operation's bytes as a number: no instruction, so it must not be touched.
  const constant = [0xfd, 12, ...FUSE, 0, 0x80, 0x3f, ...FUSE, ...FUSE, 0, 0, 0x80, 0x3f];
  const without = program([...load(0), ...constant, ...ADD]);
  assert.deepEqual(plain(without), without);
});

test("what has no plain form is refused", () => {
  assert.throws(() => plain(program([...load(0), ...load(16), 0xfd, 0x80, 0x02])), /relaxed instruction 0xfd 256/);
  assert.throws(() => plain(program([0xfe, 0])), /instruction 0xfe is not known/);
});

test("the shipped engines are one program, the second without relaxed SIMD", async () => {
  const names = (await readdir(dist)).filter((name) => /^engine-.*_bg[.]wasm$/.test(name)).sort();
  assert.equal(names.length, 2);
  const [second, first] = await Promise.all(names.map((name) => readFile(new URL(name, dist))));
  assert.ok(plain(first).equals(second), names.join(" and "));
  assert.ok(!second.equals(first), "the first has fused operations");
  assert.ok(plain(second).equals(second), "the second has none");
  assert.ok(WebAssembly.validate(second));
});
