// Plays the clip of a walk and winds it by the phase of a stride. Players of the same group show the same phase.
const TILE = { width: 44, height: 64 };
const PHASE_EVENT = "fgait-phase";

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const within = (value, low, high) => Math.min(Math.max(value, low), high);

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".player");
  const signature = JSON.stringify(data);
  if (root.fgait && root.fgait.signature === signature) return root.fgait.stop;
  if (root.fgait) root.fgait.stop();
  const player = new Player(root, data);
  const stop = () => {
    player.close();
    root.fgait = null;
  };
  root.fgait = { signature, stop };
  return stop;
}

class Player {
  constructor(root, data) {
    this.data = data;
    this.find = (selector) => root.querySelector(selector);
    this.video = this.find("video");
    this.slider = this.find("input");
    this.stride = 0;
    this.phase = 0;
    this.repeating = false;
    root.dir = data.direction;
    this.listeners = new AbortController();
    this.label();
    this.controls();
    this.open();
    this.choose(data.first_stride);
    this.sheet = new Image();
    this.sheet.onload = () => this.drawStrip();
    this.sheet.src = data.sheet;
  }

  on(target, name, action) {
    target.addEventListener(name, action, { signal: this.listeners.signal });
  }

  close() {
    this.listeners.abort();
    this.video.pause();
  }

  label() {
    const { words, strides } = this.data;
    this.find(".previous").textContent = words.previous;
    this.find(".next").textContent = words.next;
    this.find(".repeat").textContent = words.repeat;
    this.find(".which").textContent = words.stride;
    this.find(".speed").textContent = words.speed;
    this.find(".unit").textContent = strides.length ? words.cycle : words.clip;
    this.slider.setAttribute("aria-label", strides.length ? words.cycle : words.clip);
    this.video.setAttribute("aria-label", words.video);
    const options = (select, texts) => select.replaceChildren(...texts.map((text, i) => new Option(text, i)));
    options(this.find(".stride"), strides.map((stride) => stride.name));
    options(this.find(".rate"), ["1×", "0.5×", "0.25×"]);
    for (const part of [".previous", ".next", ".repeat"]) this.find(part).hidden = !strides.length;
    this.find(".stride").parentElement.hidden = !strides.length;
  }

  controls() {
    this.on(this.find(".previous"), "click", () => this.goTo(this.stride - 1, 0));
    this.on(this.find(".next"), "click", () => this.goTo(this.stride + 1, 0));
    this.on(this.find(".stride"), "change", (event) => this.goTo(Number(event.target.value), 0));
    this.on(this.find(".rate"), "change", (event) => (this.video.playbackRate = [1, 0.5, 0.25][event.target.value]));
    this.on(this.find(".repeat"), "click", () => this.repeat(!this.repeating));
    this.on(this.slider, "input", () => this.wind(this.slider.value / 100));
    if (!this.data.group) return;
    this.on(window, PHASE_EVENT, ({ detail }) => {
      if (detail.group === this.data.group && detail.from !== this.data.name) this.wind(detail.phase, true);
    });
  }

  open() {
    const video = this.video;
    video.hidden = !this.data.url;
    if (!this.data.url) return;
    video.src = this.data.url;
    video.defaultMuted = true;
    this.on(video, "error", () => {
      this.find(".problem").textContent = this.data.words.broken;
      this.find(".problem").hidden = false;
      video.hidden = true;
    });
    this.on(video, "loadedmetadata", () => this.wind(this.phase, true));
    const follow = () => {
      this.follow();
      if (!video.paused && !this.listeners.signal.aborted) requestAnimationFrame(follow);
    };
    this.on(video, "play", follow);
    this.on(video, "seeked", () => this.follow());
  }

  // Begin and end of what the slider covers, in seconds of the clip.
  span() {
    const { strides, tile_times_s: times } = this.data;
    const stride = strides[this.stride];
    return stride ? [stride.start_s, stride.end_s] : [times[0], times[times.length - 1]];
  }

  choose(number) {
    const { strides } = this.data;
    this.stride = within(number, 0, Math.max(strides.length - 1, 0));
    this.find(".stride").value = this.stride;
    this.find(".previous").disabled = this.stride === 0;
    this.find(".next").disabled = this.stride >= strides.length - 1;
    this.drawFeet();
    if (this.sheet && this.sheet.complete) this.drawStrip();
  }

