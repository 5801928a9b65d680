// Sends one file to the streaming route by PUT. The file name travels in a header, never in the URL.
const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const find = (selector) => parentElement.querySelector(selector);
  const zone = find(".zone");
  const input = find("input");
  find(".hint").textContent =
    `MP4, MOV, MKV, AVI or WebM, up to ${megabytes(data.max_bytes)} MB, up to 60 minutes. A walk of 10 seconds is enough.`;

  const complain = (text) => {
    find(".problem").textContent = text;
    find(".problem").hidden = !text;
  };
  const working = (on) => {
    find(".working").hidden = !on;
    find(".row").hidden = on;
  };

  function send(file) {
    complain("");
    if (file.size === 0) return complain("The file is empty. Please choose the video again.");
    if (file.size > data.max_bytes) {
      return complain(
        `The video has ${megabytes(file.size)} MB; this installation takes up to ${megabytes(data.max_bytes)} MB. ` +
          "Film a shorter walk, or choose 1080p on the camera.",
      );
    }
    const request = new XMLHttpRequest();
    zone.fgaitRequest = request;
    request.open("PUT", data.url);
    for (const [name, value] of Object.entries(data.headers)) request.setRequestHeader(name, value);
    request.setRequestHeader(data.file_name_header, encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      find("progress").value = (100 * event.loaded) / event.total;
      const done = event.loaded === event.total;
      find(".figures").textContent = done
        ? "Storing…"
        : `${megabytes(event.loaded)} of ${megabytes(event.total)} MB`;
    };
    request.onload = () => {
      zone.fgaitRequest = null;
      working(false);
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = {};
      }
      if (request.status === 201) setTriggerValue("recording", answer.recording_id);
      else if (request.status === 401) window.location.replace("/sign-in?why=expired");
      else complain(answer.error || `The upload was refused (${request.status}). Please try again.`);
    };
    request.onerror = () => {
      zone.fgaitRequest = null;
      working(false);
      complain("The upload broke off. Check the connection and try again; nothing was stored.");
    };
    request.onabort = () => {
      zone.fgaitRequest = null;
      working(false);
    };
    find(".name").textContent = file.name;
    find(".figures").textContent = "";
    find("progress").value = 0;
    working(true);
    request.send(file);
  }

  find(".choose").onclick = () => input.click();
  find(".stop").onclick = () => zone.fgaitRequest && zone.fgaitRequest.abort();
  input.onchange = () => {
    if (input.files.length) send(input.files[0]);
    input.value = "";
  };
  zone.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.ondragleave = () => zone.classList.remove("over");
  zone.ondrop = (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (zone.fgaitRequest) return;
    if (event.dataTransfer.files.length !== 1) return complain("Please drop one video.");
    send(event.dataTransfer.files[0]);
  };
}
