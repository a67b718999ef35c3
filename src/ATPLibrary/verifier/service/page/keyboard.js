// Keys: KeyboardEvent.code, which names the key and not what it writes, as an evdev code.

import { EV_KEY, KEYBOARD, timeOf } from "./input.js";
import { EVDEV_OF_CODE, KEY_UNKNOWN } from "./tables.js";

const CODES = new Map(Object.entries(EVDEV_OF_CODE));

export class Keyboard {
  // `emit(events, words)` takes what was seen.
  constructor(emit) {
    this.held = new Map(); // evdev code -> the key's name
    this.emit = emit;
  }

  press(event) {
    const code = this.#code(event);
    const value = event.repeat ? 2 : 1;
    this.held.set(code, event.code || "?");
    this.#tell(event, code, value, event.repeat ? "repeated" : "down");
  }

  release(event) {
    const code = this.#code(event);
    this.held.delete(code);
    this.#tell(event, code, 0, "up");
  }

  // Nothing more is known of any key. Returns the names of those that were down.
  forget() {
    const names = [...this.held.values()];
    this.held.clear();
    return names;
  }

  #code(event) {
    return CODES.get(event.code) ?? KEY_UNKNOWN;
  }

  #tell(event, code, value, words) {
    this.emit([[KEYBOARD, EV_KEY, code, value, timeOf(event)]], `${event.code || "a key without a code"} ${words} (${code})`);
  }
}
