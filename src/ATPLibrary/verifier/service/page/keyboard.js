// Keys: KeyboardEvent.code, which names the key and not what it writes, as an evdev code.
//
// In a Windows with a layout that has AltGr, the right Alt key comes as two: a left Ctrl that nobody pressed, at the same moment, and
// the right Alt. A left Ctrl is therefore kept back until the next thing happens, and thrown away where that is the right Alt.

import { EV_KEY, KEYBOARD, timeOf } from "./input.js";
import { EVDEV_OF_CODE, KEY_UNKNOWN } from "./tables.js";

const CODES = new Map(Object.entries(EVDEV_OF_CODE));
const IS_WINDOWS = /^win/i.test(navigator.userAgentData?.platform ?? navigator.platform ?? "");
const SAME_MOMENT_US = 20000;
const LONGEST_KEPT_MS = 50;

export class Keyboard {
  // `emit(events, words)` takes what was seen.
  constructor(emit) {
    this.held = new Map(); // evdev code -> the key's name
    this.emit = emit;
    this.kept = null; // a left Ctrl that may be AltGr's: { code, time }
    this.isAltGr = false; // AltGr is down, and its left Ctrl was thrown away
  }

  press(event) {
    const [code, time] = [codeOf(event), timeOf(event)];
    const isAltGr = event.code === "AltRight" && event.key === "AltGraph";
    if (isAltGr && this.kept !== null && time - this.kept.time < SAME_MOMENT_US) {
      this.kept = null;
      this.isAltGr = true;
    } else if (event.code === "ControlLeft" && this.isAltGr) return; // it repeats as AltGr does
    this.flush();
    if (IS_WINDOWS && event.code === "ControlLeft" && !event.repeat) {
      this.kept = { code, time };
      setTimeout(() => this.flush(), LONGEST_KEPT_MS);
      return;
    }
    this.#down(event.code, code, time, event.repeat ? 2 : 1);
  }

  release(event) {
    this.flush();
    if (this.isAltGr && event.code === "ControlLeft") return;
    if (event.code === "AltRight") this.isAltGr = false;
    const code = codeOf(event);
    this.held.delete(code);
    this.#tell(event.code, code, 0, timeOf(event), "up");
  }

  // What was kept back was a left Ctrl indeed.
  flush() {
    const kept = this.kept;
    this.kept = null;
    if (kept !== null) this.#down("ControlLeft", kept.code, kept.time, 1);
  }

  // Nothing more is known of any key. Returns the names of those that were down.
  forget() {
    this.flush();
    const names = [...this.held.values()];
    this.held.clear();
    this.isAltGr = false;
    return names;
  }

  #down(name, code, time, value) {
    this.held.set(code, name || "?");
    this.#tell(name, code, value, time, value === 2 ? "repeated" : "down");
  }

  #tell(name, code, value, time, words) {
    this.emit([[KEYBOARD, EV_KEY, code, value, time]], `${name || "a key without a code"} ${words} (${code})`);
  }
}

function codeOf(event) {
  return CODES.get(event.code) ?? KEY_UNKNOWN;
}
