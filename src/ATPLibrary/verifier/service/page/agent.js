// The agent's side of docs/agent-protocol.md: answers the service and the session, and numbers what it reports.

import { devices, nowUs } from "./input.js";
import { PROTOCOL, VERSION } from "./tables.js";

// So much may wait in the browser to be sent; beyond it batches are dropped, and an overrun says how many.
const QUEUE_LIMIT = 1024 * 1024;
const LOOK_AGAIN_MS = 250;
// An answer waits this long at most for the browser to hand on the input that it has already.
const SETTLED_MS = 100;
// The same as long as this page is loaded: its clock began with it.
const BOOT_ID = `page-${Math.round(performance.timeOrigin)}-${Math.random().toString(36).slice(2, 10)}`;

export class Agent {
  // `world` tells what is: heldBy() -> [[device, code], ...], absolute() -> [[device, axis, value], ...], blind() -> why nothing
  // is seen, or "". `changed()` is called when the state or a count is another.
  //
  // States: silent (nobody has said hello) -> greeted (the service asks who is here) -> watched (a session takes observations)
  constructor(world, changed) {
    this.world = world;
    this.changed = changed;
    this.identity = { vm: "", token: "" };
    this.state = "silent";
    this.sent = this.unwatched = this.dropped = 0;
    this.socket = null;
    this.epoch = 0; // one more for each hello and each connection: answers to what went before are nobody's
    this.answering = Promise.resolve();
    this.watching = false;
    this.untold = 0; // batches dropped that no overrun has told yet
    this.skipped = 0;
    // Not 0: the numbers of a page that is loaded anew never continue the old one's.
    this.nextSeq = Math.floor(performance.timeOrigin);
  }

  // A connection is open; what was said over an older one is over.
  opened(socket) {
    this.socket = socket;
    this.epoch += 1;
    this.watching = false;
    this.untold = 0;
    this.#move("silent");
  }

  closed() {
    this.socket = null;
    this.watching = false;
    this.#move("silent");
  }

  receive(text) {
    const arrived = nowUs();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.skipped += 1;
      return;
    }
    // Their answers stand behind all that was seen when they were asked.
    const whenSettled = { ping: this.#ping, watch: this.#watch, state: this.#state };
    const atOnce = { hello: this.#hello, expect: this.#expect };
    const kind = message?.type;
    if (typeof kind !== "string") this.#error("a message is an object with a type", null);
    else if (kind === "refused") return;
    else if (Object.hasOwn(atOnce, kind)) atOnce[kind].call(this, message);
    else if (Object.hasOwn(whenSettled, kind)) this.#later(() => whenSettled[kind].call(this, message, arrived));
    else this.#error("unknown type", kind.slice(0, 100), message);
  }

  observe(events) {
    if (!this.watching) this.unwatched += events.length;
    else if (!this.#hasRoom()) {
      this.dropped += 1;
      if (this.untold++ === 0) this.#tellLater();
    } else {
      this.#say({ type: "observations", seq: this.nextSeq++, events, sent_us: nowUs() });
      this.sent += events.length;
    }
    this.changed();
  }

  // From here on, or back to what was told last, something may have been that the page didn't see.
  unknown(device, reason) {
    if (this.watching) this.#overrun(device, reason, 0);
  }

  devicesChanged() {
    if (this.state !== "silent") {
      this.#say({ type: "devices", seq: this.nextSeq++, devices: devices(), added: [], removed: [] });
    }
  }

  bye(reason) {
    if (this.state !== "silent") this.#say({ type: "bye", reason });
  }

  // One after the other, in the order in which they were asked.
  #later(answer) {
    const epoch = this.epoch;
    this.answering = this.answering.then(settled).then(() => {
      if (this.epoch === epoch) answer();
    });
  }

  #hello(message) {
    if (typeof message.nonce !== "string") return this.#error("hello needs a nonce, a string", "hello", message);
    this.epoch += 1;
    this.watching = message.watch !== false;
    this.untold = 0;
    this.#say({
      type: "hello", nonce: message.nonce, protocol: PROTOCOL, agent: "atp-web-verifier", version: VERSION,
      vm_id: this.identity.vm, vm_id_source: "option", boot_id: BOOT_ID, token: this.identity.token,
      capabilities: ["observe", "state", "fence"], devices: devices(), next_seq: this.nextSeq, monotonic_us: nowUs(),
      realtime_us: realtimeUs(),
    });
    this.#tellIfBlind();
    this.#move(this.watching ? "watched" : "greeted");
  }

  #ping(message, arrived) {
    if (this.#hasNumber(message, "ping")) {
      this.#say({ type: "pong", id: message.id, received_us: arrived, sent_us: nowUs(), realtime_us: realtimeUs() });
    }
  }

  #watch(message) {
    if (typeof message.enabled !== "boolean") return this.#error("watch needs enabled, true or false", "watch", message);
    this.watching = message.enabled;
    this.#say({ type: "watching", enabled: message.enabled, next_seq: this.nextSeq });
    this.#move(this.watching ? "watched" : "greeted");
  }

  #state(message) {
    if (!this.#hasNumber(message, "state")) return;
    const held = this.world.heldBy(); // tells what is still kept back, too
    this.#tellIfBlind();
    this.#say({
      type: "state", id: message.id, held, absolute: this.world.absolute(), dropped: this.dropped,
      skipped: this.skipped,
    });
  }

  #expect(message) {
    if (typeof message.event_id !== "string") return this.#error("expect needs an event_id, a string", "expect", message);
    this.#say({
      type: "result", event_id: message.event_id, verified: false, timestamp: Math.round(realtimeUs() / 1000), latency_ms: null,
      details: { reason: "unsupported", observed: [] },
    });
  }

  #tellIfBlind() {
    const why = this.world.blind();
    if (why) this.unknown(null, why);
  }

  #overrun(device, reason, dropped) {
    const held = this.world.heldBy().map(([, code]) => code);
    this.#say({ type: "overrun", seq: this.nextSeq++, device, held, dropped, time_us: nowUs(), ...(reason && { reason }) });
  }

  // After a batch was dropped none goes out until an overrun has said so: no silent gaps.
  #hasRoom() {
    return !this.untold && this.socket !== null && this.socket.bufferedAmount < QUEUE_LIMIT;
  }

  #tellLater() {
    const socket = this.socket;
    setTimeout(() => {
      if (!this.untold || this.socket !== socket || socket === null) return;
      if (socket.bufferedAmount >= QUEUE_LIMIT / 2) return this.#tellLater();
      const dropped = this.untold;
      this.untold = 0;
      this.#overrun(null, "", dropped);
    }, LOOK_AGAIN_MS);
  }

  #hasNumber(message, kind) {
    if (Number.isSafeInteger(message.id)) return true;
    this.#error("this message needs an id, an integer", kind, message);
    return false;
  }

  #error(text, about, message = {}) {
    const answer = { type: "error", message: text, about };
    for (const name of ["id", "event_id"]) {
      if (["string", "number"].includes(typeof message[name])) answer[name] = message[name];
    }
    this.#say(answer);
  }

  #say(message) {
    if (this.socket !== null && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #move(state) {
    this.state = state;
    this.changed();
  }
}

// The browser hands on motions once a frame, and keys as soon as its main thread is free: then what it had is here. A page that
// isn't shown has no frames, and sees nothing.
function settled() {
  if (document.visibilityState === "hidden") return Promise.resolve();
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done, 0));
    setTimeout(done, SETTLED_MS);
  });
}

function realtimeUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
