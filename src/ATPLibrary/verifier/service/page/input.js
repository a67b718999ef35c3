// What the page calls its devices and their events, as Linux's evdev does (linux/input-event-codes.h).

export const EV_KEY = 1, EV_REL = 2, EV_ABS = 3;
export const KEYBOARD = 1, POINTER = 2, MOUSE = 3, TOUCH = 4;
export const REL_X = 0, REL_Y = 1, REL_HWHEEL = 6, REL_WHEEL = 8;
export const ABS_X = 0, ABS_Y = 1;
export const ABS_MT_SLOT = 47, ABS_MT_POSITION_X = 53, ABS_MT_POSITION_Y = 54, ABS_MT_TRACKING_ID = 57;
export const BTN_TOUCH = 0x14a;
export const FINGERS = 10;

// Microseconds of the page's monotonic clock, which begins when the page was loaded.
export function nowUs() {
  return Math.round(performance.now() * 1000);
}

// When the browser says that an event took place; by the same clock. Never later than now.
export function timeOf(event) {
  const now = nowUs();
  const said = Math.round(event.timeStamp * 1000);
  return said > 0 && said < now ? said : now;
}

export function screenSize() {
  return [Math.max(1, window.screen.width), Math.max(1, window.screen.height)];
}

export function devices() {
  const [width, height] = screenSize();
  const device = (id, name, more) => ({
    id, path: "", name, bus: "browser", bustype: 0, vendor: 0, product: 0, phys: "",
    keyboard: false, pointer: null, absolute: null, ...more,
  });
  return [
    device(KEYBOARD, "browser keyboard", { keyboard: true }),
    device(POINTER, "browser pointer", { pointer: "absolute", absolute: { 0: [0, width - 1], 1: [0, height - 1] } }),
    device(MOUSE, "browser mouse", { pointer: "relative" }),
    device(TOUCH, "browser touch screen", {
      absolute: {
        [ABS_MT_SLOT]: [0, FINGERS - 1], [ABS_MT_TRACKING_ID]: [0, 65535],
        [ABS_MT_POSITION_X]: [0, width - 1], [ABS_MT_POSITION_Y]: [0, height - 1],
      },
    }),
  ];
}
