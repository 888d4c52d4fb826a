// Tensors by name in a safetensors file. Halves are widened; does not know what the tensors mean.

export interface Tensor {
  shape: number[];
  dtype: string;
  bytes: Uint8Array;
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** All tensors of a file. */
export function tensors(file: Uint8Array): Map<string, Tensor> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const first = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__: _, ...header } = JSON.parse(new TextDecoder().decode(file.subarray(8, first))) as Header;
  const tensor = ({ dtype, shape, data_offsets: [from, to] }: Header[string]): Tensor => ({
    dtype,
    shape,
    bytes: file.slice(first + from, first + to),
  });
  return new Map(Object.entries(header).map(([name, entry]) => [name, tensor(entry)]));
}

/** The tensor's values in single precision. */
export function floats({ dtype, bytes }: Tensor): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.buffer);
  if (dtype !== "F16") throw new Error(`${dtype} is no floating point`);
  return Float32Array.from(new Uint16Array(bytes.buffer), widened);
}

function widened(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
