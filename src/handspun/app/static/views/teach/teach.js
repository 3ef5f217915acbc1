// Teach: say what a drawing was meant to be, let a copy of the model learn it, and choose between the two.

import { LineChart, plain, smooth } from "../../shared/figures/linechart.js";
import { element, fill, icon, isTyping } from "../../shared/base/dom.js";
import { Follower, isFinished, listRuns, statusLine } from "../../shared/server/follow.js";
import { seesStrokes } from "../../shared/server/models.js";
import { percent } from "../../shared/base/numbers.js";
import { decode, paintGrey } from "../../shared/figures/pixels.js";
import { Sketchpad } from "../../shared/drawing/sketchpad.js";
import { DIGITS, MOST_DRAWINGS, tray } from "../../shared/drawing/tray.js";

/** Milliseconds to wait for the answer to what was just drawn. */
const PATIENCE = 3000;

/** What was taught is remembered with the training's id, to show both answers to it after a reload. */
const LESSON = "handspun-lesson";

const OTHER_PICTURES = "sees other pictures than strokes, light on black, 28 × 28 pixels; the tray takes only those.";

/**
 * Why a model cannot be taught what is in the tray, in a sentence; "" where it can.
 * @param answer its answer to the present drawing, which tells for sure what it sees; null while there is none
 */
function refusal(model, answer) {
  if (model === null) return "";
  if (model.classes.join("\n") !== DIGITS.join("\n")) {
    return `${model.name} tells apart other things than digits. Only models of the ten digits can be taught.`;
  }
  const seesOthers = answer !== null && answer.verdict !== "empty" && !answer.stages;
  return seesOthers || !seesStrokes(model) ? `${model.name} ${OTHER_PICTURES}` : "";
}

export default {
  mount(root, app) {
    this.app = app;
    this.keys = new Keys((label) => this.answer(label));
    this.pile = new Pile();
    this.lesson = new Lesson(app);
    const pad = element("div", {});
    root.append(
      element("h2", { class: "sr-only" }, "Teach"),
      element("div", { class: "teach" },
        element("div", { class: "teach-draw" }, pad, this.keys.root),
        element("div", { class: "teach-learn" }, this.pile.root, this.lesson.root)),
    );
    new Sketchpad(pad, app);
    this.pile.onLoad = (file) => this.load(file);
    this.pile.onSave = () => this.save();
    tray.addEventListener("change", () => this.showTray());
    app.models.addEventListener("change", () => this.showModel());
    app.live.addEventListener("answer", () => this.showGuess());
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.showTray();
    this.showModel();
  },

  show() {
    this.shown = true;
    // Only models of strokes tell the way to what they see, and only what they see are digits for the tray.
    this.app.live.want({ stages: true });
    this.showModel();
    this.lesson.find();
  },

  hide() {
    this.shown = false;
    this.app.live.want({ stages: false });
  },

  /** Why the model cannot be taught; "" where it can. */
  get refusal() {
    const { live, models } = this.app;
    // Only here the way to what it sees is asked for, and an answer without it says something.
    return refusal(models.current, this.shown && live.isCurrent ? live.answer : null);
  },

  showTray() {
    this.pile.show(tray.drawings, this.refusal);
    this.lesson.showButton();
  },

  /** Whether it can be taught is said at once, not when somebody tries. */
  showModel() {
    const why = this.refusal;
    this.keys.setRefused(why !== "");
    this.lesson.refuse(why);
    this.showTray();
    this.showGuess();
  },

  /** What the model takes the drawing for, or why it cannot be taught. */
  showGuess() {
    const why = this.refusal;
    if (why !== this.lesson.refusal) this.showModel(); // its first answer has told
    else if (why !== "") this.keys.say(why);
    else this.keys.guess(this.app.live.answer);
  },

  pressed(event) {
    if (!this.shown || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const label = DIGITS.indexOf(event.key);
    if (label < 0) return;
    event.preventDefault();
    this.answer(label);
  },

  /** What is drawn was meant to be the digit `label`: into the tray with it, and the sheet is free for the next. */
  async answer(label) {
    const { app } = this;
    const why = this.refusal;
    if (why !== "") {
      app.toast(why, "error");
      return;
    }
    const answer = app.drawing.isEmpty ? { verdict: "empty" } : await this.answered();
    if (answer === null) {
      app.toast("The model has not answered, so that there is nothing to learn from yet. Try again.", "error");
      return;
    }
    if (answer.verdict === "empty") {
      app.toast("Draw something first, then say what it was meant to be.");
      return;
    }
    const { values: seen } = decode(answer.seen);
    if (!answer.stages || seen.length !== 28 * 28) {
      app.toast(`${answer.model} ${OTHER_PICTURES}`, "error");
      return;
    }
    if (!tray.add(seen, label)) {
      app.toast(`The tray is full: it holds ${MOST_DRAWINGS.toLocaleString("en")} drawings.`, "error");
      return;
    }
    app.drawing.clear();
    app.announce(`Added as ${DIGITS[label]}. ${count(tray.drawings.length)} in the tray.`);
  },

  /** The model's answer to the present drawing; null where none comes. */
  answered() {
    const { live } = this.app;
    if (live.isCurrent) return Promise.resolve(live.answer);
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(null), PATIENCE);
      const listen = () => { if (live.isCurrent) done(live.answer); };
      const done = (value) => {
        clearTimeout(timer);
        live.removeEventListener("answer", listen);
        resolve(value);
      };
      live.addEventListener("answer", listen);
    });
  },

  async save() {
    try {
      const response = await fetch("api/drawings/file", {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ drawings: tray.drawings, classes: DIGITS }),
      });
      if (!response.ok) throw new Error((await response.json()).error);
      const link = element("a", { href: URL.createObjectURL(await response.blob()), download: "drawings.npz" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    } catch (error) {
      this.app.toast(`The drawings could not be saved. ${error.message}`, "error");
    }
  },

  async load(file) {
    try {
      const { drawings, classes } = await this.app.api.post("api/drawings", file);
      const places = classes.map((name) => DIGITS.indexOf(name));
      if (places.includes(-1)) throw new Error(`They are of other classes than the ten digits: ${classes.slice(0, 5).join(", ")}.`);
      if (!tray.addAll(drawings.map(({ pixels, label }) => ({ pixels, label: places[label] })))) throw new Error("The tray is full.");
      this.app.announce(`${count(drawings.length)} loaded.`);
    } catch (error) {
      this.app.toast(`${file.name} could not be loaded. ${error.message}`, "error");
    }
  },
};

