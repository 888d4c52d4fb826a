// The networks that peers build, layer by layer: MobileNet with the product's weights, LeNet with drawn
// ones. Knows no peer.

import { floats, tensors } from "./safetensors.js";

export interface Convolution {
  /** [outputs, inputs of a group, rows, columns] */
  shape: [number, number, number, number];
  kernel: Float32Array;
  bias: Float32Array;
  stride: number;
  /** As many as channels where each is convolved by itself, else 1. */
  groups: number;
  padding: "same" | "valid";
  activation: "relu" | "relu6";
  /** Followed by a 2×2 max-pool. */
  pools: boolean;
}

export interface Dense {
  outputs: number;
  /** [outputs, inputs] */
  weights: Float32Array;
  bias: Float32Array;
  activates: boolean;
}

export interface Network {
  /** [images, channels, rows, columns] */
  input: [number, number, number, number];
  convolutions: Convolution[];
  /** What becomes of positions: their mean, or one long vector. */
  bridge: "mean" | "flatten";
  dense: Dense[];
}

const STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];

/** MobileNet v1 for one image at a time, batch-norms folded. */
export function mobilenet(file: Uint8Array, side: number): Network {
  const all = tensors(file);
  const layer = (name: string) => {
    const [weight, bias] = [all.get(`${name}.weight`), all.get(`${name}.bias`)];
    if (!weight || !bias) throw new Error(`the weights have no ${name}`);
    return { shape: weight.shape as Convolution["shape"], kernel: floats(weight), bias: floats(bias) };
  };
  const rest = { padding: "same", activation: "relu6", pools: false } as const;
  const convolutions: Convolution[] = [{ ...layer("stem"), ...rest, stride: 2, groups: 1 }];
  for (const [index, stride] of STRIDES.entries()) {
    const depthwise = layer(`blocks.${index}.depthwise`);
    convolutions.push({ ...depthwise, ...rest, stride, groups: depthwise.shape[0] });
    convolutions.push({ ...layer(`blocks.${index}.pointwise`), ...rest, stride: 1, groups: 1 });
  }
  const { shape, kernel, bias } = layer("classifier");
  const dense = [{ outputs: shape[0], weights: kernel, bias, activates: false }];
  return { input: [1, 3, side, side], convolutions, bridge: "mean", dense };
}

interface LeNetShape {
  batch_size: number;
  conv1_channels: number;
  conv2_channels: number;
  hidden_units: number;
  kernel_size: number;
}

/** LeNet without batch-norm: convolution, ReLU and pool twice, then two dense layers. */
export function lenet(setting: LeNetShape): Network {
  const { conv1_channels: first, conv2_channels: second, hidden_units: units, kernel_size: kernel } = setting;
  const convolution = (outputs: number, inputs: number): Convolution => ({
    shape: [outputs, inputs, kernel, kernel],
    kernel: drawn(outputs * inputs * kernel * kernel),
    bias: drawn(outputs),
    stride: 1,
    groups: 1,
    padding: "valid",
    activation: "relu",
    pools: true,
  });
  const pooled = (side: number) => Math.floor((side - kernel + 1) / 2);
  const features = pooled(pooled(28)) ** 2 * second;
  const dense = (outputs: number, inputs: number, activates: boolean): Dense => ({
    outputs,
    weights: drawn(outputs * inputs),
    bias: drawn(outputs),
    activates,
  });
  return {
    input: [setting.batch_size, 1, 28, 28],
    convolutions: [convolution(first, 1), convolution(second, first)],
    bridge: "flatten",
    dense: [dense(units, features, true), dense(10, units, false)],
  };
}

/** Speed does not depend on them, as long as they are ordinary numbers. */
function drawn(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (Math.random() - 0.5) / 5);
}
