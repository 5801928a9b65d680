// Sends files to the streaming route by PUT, one after the other. A file name travels in a header, never in the URL.
// What is under way lives on the element, because this function runs again whenever the page does.
const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
const STATES_THAT_WORK = ["waiting", "sending"];

function makeQueue(zone) {
  const queue = { entries: [], stored: [], finished: 0, data: null, report: null };
  const find = (selector) => zone.querySelector(selector);
  const working = () => queue.entries.some((entry) => STATES_THAT_WORK.includes(entry.state));
  const say = (name, values = {}) => fill(queue.data.texts[name], values);

  window.addEventListener("beforeunload", (event) => {
    if (zone.isConnected && working()) event.preventDefault();
  });

  queue.complain = (text) => {
    find(".problem").textContent = text;
    find(".problem").hidden = !text;
  };

  function summarise() {
    const total = queue.finished + queue.entries.length;
    find(".summary").hidden = !queue.entries.length || total < 2;
    find(".summary").textContent = say("summary", { done: queue.finished, total });
  }

  function button(words, name, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "plain";
    made.textContent = words;
    made.setAttribute("aria-label", `${words}: ${name}`);
    made.onclick = action;
    return made;
  }

  function draw(entry) {
    const item = entry.item;
    item.replaceChildren();
    const line = document.createElement("div");
    line.className = "line";
    const name = document.createElement("span");
    name.className = "name";
    name.dir = "auto";
    name.textContent = entry.file.name;
    entry.figures = document.createElement("span");
    entry.figures.className = "figures";
    line.append(name, entry.figures);
    item.append(line);
    if (entry.state === "failed") {
      line.append(button(say("again"), entry.file.name, () => retry(entry)));
      line.append(button(say("dismiss"), entry.file.name, () => drop(entry)));
      const reason = document.createElement("div");
      reason.className = "reason";
      reason.setAttribute("role", "alert");
      reason.textContent = entry.reason;
      item.append(reason);
      return;
    }
    entry.figures.textContent = say("waiting");
    line.append(button(say("stop"), entry.file.name, () => stop(entry)));
    entry.bar = document.createElement("progress");
    entry.bar.max = 100;
    entry.bar.value = 0;
    entry.bar.setAttribute("aria-label", `${say("upload")}: ${entry.file.name}`);
    item.append(entry.bar);
  }

  function drop(entry) {
    entry.item.remove();
    queue.entries = queue.entries.filter((other) => other !== entry);
    summarise();
  }

  function fail(entry, reason) {
    entry.state = "failed";
    entry.reason = reason;
    draw(entry);
    summarise();
    next();
  }

  function retry(entry) {
    entry.state = "waiting";
    draw(entry);
    next();
  }

  function stop(entry) {
    if (entry.request) entry.request.abort();
    drop(entry);
    next();
  }

  function keep(entry, answer) {
    queue.finished += 1;
    drop(entry);
    queue.stored = [...queue.stored, answer.recording_id];
    queue.report(queue.stored);
    next();
  }

  function send(entry) {
    entry.state = "sending";
    const request = new XMLHttpRequest();
    entry.request = request;
    request.open("PUT", queue.data.url);
    for (const [name, value] of Object.entries(queue.data.headers)) request.setRequestHeader(name, value);
    request.setRequestHeader(queue.data.file_name_header, encodeURIComponent(entry.file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      entry.bar.value = (100 * event.loaded) / event.total;
      const values = { done: megabytes(event.loaded), total: megabytes(event.total) };
      entry.figures.textContent = event.loaded === event.total ? say("storing") : say("sent", values);
    };
    request.onload = () => {
      entry.request = null;
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = {};
      }
      if (request.status === 201) keep(entry, answer);
      else if (request.status === 401) window.location.replace("/sign-in?why=expired");
      else fail(entry, answer.error || say("refused", { status: request.status }));
    };
    request.onerror = () => {
      entry.request = null;
      fail(entry, say("broke_off"));
    };
    request.send(entry.file);
  }

  function next() {
    summarise();
    if (queue.entries.some((entry) => entry.state === "sending")) return;
    const entry = queue.entries.find((other) => other.state === "waiting");
    if (entry) send(entry);
  }

  function fault(file) {
    if (file.size === 0) return say("empty");
    if (file.size <= queue.data.max_bytes) return "";
    return say("too_large", { size: megabytes(file.size), limit: megabytes(queue.data.max_bytes) });
  }

  queue.add = (files) => {
    queue.complain("");
    for (const file of files) {
      const entry = { file, state: "waiting", item: document.createElement("li"), request: null, reason: "" };
      entry.item.className = "file";
      queue.entries.push(entry);
      find(".files").append(entry.item);
      draw(entry);
      const reason = fault(file);
      if (reason) fail(entry, reason);
    }
    next();
  };
  return queue;
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const find = (selector) => parentElement.querySelector(selector);
  const zone = find(".zone");
  const input = find(".from-folder");
  const camera = find(".from-camera");
  zone.fgaitQueue = zone.fgaitQueue || makeQueue(zone);
  const queue = zone.fgaitQueue;
  queue.data = data;
  queue.report = (stored) => setStateValue("stored", stored);

  const { texts } = data;
  zone.setAttribute("aria-label", texts.title);
  find(".title").textContent = texts.title;
  find(".hint").textContent = fill(texts.hint, { limit: megabytes(data.max_bytes) });
  find(".choose").textContent = texts.choose;
  find(".camera").textContent = texts.camera;
  // Only browsers that can open the device's own camera know the attribute.
  find(".camera").hidden = !("capture" in camera);

  find(".choose").onclick = () => input.click();
  find(".camera").onclick = () => camera.click();
  input.multiple = true;
  for (const source of [input, camera]) {
    source.onchange = () => {
      queue.add([...source.files]);
      source.value = "";
    };
  }
  zone.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.ondragleave = () => zone.classList.remove("over");
  zone.ondrop = (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) queue.add([...event.dataTransfer.files]);
    else queue.complain(texts.no_file);
  };
}