const count = (number) => `${number.toLocaleString("en")} ${number === 1 ? "drawing" : "drawings"}`;

/** A small picture of a drawing. */
function thumbnail(pixels) {
  const canvas = element("canvas", { class: "thumbnail" });
  const { shape, values } = decode(pixels);
  paintGrey(canvas, values, shape);
  return canvas;
}

/** "What was it meant to be?", with a key for each digit. */
class Keys {
  constructor(onKey) {
    this.said = element("p", { class: "soft", id: "teach-guess" });
    this.keys = element("div", { class: "keys", id: "teach-keys", role: "group", "aria-labelledby": "teach-question" },
      ...DIGITS.map((name, label) => button(name, null, () => onKey(label), "key", `teach-${label}`)));
    this.root = element("section", { class: "teach-keys" },
      element("h3", { id: "teach-question" }, "What was it meant to be?"), this.keys, this.said);
  }

  /** Whether they do nothing but say why. Not disabled, which would take the focus away from whoever presses them by key. */
  setRefused(refused) {
    for (const key of this.keys.children) key.setAttribute("aria-disabled", refused);
  }

  say(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  /** What the model takes the drawing for; null as long as it has not said. */
  guess(answer) {
    if (answer === null || answer.verdict === "empty") {
      this.say("Draw, then choose the right answer, or press its key.");
      return;
    }
    const { model, verdict, class: best, classes, probabilities } = answer;
    if (verdict === "unknown") this.say(`${model} does not know it; of all classes it is most like ${classes[best]}.`);
    else this.say(`${model} takes it for ${classes[best]} (${percent(probabilities[best])}).`);
  }
}

/** The tray on the screen: small pictures by class, each of which can be removed. */
class Pile {
  onSave = () => {};
  onLoad = () => {};
  #nodes = new Map(); // from a drawing to its button, so that adding one paints one

