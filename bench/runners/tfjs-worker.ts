// TensorFlow.js with its wasm backend in a Web Worker, on one thread. It can't train: the backend has
// no gradient of a convolution. The model is the product's, with fused operations where there are any
// and weights drawn at random; the images are normalised before anything is measured.

import type * as Core from "@tensorflow/tfjs-core";
import type * as Backend from "@tensorflow/tfjs-backend-wasm";

import { CLASSES, images } from "./blobs.js";
import { within } from "./measurement.js";
import { mobilenet, type Convolution } from "./networks.js";
import { check, dataFile, likeliest, normalised, photos, SIDE } from "./photos.js";
import type { Request, Setting } from "./request.js";
import { fetched, serve } from "./worker.js";

const PIXEL_MEAN = 0.1307;
const PIXEL_DEVIATION = 0.3081;
const EPSILON = 1e-5;

type Tf = typeof Core & { wasm: typeof Backend };
type Classify = () => number;

interface Shape extends Setting {
  conv1_channels: number;
  conv2_channels: number;
  hidden_units: number;
  kernel_size: number;
  batch_norm: boolean;
}

interface Batch {
  images: Core.Tensor4D;
  labels: Uint8Array;
}

const starting = start();
const models = new Map<string, Classify>();
let labelling: Promise<Classify> | undefined;

serve(async (request: Request) => {
  if (request.do === "label" && request.from === "input") return within(request.seconds, await (labelling ??= ofPhotos()));
  if (request.do !== "measure" || request.work !== "forward") {
    throw new Error("TensorFlow.js in wasm only classifies");
  }
  const key = JSON.stringify(request.setting);
  const classify = models.get(key) ?? (await prepared(request.setting as Shape));
  models.set(key, classify);
  return within(request.seconds, classify);
});

/** Both packages are scripts that put themselves into the global `tf`. */
async function start(): Promise<Tf> {
  const scripts = ["/tfjs-core/tf-core.min.js", "/tfjs-wasm/tf-backend-wasm.min.js"];
  for (const script of scripts) await import(script);
  const { tf } = globalThis as unknown as { tf: Tf };
  tf.wasm.setThreadsCount(1);
  tf.wasm.setWasmPaths("/tfjs-wasm/");
  await tf.setBackend("wasm");
  await tf.ready();
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("TensorFlow.js found no SIMD");
  return tf;
}

async function prepared(setting: Shape): Promise<Classify> {
  const tf = await starting;
  const batches = batched(tf, await fetched("validation"), setting.batch_size);
  const model = lenet(tf, setting);
  let next = 0;
  let correct = 0;
  return () => {
    const batch = batches[next] as Batch;
    next = (next + 1) % batches.length;
    const classes = tf.tidy(() => tf.argMax(model(batch.images), 1).dataSync());
    correct += batch.labels.filter((label, index) => label === classes[index]).length;
    return batch.labels.length;
  };
}

/** Labels all photos, one after the other. */
async function ofPhotos(): Promise<Classify> {
  const tf = await starting;
  const given = await photos();
  const network = mobilenet(await dataFile("mobilenet.safetensors"), SIDE);
  const layers = network.convolutions.map((layer) => (layer.groups === 1 ? pointwise(tf, layer) : depthwise(tf, layer)));
  const classify = network.dense.map(({ weights, bias, outputs }) => {
    // Once: with `transposeB` the backend's fused product is wrong.
    const b = tf.tidy(() => tf.transpose(tf.tensor2d(weights, [outputs, weights.length / outputs])));
    const biases = tf.tensor1d(bias);
    return (a: Core.Tensor) => tf.fused.matMul({ a, b, bias: biases, activation: "linear" });
  });
  const inputs = given.inputs.map((input) => tf.tensor4d(normalised(input), [1, SIDE, SIDE, 3]));
  const scores = (input: Core.Tensor) =>
    tf.tidy(() => {
      const features = layers.reduce((values, layer) => layer(values), input);
      const means: Core.Tensor = tf.mean(features, [1, 2]);
      return tf.softmax(classify.reduce((values, layer) => layer(values), means)).dataSync();
    });
  check(inputs.map((input) => likeliest(scores(input))), given);
  return () => {
    for (const input of inputs) scores(input);
    return inputs.length;
  };
}

/** Kernels in TensorFlow's order: [rows, columns, inputs, outputs]. */
function kernelOf(tf: Tf, { kernel, shape }: Convolution): Core.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(kernel, shape), [2, 3, 1, 0]));
}