  goTo(number, phase) {
    this.choose(number);
    this.wind(phase);
  }

  repeat(on) {
    this.repeating = on;
    this.find(".repeat").setAttribute("aria-pressed", on);
    if (!on) return this.video.pause();
    this.wind(0);
    this.video.play();
  }

  wind(phase, quietly = false) {
    const [start, end] = this.span();
    this.show(phase);
    if (this.video.readyState > 0) this.video.currentTime = Math.max(start + phase * (end - start), 0) + 0.001;
    if (!quietly && this.data.group) {
      const detail = { group: this.data.group, from: this.data.name, phase };
      window.dispatchEvent(new CustomEvent(PHASE_EVENT, { detail }));
    }
  }

  // The slider goes with the video: within the stride, or on to the next one of the same foot.
  follow() {
    const now = this.video.currentTime;
    const { strides } = this.data;
    let [start, end] = this.span();
    if (this.repeating && (now >= end || now < start - 0.1)) return this.wind(0);
    if (strides.length && (now < start - 0.02 || now > end + 0.02)) {
      const foot = strides[this.stride].foot;
      const at = strides.findIndex((each) => each.foot === foot && each.start_s <= now && now <= each.end_s);
      if (at < 0) return;
      this.choose(at);
      [start, end] = this.span();
    }
    this.show(within((now - start) / (end - start), 0, 1));
  }

  show(phase) {
    const { words, strides, tile_times_s: times, tiles } = this.data;
    this.phase = phase;
    const percent = Math.round(100 * phase);
    if (Math.round(this.slider.value) !== percent) this.slider.value = percent;
    const stride = strides[this.stride];
    const parts = [filled(stride ? words.at_phase : words.at_clip, { percent })];
    for (const foot of stride ? ["left", "right"] : []) {
      const known = stride.stances.filter((stance) => stance.foot === foot);
      if (!known.length) continue;
      const down = known.some((stance) => stance.begins <= phase && phase <= stance.ends);
      parts.push(words[`${foot}_${down ? "down" : "up"}`]);
    }
    this.find(".now").textContent = parts.join(" · ");
    this.slider.setAttribute("aria-valuetext", parts.join(", "));
    const row = tiles[stride ? this.stride : 0];
    const nearest = Math.round(phase * (row.length - 1));
    this.find(".strip").childNodes.forEach((tile, i) => {
      if (i === nearest) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    });
  }

  drawFeet() {
    const { words, strides } = this.data;
    const stride = strides[this.stride];
    const feet = stride ? ["left", "right"] : [];
    this.find(".feet").replaceChildren(
      ...feet.map((foot) => {
        const line = document.createElement("div");
        line.className = `foot ${foot}`;
        for (const stance of stride.stances.filter((each) => each.foot === foot)) {
          const bar = document.createElement("i");
          bar.style.left = `${100 * stance.begins}%`;
          bar.style.width = `${100 * (stance.ends - stance.begins)}%`;
          line.append(bar);
        }
        const name = document.createElement("span");
        name.dir = "auto";
        name.textContent = words[`${foot}_bar`];
        line.append(name);
        return line;
      }),
    );
  }

  drawStrip() {
    const { words, strides, tiles, columns } = this.data;
    const row = tiles[strides.length ? this.stride : 0];
    this.find(".strip").replaceChildren(
      ...row.map((tile, i) => {
        const button = document.createElement("button");
        const phase = i / (row.length - 1);
        button.type = "button";
        button.tabIndex = -1; // the slider does the same with the arrow keys
        button.setAttribute("aria-label", filled(words.go_to, { percent: Math.round(100 * phase) }));
        button.onclick = () => this.wind(phase);
        const canvas = document.createElement("canvas");
        canvas.width = TILE.width;
        canvas.height = TILE.height;
        const from = [(tile % columns) * TILE.width, Math.floor(tile / columns) * TILE.height];
        const size = [TILE.width, TILE.height];
        canvas.getContext("2d").drawImage(this.sheet, ...from, ...size, 0, 0, ...size);
        button.append(canvas);
        return button;
      }),
    );
    this.show(this.phase);
  }
}