  constructor() {
    this.title = element("h3", { id: "tray-title" }, "Tray");
    this.groups = element("div", { class: "tray-groups", id: "tray", "data-test": "tray" });
    this.save = button("Save to a file", "tray-save", () => this.onSave());
    this.clear = button("Remove all", "tray-clear", () => tray.clear());
    const file = element("input", { type: "file", accept: ".npz", id: "tray-file", class: "sr-only", tabindex: "-1", "aria-label": "A file of drawings" });
    file.addEventListener("change", () => {
      if (file.files.length > 0) this.onLoad(file.files[0]);
      file.value = "";
    });
    const load = button("Load from a file", "tray-load", () => file.click());
    this.root = element("section", { class: "panel tray", "aria-labelledby": "tray-title" },
      element("div", { class: "panel-head" }, this.title, element("div", { class: "row" }, this.save, load, this.clear, file)),
      this.groups,
      element("p", { class: "soft small" },
        "The tray is kept in this browser, and nothing leaves your machine. A saved file is a data set: ",
        element("code", {}, "handspun train drawings.npz"), "."),
    );
  }

  /** @param refusal why the model cannot be taught; "" where it can */
  show(drawings, refusal) {
    this.root.classList.toggle("is-refused", refusal !== "");
    this.title.textContent = drawings.length === 0 ? "Tray" : `Tray: ${count(drawings.length)}`;
    this.save.disabled = this.clear.disabled = drawings.length === 0;
    if (drawings.length === 0) {
      this.#nodes.clear();
      this.groups.replaceChildren(element("p", { class: "tray-empty" },
        refusal === "" ? "Empty. Draw something that the model gets wrong, and say what it was meant to be. Three of a kind are enough."
          : "Empty. Choose a model of drawn digits to teach it."));
      return;
    }
    const labels = [...new Set(drawings.map(({ label }) => label))].sort((a, b) => a - b);
    const nodes = new Map();
    this.groups.replaceChildren(...labels.map((label) => {
      const name = DIGITS[label];
      const own = drawings.filter((drawing) => drawing.label === label);
      const items = own.map((drawing, i) => {
        const node = this.#nodes.get(drawing) ?? makeItem(drawing);
        node.setAttribute("aria-label", `Remove drawing ${i + 1} of ${own.length} of ${name}`);
        nodes.set(drawing, node);
        return element("li", {}, node);
      });
      return element("div", { class: "tray-group", "data-test": `tray-${label}` },
        element("h4", {}, name), element("ul", { class: "thumbnails", "aria-label": `Drawings of ${name}` }, ...items));
    }));
    this.#nodes = nodes;
  }
}

function makeItem(drawing) {
  const node = element("button", { type: "button", class: "tray-item", title: "Remove" }, thumbnail(drawing.pixels), icon("close"));
  node.addEventListener("click", () => {
    // The focus goes on to a neighbour, or keys would have to start from the top of the page.
    const all = [...document.querySelectorAll(".tray-item")];
    const next = all[all.indexOf(node) + 1] ?? all[all.indexOf(node) - 1];
    tray.remove(drawing);
    next?.focus();
  });
  return node;
}

function button(label, id, act, kind = "", test = null) {
  const made = element("button", { type: "button", class: `button ${kind}`, id, "data-test": test }, label);
  made.addEventListener("click", act);
  return made;
}

/** Learning what is in the tray: the button, the curves while it goes on, and old and new side by side. */
class Lesson {
  #follower = null;
  #drawings = []; // that are being learned
  refusal = ""; // why the model cannot be taught

