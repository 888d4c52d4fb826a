// A network as an ONNX file, opset 17: a few messages of its protocol buffers, written by hand. Knows no
// runtime.

import type { Convolution, Dense, Network } from "./networks.js";

export const INPUT = "images";
export const OUTPUT = "probabilities";

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
const ATTRIBUTE = { int: 2, string: 3, ints: 7 } as const;

type Bytes = Uint8Array;

const text = (value: string): Bytes => new TextEncoder().encode(value);

function joined(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varint(value: number): Bytes {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

const integer = (field: number, value: number): Bytes => joined([varint(field * 8), varint(value)]);
const block = (field: number, ...parts: Bytes[]): Bytes => {
  const content = joined(parts);
  return joined([varint(field * 8 + 2), varint(content.length), content]);
};
const string = (field: number, value: string): Bytes => block(field, text(value));

interface Attributes {
  [name: string]: number | string | readonly number[];
}

function attribute(name: string, value: Attributes[string]): Bytes {
  if (typeof value === "number") return block(5, string(1, name), integer(3, value), integer(20, ATTRIBUTE.int));
  if (typeof value === "string") return block(5, string(1, name), string(4, value), integer(20, ATTRIBUTE.string));
  return block(5, string(1, name), ...value.map((one) => integer(8, one)), integer(20, ATTRIBUTE.ints));
}

function shaped(field: number, name: string, shape: readonly number[]): Bytes {
  const dimensions = shape.map((size) => block(1, integer(1, size)));
  return block(field, string(1, name), block(2, block(1, integer(1, FLOAT), block(2, ...dimensions))));
}

/** Nodes and tensors in the making. */
class Graph {
  readonly parts: Bytes[] = [];
  #count = 0;

  /** A tensor of weights; its name. */
  constant(values: Float32Array, shape: readonly number[]): string {
    const name = `constant${(this.#count += 1)}`;
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const dimensions = shape.map((size) => integer(1, size));
    this.parts.push(block(5, ...dimensions, integer(2, FLOAT), string(8, name), block(9, raw)));
    return name;
  }

  /** An operation; the name of what it gives. */
  node(operation: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = output ?? `value${(this.#count += 1)}`;
    const given = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    this.parts.push(block(1, ...inputs.map((input) => string(1, input)), string(2, name), string(4, operation), ...given));
    return name;
  }

  convolution(values: string, layer: Convolution): string {
    const { shape, stride, groups, padding } = layer;
    const inputs = [values, this.constant(layer.kernel, shape), this.constant(layer.bias, [shape[0]])];
    const convolved = this.node("Conv", inputs, {
      kernel_shape: [shape[2], shape[3]],
      strides: [stride, stride],
      group: groups,
      auto_pad: padding === "same" ? "SAME_UPPER" : "VALID",
    });
    const active =
      layer.activation === "relu"
        ? this.node("Relu", [convolved])
        : this.node("Clip", [convolved, this.constant(Float32Array.of(0), []), this.constant(Float32Array.of(6), [])]);
    return layer.pools ? this.node("MaxPool", [active], { kernel_shape: [2, 2], strides: [2, 2] }) : active;
  }

  dense(values: string, layer: Dense): string {
    const weights = this.constant(layer.weights, [layer.outputs, layer.weights.length / layer.outputs]);
    const sums = this.node("Gemm", [values, weights, this.constant(layer.bias, [layer.outputs])], { transB: 1 });
    return layer.activates ? this.node("Relu", [sums]) : sums;
  }
}

/** The file. */
export function onnx(network: Network): Uint8Array {
  const graph = new Graph();
  let values = INPUT;
  for (const layer of network.convolutions) values = graph.convolution(values, layer);
  if (network.bridge === "mean") values = graph.node("GlobalAveragePool", [values]);
  values = graph.node("Flatten", [values], { axis: 1 });
  for (const layer of network.dense) values = graph.dense(values, layer);
  graph.node("Softmax", [values], { axis: 1 }, OUTPUT);
  const outputs = network.dense.at(-1)?.outputs ?? 0;
  const ends = [shaped(11, INPUT, network.input), shaped(12, OUTPUT, [network.input[0], outputs])];
  const body = block(7, ...graph.parts, string(2, "network"), ...ends);
  return joined([integer(1, IR_VERSION), body, block(8, string(1, ""), integer(2, OPSET))]);
}
