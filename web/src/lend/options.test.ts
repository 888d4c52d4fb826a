import { expect, it } from "vitest";

import { lenderOptions } from "./options";

it("speaks to the server that the page came from", () => {
  const options = lenderOptions(new URL("http://192.168.1.7:8080/") as unknown as Location, "secret");
  expect(options.socket_url).toBe("ws://192.168.1.7:8080/api/work");
  expect(options.base_url).toBe("http://192.168.1.7:8080");
  expect(options.volunteer_token).toBe("secret");
});

it("uses the secure socket on a secure page", () => {
  const options = lenderOptions(new URL("https://sweep.example/") as unknown as Location, "secret");
  expect(options.socket_url).toBe("wss://sweep.example/api/work");
});

it("gives every worker a name of its own", () => {
  const page = new URL("http://127.0.0.1:8080/") as unknown as Location;
  const names = Array.from({ length: 50 }, () => lenderOptions(page, "").worker);
  expect(new Set(names).size).toBe(50);
  for (const name of names) expect(name).toMatch(/^[0-9a-f]{16}$/);
});
