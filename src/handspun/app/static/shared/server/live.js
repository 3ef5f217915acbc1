// Live prediction: the page sends the drawing while it grows, and the server answers.

/** Milliseconds before the first, second, … attempt to reconnect. */
const BACK_OFF = [250, 500, 1000, 2000, 4000];

/** Milliseconds after which a silent server counts as lost. */
const PATIENCE = 10_000;

/** How many latencies are kept. */
const MOST_LATENCIES = 2000;

/**
 * One frame is in progress at a time, and only the newest waits: a slow connection means fewer answers, not late ones.
 *
 * Events: "answer" (see `answer`), "error" (detail: a sentence), "lost" and "found" (the connection).
 */
export class Live extends EventTarget {
  /** The last answer and the frame that it answers. It may be for a drawing or a model of a moment ago; see `isCurrent`. */
  answer = null;
  /** Whether the connection is open. */
  connected = false;
  /** Milliseconds from a movement of the pen to the frame of the screen that shows its answer; the newest is last. */
  latencies = [];

  #drawing;
  #models;
  #url;
  #socket = null;
  #wants = { stages: false, layers: false, saliency: null, focus: null };
  #sequence = 0;
  #version = 0; // counts the changes of the drawing, the model and the requests
  #answered = null; // the version that `answer` answers
  #valid = 0; // answers to frames before this one are from another model, or lack what is wanted now
  #told = null; // the settings that the server has
  #underWay = null; // {frame, version, since, timer}
  #since = null; // the time of the oldest change that is in no frame yet
  #scheduled = false;
  #failures = 0;
  #retry = null;

  constructor(drawing, models, url = new URL("/api/live", location.href).href.replace(/^http/, "ws")) {
    super();
    this.#drawing = drawing;
    this.#models = models;
    this.#url = url;
    drawing.addEventListener("change", () => this.#changed());
    models.addEventListener("change", () => this.#settings());
    addEventListener("online", () => this.#connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.#connect());
    this.#connect();
  }

  /** Set what answers contain besides the probabilities. Requests that are not named do not change. */
  want(wants) {
    this.#wants = { ...this.#wants, ...wants };
    this.#settings();
  }

  /** Whether `answer` is for the present drawing, by the present model. */
  get isCurrent() {
    // Compare versions, not what waits: a frame that was lost with its connection, or got an error, has no answer either.
    return this.answer !== null && this.#answered === this.#version && this.answer.model === this.#models.current?.name;
  }

  #connect() {
    clearTimeout(this.#retry);
    if (this.#socket !== null) return;
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => this.#heard(JSON.parse(event.data)));
    socket.addEventListener("close", () => socket === this.#socket && this.#closed());
    this.#socket = socket;
  }

  #opened() {
    this.connected = true;
    const wasLost = this.#failures > 0;
    this.#failures = 0;
    if (wasLost) this.dispatchEvent(new Event("found"));
    this.#told = null;
    this.#settings();
  }

  #closed() {
    clearTimeout(this.#underWay?.timer);
    this.#socket = null;
    this.#since = this.#underWay?.since ?? this.#since; // the frame that was in progress has to be sent again
    this.#underWay = null;
    this.connected = false;
    const wait = BACK_OFF[Math.min(this.#failures, BACK_OFF.length - 1)];
    this.#failures += 1;
    if (this.#failures === 1) this.dispatchEvent(new Event("lost"));
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #settings() {
    const model = this.#models.current?.name;
    if (!this.connected || model === undefined) return;
    const settings = JSON.stringify({ type: "settings", model, want: this.#wants });
    if (settings === this.#told) return;
    this.#told = settings;
    this.#socket.send(settings);
    this.#valid = this.#sequence + 1;
    this.#changed();
  }

  #changed() {
    this.#version += 1;
    this.#since ??= performance.now();
    if (this.#scheduled || this.#underWay !== null || !this.connected || !this.#models.current) return;
    // Once per frame of the screen, with all movements of the pen until then.
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send() {
    if (this.#underWay !== null || !this.connected || this.#since === null) return;
    const frame = this.#drawing.frame();
    const { width, height, kind, bytes } = frame;
    const message = new Uint8Array(12 + bytes.length);
    const header = new DataView(message.buffer);
    this.#sequence += 1;
    header.setUint32(0, this.#sequence, true);
    header.setUint16(4, width, true);
    header.setUint16(6, height, true);
    header.setUint8(8, kind);
    message.set(bytes, 12);
    const timer = setTimeout(() => this.#giveUp(), PATIENCE);
    this.#underWay = { frame, version: this.#version, since: this.#since, timer };
    this.#since = null;
    this.#socket.send(message);
  }

  /** Drop a connection that is silent for too long: the next one may be better. */
  #giveUp() {
    const socket = this.#socket;
    this.#closed();
    socket.close();
  }

  #heard(message) {
    const asked = this.#underWay;
    clearTimeout(asked?.timer);
    this.#underWay = null;
    if (message.type === "error") {
      this.dispatchEvent(new CustomEvent("error", { detail: message.message }));
    } else if (message.sequence >= this.#valid) {
      this.#answered = asked?.version ?? null;
      this.answer = { ...message, frame: asked?.frame ?? this.#drawing.frame() };
      this.dispatchEvent(new CustomEvent("answer", { detail: this.answer }));
      if (asked !== null) this.#measure(asked.since);
    }
    if (this.#since !== null) this.#send();
  }

  /** The answer is in the page. It is on the screen once the browser has painted the next frame. */
  #measure(since) {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel(); // its message arrives right after painting
      port1.onmessage = () => {
        port1.close();
        this.latencies.push(performance.now() - since);
        if (this.latencies.length > MOST_LATENCIES) this.latencies.shift();
      };
      port2.postMessage(null);
    });
  }
}