function pointwise(tf: Tf, layer: Convolution): Layer {
  const [filter, bias] = [kernelOf(tf, layer), tf.tensor1d(layer.bias)];
  const fixed = { filter, bias, strides: layer.stride, pad: "same", activation: "relu6" } as const;
  return (values) => tf.fused.conv2d({ ...fixed, x: values as Core.Tensor4D });
}

function depthwise(tf: Tf, layer: Convolution): Layer {
  const filter = tf.tidy(() => tf.transpose(kernelOf(tf, layer), [0, 1, 3, 2]));
  const fixed = { filter, bias: tf.tensor1d(layer.bias), strides: layer.stride, pad: "same", activation: "relu6" } as const;
  return (values) => tf.fused.depthwiseConv2d({ ...fixed, x: values as Core.Tensor4D });
}

/** Whole batches of all images. */
function batched(tf: Tf, blob: Uint8Array, size: number): Batch[] {
  const { pixels, labels, height, width } = images(blob);
  const batches = [];
  for (let first = 0; first + size <= labels.length; first += size) {
    const area = height * width;
    const part = Float32Array.from(
      pixels.subarray(first * area, (first + size) * area),
      (pixel) => (pixel / 255 - PIXEL_MEAN) / PIXEL_DEVIATION,
    );
    batches.push({
      images: tf.tensor4d(part, [size, height, width, 1]),
      labels: labels.subarray(first, first + size),
    });
  }
  return batches;
}

/** (convolution → pool → batch-norm → ReLU) × 2 → hidden layer → batch-norm → ReLU → output. */
function lenet(tf: Tf, shape: Shape): (images: Core.Tensor) => Core.Tensor {
  const { conv1_channels: first, conv2_channels: second, hidden_units: units, kernel_size: kernel } = shape;
  const side = pooledSide(pooledSide(28, kernel), kernel);
  const features = side * side * second;
  const isNormed = shape.batch_norm;
  const layers = [
    convolution(tf, [kernel, kernel, 1, first], isNormed),
    convolution(tf, [kernel, kernel, first, second], isNormed),
    (values: Core.Tensor) => tf.reshape(values, [-1, features]),
    linear(tf, [features, units], isNormed ? "linear" : "relu"),
    isNormed ? normed(tf, units) : (values: Core.Tensor) => values,
    linear(tf, [units, CLASSES], "linear"),
  ];
  return (images) => layers.reduce((values, layer) => layer(values), images);
}

type Layer = (values: Core.Tensor) => Core.Tensor;

/** With its pool and what follows. Without batch-norm, ReLU is fused into the convolution. */
function convolution(tf: Tf, shape: [number, number, number, number], isNormed: boolean): Layer {
  const [filter, bias] = [drawn(tf, shape) as Core.Tensor4D, drawn(tf, [shape[3]])];
  const activation = isNormed ? "linear" : "relu";
  const finished: Layer = isNormed ? normed(tf, shape[3]) : (values) => values;
  return (values) => {
    const x = values as Core.Tensor4D;
    const convolved = tf.fused.conv2d({ x, filter, strides: 1, pad: "valid", bias, activation });
    return finished(tf.maxPool(convolved as Core.Tensor4D, 2, 2, "valid"));
  };
}

function linear(tf: Tf, shape: [number, number], activation: "linear" | "relu"): Layer {
  const [b, bias] = [drawn(tf, shape), drawn(tf, [shape[1]])];
  return (a) => tf.fused.matMul({ a, b, bias, activation });
}

/** Batch-norm and ReLU. The backend's kernel is for four dimensions. */
function normed(tf: Tf, channels: number): Layer {
  const [mean, variance] = [tf.zeros([channels]), tf.ones([channels])] as [Core.Tensor1D, Core.Tensor1D];
  return (values) => {
    const flat = values.rank === 4 ? values : tf.reshape(values, [-1, 1, 1, channels]);
    const result = tf.relu(tf.batchNorm(flat, mean, variance, mean, variance, EPSILON));
    return tf.reshape(result, values.shape);
  };
}

function drawn(tf: Tf, shape: number[]): Core.Tensor {
  return tf.randomNormal(shape as Core.ShapeMap[Core.Rank], 0, 0.1);
}

function pooledSide(side: number, kernel: number): number {
  return Math.floor((side - kernel + 1) / 2);
}
