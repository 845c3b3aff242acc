import { expect, test } from "vitest";
import { observe, operator } from "./operator.ts";
import { arange, zeros } from "./ops.ts";
import { release, scope } from "./scope.ts";
import { item, read, readFloats, scalar, type Tensor, tensor } from "./tensor.ts";

const failing = (code: string, message: RegExp): object => expect.objectContaining({ code, message: expect.stringMatching(message) });

test("an unknown operator or overload is a typed error", () => {
  expect(() => operator("aten::no_such_thing")).toThrowError(failing("EG-1105", /no operator is named aten::no_such_thing/));
  expect(() => operator("aten::add.Nothing")).toThrowError(failing("EG-1105", /aten::add\.Nothing/));
});

test("a wrong argument names operator, argument, expected and got", () => {
  scope(() => {
    const x = zeros([2, 3]);
    const cases: readonly (readonly [() => unknown, RegExp])[] = [
      [() => operator("aten::add.Tensor")(x, 3), /aten::add\.Tensor: argument "other": expected Tensor, got number 3/],
      [() => operator("aten::add.Tensor")(x, null), /aten::add\.Tensor: argument "other": expected Tensor, got nothing/],
      [() => operator("aten::add.Tensor")(x), /argument "other": expected Tensor, got nothing/],
      [() => operator("aten::select.int")(x, x, 0), /aten::select\.int: argument "dim": expected int, got a tensor/],
      [() => operator("aten::select.int")(x, 0.5, 0), /argument "dim": expected int, got number 0\.5/],
      [() => operator("aten::select.int")(x, Number.NaN, 0), /argument "dim": expected int, got number NaN/],
      [() => operator("aten::select.int")(x, "0", 0), /argument "dim": expected int, got string "0"/],
      [() => operator("aten::gelu")(x, 1), /argument "approximate": expected str, got number 1/],
      [() => operator("aten::sum.dim_IntList")(x, [0, "1"]), /argument "dim": expected .*, got string "1"/],
      [() => operator("aten::sum.dim_IntList")(x, 0), /argument "dim": expected .*, got number 0/],
      [() => operator("aten::sum.dim_IntList")(x, [0], 1), /argument "keepdim": expected bool, got number 1/],
      [() => operator("aten::cat")(x, 0), /argument "tensors"/],
      [() => operator("aten::cat")([x, 4], 0), /argument "tensors": expected .*, got number 4/],
      [() => operator("aten::arange")(2, -7), /argument "dtype": expected ScalarType\?, got number -7/],
      [() => operator("aten::arange")(2, 4, 99), /argument "layout": expected Layout\?, got number 99/],
      [() => operator("aten::clone")(x, 12), /argument "memory_format": expected MemoryFormat\?, got number 12/],
      [() => operator("aten::neg")(x, 1), /aten::neg: more arguments than the operator has/],
    ];
    for (const [call, message] of cases) expect(call).toThrowError(failing("EG-1101", message));
  });
});

test("what libtorch refuses is a typed error of one line", () => {
  scope(() => {
    const call = (): unknown => operator("aten::mm")(zeros([2, 3]), zeros([2, 3]));
    expect(call).toThrowError(failing("EG-1107", /^aten::mm: mm: mat1 and mat2 shapes cannot be multiplied[^\n]*$/));
  });
});

test("a freed tensor is named as the argument it was given for", () => {
  scope(() => {
    const dead = zeros([2]);
    release(dead);
    expect(() => operator("aten::add.Tensor")(zeros([2]), dead)).toThrowError(failing("EG-1102", /argument "other".*freed/));
  });
});

test("whole numbers stay integers and { float } does not", () => {
  scope(() => {
    const whole = operator("aten::mul.Scalar")(arange(3), 2)[0] as Tensor;
    const real = operator("aten::mul.Scalar")(arange(3), { float: 2 })[0] as Tensor;
    expect([whole.dtype, real.dtype]).toEqual(["int64", "float32"]);
  });
});

test("results come in the schema's order, lists as lists, absent arguments at their defaults", () => {
  scope(() => {
    const [values, indices] = operator("aten::max.dim")(tensor([1, 9, 2], [3], "float32"), 0) as [Tensor, Tensor];
    expect([item(values), item(indices)]).toEqual([9, 1]);
    const [parts] = operator("aten::split.Tensor")(arange(5), 2) as readonly [readonly Tensor[]];
    expect(parts.map((part) => Array.from(read(part), Number))).toEqual([[0, 1], [2, 3], [4]]);
  });
});

test("observers see every call until they are taken away", () => {
  const seen: string[] = [];
  const stop = observe((name) => void seen.push(name));
  scope(() => void operator("aten::neg")(zeros([1])));
  stop();
  scope(() => void operator("aten::exp")(zeros([1])));
  expect(seen).toEqual(["aten::zeros", "aten::neg"]);
});

test("tensors refuse data that is not theirs", () => {
  expect(() => tensor(new Float32Array(3), [2, 2], "float32")).toThrowError(failing("EG-1101", /expected 16 bytes, got 12/));
  expect(() => tensor([1], [1], "bfloat16")).toThrowError(failing("EG-1101", /make float32 and convert/));
  expect(() => tensor(new Float32Array(1), [-1], "float32")).toThrowError(failing("EG-1101", /shape/));
  expect(() => tensor(new Float32Array(0), [1e9, 1e9], "float32")).toThrowError(failing("EG-1101", /too many elements/));
  scope(() => {
    expect(() => item(zeros([2]))).toThrowError(failing("EG-1101", /expected one entry, got shape \[2\]/));
    expect(() => readFloats(arange(2))).toThrowError(failing("EG-1101", /expected float32, got int64/));
    expect(item(scalar(0.5))).toBe(0.5);
    expect(Array.from(read(zeros([0, 3])), Number)).toEqual([]);
  });
});

test("entries come back row by row in every type", () => {
  scope(() => {
    for (const dtype of ["float32", "float64", "int64", "int32", "int16", "int8", "uint8"] as const)
      expect(Array.from(read(tensor([1, 2, 3, 4, 5, 6], [2, 3], dtype)), Number), dtype).toEqual([1, 2, 3, 4, 5, 6]);
    const turned = operator("aten::t")(tensor([1, 2, 3, 4, 5, 6], [2, 3], "float32"))[0] as Tensor;
    expect(Array.from(read(turned), Number)).toEqual([1, 4, 2, 5, 3, 6]);
  });
});
