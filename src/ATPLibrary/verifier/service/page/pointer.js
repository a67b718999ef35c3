// The mouse and the pen: buttons and wheel; places on the screen, or motions where the pointer is locked.

import {
  ABS_X, ABS_Y, EV_ABS, EV_KEY, EV_REL, MOUSE, POINTER, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y, timeOf,
} from "./input.js";

// Bit of PointerEvent.buttons, evdev code, name.
const BUTTONS = [
  [1, 0x110, "left button"], [2, 0x111, "right button"], [4, 0x112, "middle button"],
  [8, 0x113, "side button"], [16, 0x114, "extra button"],
];
const NOTCH = 120; // WheelEvent.wheelDeltaY of one notch
const PIXELS_OF_NOTCH = 100, LINES_OF_NOTCH = 3;

export class Pointer {
  constructor(emit) {
    this.emit = emit;
    this.held = new Map(); // evdev code -> the button's name
    this.at = null; // [x, y] in screen pixels
    this.buttons = 0;
    this.isOwn = false; // a press that began on the page's own controls
    this.rest = { x: 0, y: 0, wheelX: 0, wheelY: 0 };
  }

  // pointerdown, pointermove, pointerup and pointercancel of a mouse or a pen; `own`: on the page's own controls.
  handle(event, own) {
    const seen = [];
    const words = [];
    const parts = event.type === "pointermove" ? event.getCoalescedEvents?.() ?? [] : [];
    for (const part of parts.length ? parts : [event]) this.#move(part, seen, words);
    const buttons = event.type === "pointercancel" ? 0 : event.buttons;
    if (event.type === "pointerdown" && own && !this.buttons) this.isOwn = true;
    if (this.isOwn) this.isOwn = buttons !== 0;
    else this.#press(event, buttons, seen, words);
    if (seen.length) this.emit(seen, words.join(", "));
  }

  wheel(event) {
    const seen = [];
    const up = this.#notches("wheelY", event.wheelDeltaY, event.deltaY, event.deltaMode);
    const left = this.#notches("wheelX", event.wheelDeltaX, event.deltaX, event.deltaMode);
    const time = timeOf(event);
    if (up) seen.push([MOUSE, EV_REL, REL_WHEEL, up, time]);
    if (left) seen.push([MOUSE, EV_REL, REL_HWHEEL, -left, time]);
    if (seen.length) this.emit(seen, `wheel ${up || -left}${up ? "" : " to the right"}`);
  }

  forget() {
    const names = [...this.held.values()];
    this.held.clear();
    this.buttons = 0;
    return names;
  }

  absolute() {
    return this.at === null ? [] : [[POINTER, ABS_X, this.at[0]], [POINTER, ABS_Y, this.at[1]]];
  }

  #move(event, seen, words) {
    const time = timeOf(event);
    if (document.pointerLockElement !== null) {
      const x = this.#whole("x", event.movementX);
      const y = this.#whole("y", event.movementY);
      if (x) seen.push([MOUSE, EV_REL, REL_X, x, time]);
      if (y) seen.push([MOUSE, EV_REL, REL_Y, y, time]);
      if (x || y) words.push(`moved by ${x}, ${y}`);
      return;
    }
    const at = [Math.round(event.screenX), Math.round(event.screenY)];
    const before = this.at ?? [NaN, NaN];
    // As a kernel does: an axis that stays is not repeated.
    if (at[0] !== before[0]) seen.push([POINTER, EV_ABS, ABS_X, at[0], time]);
    if (at[1] !== before[1]) seen.push([POINTER, EV_ABS, ABS_Y, at[1], time]);
    if (at[0] !== before[0] || at[1] !== before[1]) words.push(`pointer at ${at[0]}, ${at[1]}`);
    this.at = at;
  }

  #press(event, buttons, seen, words) {
    for (const [bit, code, name] of BUTTONS) {
      if (!((buttons ^ this.buttons) & bit)) continue;
      const down = (buttons & bit) !== 0;
      if (down) this.held.set(code, name);
      else this.held.delete(code);
      seen.push([POINTER, EV_KEY, code, down ? 1 : 0, timeOf(event)]);
      words.push(`${name} ${down ? "down" : "up"}`);
    }
    this.buttons = buttons;
  }

  #whole(name, value) {
    const sum = this.rest[name] + value;
    const whole = Math.trunc(sum);
    this.rest[name] = sum - whole;
    return whole;
  }

  // Upward or leftward notches; browsers tell them in 120ths, or as what they scroll.
  #notches(name, inNotches, delta, mode) {
    if (inNotches) return this.#whole(name, inNotches / NOTCH);
    const unit = mode === 0 ? PIXELS_OF_NOTCH : mode === 1 ? LINES_OF_NOTCH : 1;
    return this.#whole(name, -delta / unit);
  }
}