  constructor(app) {
    this.app = app;
    this.learn = button("Learn these", "teach-learn", () => this.start(), "primary");
    this.seconds = element("select", { id: "teach-seconds" },
      ...[4, 8, 15, 30, 60].map((value) => element("option", { value, selected: value === 8 }, `for ${value} seconds`)));
    this.why = element("p", { class: "soft small", id: "teach-why" });
    this.status = element("p", { class: "lesson-status", id: "teach-status", role: "status", tabindex: "-1" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "Progress of learning" });
    this.stop = button("Stop", "teach-stop", () => this.#steer("stop"));
    this.going = element("div", { class: "lesson-going", hidden: true }, this.bar, this.stop);
    this.charts = element("div", { class: "charts", hidden: true });
    const x = { label: "seconds", format: plain, low: 0 };
    this.loss = new LineChart(this.charts, {
      title: "Loss", test: "teach-loss", x, y: { label: "cross-entropy", unit: "nats", low: 0, format: (v) => plain(v, 2) },
    });
    this.accuracy = new LineChart(this.charts, {
      title: "Right answers", test: "teach-accuracy", x, y: { label: "share", high: 1, format: (v) => percent(v) },
    });
    this.result = element("div", { class: "lesson-result", id: "teach-result", hidden: true });
    this.root = element("section", { class: "panel lesson", "aria-labelledby": "lesson-title" },
      element("h3", { id: "lesson-title" }, "Learn"),
      element("p", { class: "soft small" },
        "A copy of the model is trained on the tray, deformed a little anew each time, among 4,000 digits that keep it from forgetting. ",
        "The model itself stays as it is until you decide."),
      element("div", { class: "row" }, this.learn,
        element("label", { class: "sr-only", for: "teach-seconds" }, "How long"), element("span", { class: "select" }, this.seconds)),
      this.why, this.status, this.going, this.result, this.charts);
  }

  get run() { return this.#follower?.run ?? null; }

  /** Take up the last lesson after a reload: one that goes on, or about which nothing was decided. */
  async find() {
    if (this.#follower !== null) return;
    try {
      const run = (await listRuns()).find(({ kind, state, decision, result }) => (
        kind === "teach" && (!isFinished({ state }) || (decision === null && result !== null))));
      if (run === undefined || this.#follower !== null) return;
      const stored = JSON.parse(localStorage.getItem(LESSON) ?? "null");
      this.#follow(run, stored?.id === run.id ? stored.drawings : []);
    } catch {
      // Without a server there is no lesson to go on with; the banner says that it is lost.
    }
  }

  async start() {
    const drawings = tray.drawings;
    try {
      const run = await this.app.api.post("api/teach", {
        model: this.app.models.current?.name, drawings, seconds: Number(this.seconds.value),
      });
      try { localStorage.setItem(LESSON, JSON.stringify({ id: run.id, drawings })); } catch { /* as in tray.js */ }
      this.#follow(run, drawings);
      this.app.announce("Learning.");
    } catch (error) {
      this.app.toast(error.message, "error");
    }
  }

  #steer(action) {
    return this.#follower.steer(action, this.app.toast);
  }

  #follow(run, drawings) {
    this.#follower?.close();
    this.#drawings = drawings;
    const follower = new Follower(run);
    this.#follower = follower;
    follower.addEventListener("change", () => this.show());
    follower.addEventListener("gone", () => {
      if (this.#follower === follower) this.#follower = null;
      this.show();
    });
    this.show();
  }

  /** The model cannot be taught, and why; "" where it can. */
  refuse(why) {
    this.refusal = why;
    this.why.textContent = why;
    this.why.hidden = why === "";
    this.seconds.disabled = why !== "";
    this.showButton();
  }

  /** Whether "Learn these" can be pressed. */
  showButton() {
    const going = this.run !== null && !isFinished(this.run);
    this.learn.disabled = going || tray.drawings.length === 0 || this.refusal !== "";
  }

  show() {
    const { run } = this;
    this.showButton();
    this.going.hidden = run === null || isFinished(run);
    this.charts.hidden = run === null;
    const isNew = this.result.hidden && run?.result && run.decision === null;
    this.result.hidden = run === null || run.result === null;
    this.status.textContent = run === null ? "" : this.#status(run);
    if (run === null) return;
    this.bar.value = run.progress === null ? 0 : Math.min(run.progress.seconds / run.settings.seconds, 1);
    this.stop.disabled = run.state === "stopping";
    this.#showCurves(run);
    if (run.result !== null) this.#showResult(run);
    if (isNew) this.#reveal();
  }

  /** What is to be decided now comes into sight, unless somebody draws. */
  #reveal() {
    if (!this.app.drawing.isEmpty) return;
    const { bottom } = this.status.getBoundingClientRect();
    const whole = this.result.querySelector(".decision")?.getBoundingClientRect();
    if (!whole || (bottom > 0 && whole.bottom <= innerHeight)) return;
    this.status.scrollIntoView({ block: "start" });
  }

  #status(run) {
    if (run.decision === "kept") return `Kept as ${run.model}.`;
    if (run.decision === "discarded") return "Discarded; the model is as it was.";
    if (run.state === "training" && run.progress !== null) {
      const { images_per_second: speed, seconds_left: left } = run.progress;
      return `Learning: ${Math.round(speed).toLocaleString("en")} images/s, ${Math.ceil(left)} s left.`;
    }
    return run.result === null ? statusLine(run) : "Compare the two, then decide.";
  }

  #showCurves({ trace, history }) {
    // The epochs' ends lie where the curve has the same number of epochs.
    const at = (epoch) => trace.findLast(([epochs]) => epochs <= epoch + 1e-6)?.[1] ?? 0;
    const ends = (column) => history.map((record) => [at(record.epoch), record[column]]);
    this.loss.update([
      { name: "training", style: "first", points: smooth(trace.map(([, seconds, loss]) => [seconds, loss])) },
      { name: "held out", style: "second-dots", points: ends("validation_loss") },
    ]);
    this.accuracy.update([
      { name: "training", style: "first", points: smooth(trace.map(([, seconds, , share]) => [seconds, share])) },
      { name: "held out", style: "second-dots", points: ends("validation_accuracy") },
    ]);
  }

