// The product's module in a Web Worker of its own, as in a tab that lends a core.

import { PhotoLabels, type PhotoModule } from "./photo-labels.js";
import { Product, type ProductModule } from "./product.js";
import type { Request } from "./request.js";
import { fetched, serve, started } from "./worker.js";

const MIB = 1024 * 1024;
const starting = started<ProductModule & PhotoModule>("product", "worker_wasm").then(({ module, memory }) => ({
  product: new Product(module, fetched),
  photoLabels: new PhotoLabels(module),
  memory,
}));

serve(async (request: Request) => {
  const { product, photoLabels, memory } = await starting;
  switch (request.do) {
    case "measure":
      return product.measure(request);
    case "label":
      return photoLabels.measure(request);
    case "train":
      return product.run(request);
    case "memory":
      return { wasm_mib: memory.buffer.byteLength / MIB };
    default:
      throw new Error(`the product is not asked to ${request.do}`);
  }
});
