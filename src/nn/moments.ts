import { z } from "zod";
import { zerosLike } from "../engine/ops.ts";
import type { Weights } from "../engine/tensor.ts";

/** What a running mean keeps of its past at each step. */
export const beta = z.number().min(0).lt(1);

/** A moment of every weight before the first step. */
export const zeroMoments = (weights: Weights): Weights => new Map([...weights].map(([name, weight]) => [name, zerosLike(weight)]));
