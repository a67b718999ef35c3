// Fingers, as a Linux touch screen reports them: a slot each (multi-touch protocol B), and BTN_TOUCH while there is any.

import {
  ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID, BTN_TOUCH, EV_ABS, EV_KEY, FINGERS, TOUCH, timeOf,
} from "./input.js";

export class Touch {
  constructor(emit) {
    this.emit = emit;
    this.fingers = new Map(); // pointerId -> { slot, x, y }
    this.slot = -1; // the one that was named last
    this.next = 0;
  }

  get held() {
    return new Map(this.fingers.size ? [[BTN_TOUCH, "touch"]] : []);
  }

  down(event) {
    const taken = new Set([...this.fingers.values()].map((finger) => finger.slot));
    const slot = [...Array(FINGERS).keys()].find((each) => !taken.has(each));
    if (slot === undefined) return;
    const time = timeOf(event);
    const finger = { slot, x: Math.round(event.screenX), y: Math.round(event.screenY) };
    const seen = this.#at(slot, time);
    seen.push([TOUCH, EV_ABS, ABS_MT_TRACKING_ID, this.next, time]);
    this.next = (this.next + 1) % 65536;
    seen.push([TOUCH, EV_ABS, ABS_MT_POSITION_X, finger.x, time], [TOUCH, EV_ABS, ABS_MT_POSITION_Y, finger.y, time]);
    if (!this.fingers.size) seen.push([TOUCH, EV_KEY, BTN_TOUCH, 1, time]);
    this.fingers.set(event.pointerId, finger);
    this.emit(seen, `finger ${slot + 1} down at ${finger.x}, ${finger.y}`);
  }

  move(event) {
    const finger = this.fingers.get(event.pointerId);
    if (finger === undefined) return;
    const seen = [];
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) {
      const [x, y, time] = [Math.round(part.screenX), Math.round(part.screenY), timeOf(part)];
      if (x === finger.x && y === finger.y) continue;
      seen.push(...this.#at(finger.slot, time));
      if (x !== finger.x) seen.push([TOUCH, EV_ABS, ABS_MT_POSITION_X, x, time]);
      if (y !== finger.y) seen.push([TOUCH, EV_ABS, ABS_MT_POSITION_Y, y, time]);
      [finger.x, finger.y] = [x, y];
    }
    if (seen.length) this.emit(seen, `finger ${finger.slot + 1} at ${finger.x}, ${finger.y}`);
  }

  up(event) {
    const finger = this.fingers.get(event.pointerId);
    if (finger === undefined) return;
    this.fingers.delete(event.pointerId);
    const time = timeOf(event);
    const seen = [...this.#at(finger.slot, time), [TOUCH, EV_ABS, ABS_MT_TRACKING_ID, -1, time]];
    if (!this.fingers.size) seen.push([TOUCH, EV_KEY, BTN_TOUCH, 0, time]);
    this.emit(seen, `finger ${finger.slot + 1} up${event.type === "pointercancel" ? " (the browser took it)" : ""}`);
  }

  forget() {
    const names = [...this.held.values()];
    this.fingers.clear();
    return names;
  }

  #at(slot, time) {
    if (slot === this.slot) return [];
    this.slot = slot;
    return [[TOUCH, EV_ABS, ABS_MT_SLOT, slot, time]];
  }
}