  #showResult(run) {
    const { old, new: fresh, answers, data, images, seen } = run.result;
    const rows = [
      ["your drawings", old.drawings, fresh.drawings, answers.length],
      [`${images.toLocaleString("en")} digits of ${data} kept out of the lesson`, old.held_out, fresh.held_out, images],
    ].map(([name, before, after, total]) => element("tr", {}, element("th", { scope: "row" }, name),
      ...[before, after].map((share) => element("td", {}, element("strong", {}, percent(share)),
        element("span", { class: "soft" }, ` ${Math.round(share * total).toLocaleString("en")} right`)))));
    const table = element("table", { class: "comparison", "data-test": "comparison" },
      element("caption", { class: "sr-only" }, "Right answers of the old and the new model"),
      element("thead", {}, element("tr", {}, element("td", {}), element("th", { scope: "col" }, "old"), element("th", { scope: "col" }, "new"))),
      element("tbody", {}, ...rows));
    const classes = run.classes;
    const cards = answers.map(({ label, old: before, new: after }, i) => element("li", { class: "card" },
      this.#drawings[i] ? thumbnail(this.#drawings[i].pixels) : element("span", { class: "thumbnail" }),
      said("old", before, label, classes), said("new", after, label, classes)));
    const decided = run.decision !== null;
    const keep = button("Keep the new model", "teach-keep", () => this.keep(), "primary");
    const discard = button("Discard it", "teach-discard", () => this.#steer("discard"));
    const hadFocus = this.result.querySelector(".decision")?.contains(document.activeElement);
    // What is decided about stands above what led there, and the decision beneath it.
    const note = seen && element("p", { class: "soft small", id: "teach-seen" }, seen);
    fill(this.result, table, note, decided ? null : element("div", { class: "row decision" }, keep, discard),
      element("div", { class: "cards-scroll", role: "region", tabindex: "0", "aria-label": "Both models' answers to your drawings" },
        element("ul", { class: "cards" }, ...cards)));
    // The button that was pressed is gone: keys go on from where the outcome is said, not from the top of the page.
    if (hadFocus) (decided ? this.status : keep).focus();
  }

  async keep() {
    const follower = this.#follower; // another lesson may begin before the server has answered
    if (await follower.use(this.app)) this.app.toast(`Kept as ${follower.run.model}, and chosen.`);
  }
}

/** What one model says of a drawing, and whether that is right. */
function said(which, { class: best, probability, verdict }, label, classes) {
  const right = best === label;
  const answer = verdict === "unknown" ? `${classes[best]}?` : classes[best] ?? "nothing";
  return element("span", { class: `said ${right ? "is-right" : "is-wrong"}` },
    element("span", { class: "soft" }, which), " ",
    element("strong", {}, answer), ` ${percent(probability, 0)} `,
    element("span", { "aria-hidden": "true" }, right ? "✓" : "✗"), element("span", { class: "sr-only" }, right ? "right" : "wrong"));
}
