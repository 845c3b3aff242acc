import fc from "fast-check";
import { expect, test } from "vitest";
import { memory } from "./memory.ts";
import { zeros } from "./ops.ts";
import { borrow, handOver, isBorrowed, keep, release, scope, tensorsIn } from "./scope.ts";
import { read, type Tensor } from "./tensor.ts";

const live = (): number => memory().tensors;
const isAlive = (each: Tensor): boolean => {
  try {
    read(each);
    return true;
  } catch {
    return false;
  }
};

test("what a scope makes is freed, what it returns is not", () => {
  const before = live();
  const kept = scope(() => {
    zeros([2]);
    return { inside: [zeros([3]), new Map([["a", zeros([4])]])] };
  });
  expect(live()).toBe(before + 2);
  expect(tensorsIn(kept).size).toBe(2);
  release(kept);
  expect(live()).toBe(before);
});

test("the enclosing scope takes over a result and frees it at its own end", () => {
  const before = live();
  scope(() => {
    const inner = scope(() => scope(() => zeros([2])));
    expect(live()).toBe(before + 1);
    expect(isAlive(inner)).toBe(true);
    return undefined;
  });
  expect(live()).toBe(before);
});

test("a result that holds itself is searched once", () => {
  const before = live();
  const ring: { next?: unknown; value: Tensor }[] = [];
  const kept = scope(() => {
    const first: { next?: unknown; value: Tensor } = { value: zeros([1]) };
    first.next = { next: first, value: zeros([1]) };
    ring.push(first);
    return ring;
  });
  expect(live()).toBe(before + 2);
  release(kept);
  expect(live()).toBe(before);
});

test("an error frees everything made so far, in inner scopes too", () => {
  const before = live();
  expect(() =>
    scope(() => {
      zeros([1]);
      scope(() => {
        zeros([2]);
        throw new Error("stop");
      });
    }),
  ).toThrow("stop");
  expect(live()).toBe(before);
});

test("a promise or a generator is refused with EG-1104, and nothing stays", () => {
  const before = live();
  expect(() => scope(() => Promise.resolve(zeros([1])))).toThrowError(expect.objectContaining({ code: "EG-1104", failure: "scope" }));
  const generator = function* (): Generator<Tensor> {
    yield zeros([1]);
  };
  expect(() => scope(() => generator())).toThrowError(expect.objectContaining({ code: "EG-1104" }));
  expect(live()).toBe(before);
});

test("a kept tensor outlives every scope until it is released", () => {
  const before = live();
  const held: Tensor[] = [];
  scope(() => void scope(() => void held.push(keep(zeros([2])))));
  expect(live()).toBe(before + 1);
  release(held);
  expect(live()).toBe(before);
});

test("a tensor handed over dies with the scope it was handed to", () => {
  const before = live();
  const held = keep(zeros([2]));
  scope(() => {
    scope(() => undefined);
    handOver([held]);
    return undefined;
  });
  expect(live()).toBe(before);
  expect(isAlive(held)).toBe(false);
});

test("a borrowed tensor can be read but not kept", () => {
  scope(() => {
    const weight = borrow({ weight: zeros([2]) }).weight;
    expect(isBorrowed(weight)).toBe(true);
    expect(Array.from(read(weight), Number)).toEqual([0, 0]);
    expect(() => keep([weight])).toThrowError(expect.objectContaining({ code: "EG-1103", fix: "keep a snapshot() of it" }));
  });
});

test("a freed tensor is named in a typed error wherever it is used, also after its slot has another", () => {
  scope(() => {
    const dead = zeros([2]);
    release(dead);
    const next = zeros([5]);
    expect(next.handle).not.toBe(dead.handle);
    expect(() => read(dead)).toThrowError(expect.objectContaining({ code: "EG-1102", failure: "freed" }));
    expect(() => release(dead)).toThrow(/freed/);
    expect(Array.from(read(next), Number)).toEqual([0, 0, 0, 0, 0]);
  });
});

test("any nesting of scopes leaves exactly what is kept", () => {
  type Plan = { readonly make: number; readonly keep: number; readonly inner: readonly Plan[] };
  const planOf = (depth: number): fc.Arbitrary<Plan> =>
    fc.record({
      make: fc.nat(3),
      keep: fc.nat(2),
      inner: depth === 0 ? fc.constant([]) : fc.array(planOf(depth - 1), { maxLength: 3 }),
    });
  const held: Tensor[] = [];
  const walk = (at: Plan): void => {
    scope(() => {
      for (let i = 0; i < at.make; i++) zeros([1]);
      for (let i = 0; i < at.keep; i++) held.push(keep(zeros([1])));
      at.inner.forEach(walk);
    });
  };
  fc.assert(
    fc.property(planOf(3), (root) => {
      const before = live();
      walk(root);
      expect(live()).toBe(before + held.length);
      release(held.splice(0));
      expect(live()).toBe(before);
    }),
    { numRuns: 50 },
  );
});
