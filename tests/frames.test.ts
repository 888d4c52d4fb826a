// What a broken or hostile client sends: its socket is closed with a code and a reason, and nobody
// else notices.

import { randomBytes } from "node:crypto";

import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

test("bad frames close the socket that sent them, with a code and a reason, and nothing else", async ({
  serve,
  openLending,
  openStranger,
  digits,
}) => {
  const study = studyFile({ name: "Under fire", dataset: digits, trials: 1, fixed: { ...SMALL, epochs: 30 } });
  const server = await serve({ study });
  const honest = await openLending(server, "Honest");
  await honest.lend();
  await honest.firstLease();
  const stranger = await openStranger(server, "Mallory");

  await test.step("text that is no message of the protocol", async () => {
    for (const text of ["{", "[]", '{"type":"dance"}', '{"type":"ready","please":true}', "\u0000"]) {
      const socket = await stranger.greet();
      await socket.next("welcome");
      await socket.sayText(text);
      const { code, reason } = await socket.closed(`after ${JSON.stringify(text)}`);
      expect(code, text).toBe(1007);
      expect(reason, text).toMatch(/not a message of protocol version \d+/);
    }
    const socket = await stranger.connect();
    await socket.sayText("hello");
    expect((await socket.closed()).code, "before the greeting").toBe(1007);
  });

  await test.step("a message of one megabyte", async () => {
    for (const socket of [await stranger.connect(), await stranger.greet()]) {
      await socket.sayText("x".repeat(1_000_000));
      const { code, reason } = await socket.closed();
      expect(code).toBe(1009);
      expect(reason).toContain("16384");
    }
  });

  await test.step("a flood of messages that are each in order", async () => {
    const socket = await stranger.greet();
    await socket.next("welcome");
    const lease = randomBytes(16).toString("hex");
    const progress = { type: "progress", lease, step: 1, steps: 2, loss: 1, images_per_sec: 1 };
    await socket.sayText(JSON.stringify(progress), 500);
    const { code, reason } = await socket.closed();
    expect(code).toBe(1008);
    expect(reason).toContain("messages per second");
  });

  await test.step("anything but a hello at first, and a second hello", async () => {
    const early = await stranger.connect();
    await early.say({ type: "ready" });
    expect(await early.closed()).toEqual({ code: 1008, reason: "expected a hello as the first message" });
    const twice = await stranger.greet();
    await twice.next("welcome");
    const { token } = stranger.volunteer;
    const { build } = await server.api.health();
    await twice.say({ type: "hello", protocol: 2, build, volunteer_token: token, worker: "00000000000000bb" });
    expect(await twice.closed()).toEqual({ code: 1008, reason: "a socket greets only once" });
  });

  await test.step("another build, and a volunteer that nobody knows", async () => {
    const old = await stranger.greet({ build: "000000000000" });
    const { code, reason } = await old.closed();
    expect(code).toBe(4001);
    expect(reason).toContain("reload");
    const unknown = await stranger.greet({ volunteer_token: "never registered" });
    expect(await unknown.closed()).toEqual({ code: 4002, reason: "no volunteer has this token" });
  });

  await expect.poll(() => server.api.state(1, 0), { timeout: 120_000 }).toBe("verified");
  const trial = await server.api.trial(1, 0);
  expect(trial.leases).toMatchObject([{ attempt: 1, ended: "claimed", volunteer: { nickname: "Honest" } }]);
  expect(honest.sockets, "the honest tab never had to reconnect").toHaveLength(1);
});
