import { hostDevice } from "./host.ts";
import { expand, toDevice, zeros } from "./ops.ts";
import { keep, scope, tensorsIn } from "./scope.ts";
import { type Device, Tensor } from "./tensor.ts";

/** Stands for a tensor in the host's memory where nothing has data: on `meta` it takes the bytes of one entry, however large it is. */
class HostShape extends Tensor {}

/** The tensor in the host's memory; itself where it lies there. */
export function toHost(value: Tensor): Tensor {
  if (value.device === hostDevice || value instanceof HostShape) return value;
  if (value.device !== "meta") return toDevice(value, hostDevice);
  return new HostShape(scope(() => keep(expand(zeros([], value.dtype, value.device), value.shape))).handle);
}

/** The tensor on a device; itself where it lies there. */
export function fromHost(value: Tensor, device: Device): Tensor {
  if (value instanceof HostShape) return zeros(value.shape, value.dtype, device);
  return value.device === device ? value : toDevice(value, device);
}

/** Tensors of a state on `meta` that stand for such in the host's memory. */
export const shapesOnHost = (state: unknown): readonly Tensor[] => [...tensorsIn(state)].filter((each) => each instanceof HostShape);
