"use strict";
// The body of a run to turn and to move: WebGL 2 without libraries, or a plain canvas where that is missing.
// It reads the JSON of mnnfem/report/scene.py from #scene-data and draws into the elements of #scene.
(() => {
  const root = document.getElementById("scene"), told = document.getElementById("scene-data");
  if (!root || !told) return;
  const data = JSON.parse(told.textContent);
  const part = name => root.querySelector(`[data-part=${name}]`);
  const body = part("body"), marks = part("marks"), slider = part("slider"), play = part("play");
  const shadeChoice = part("shade"), label = part("label"), bar = part("bar");
  const flat = data.dim === 2, layers = flat ? 2 : 1;

  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
  const small = data.nodes < 65536;
  const index = text => small ? new Uint16Array(bytes(text)) : new Uint32Array(bytes(text));
  const rest = new Int16Array(bytes(data.rest.data)), moved = new Int16Array(bytes(data.moved.data));
  const faces = index(data.faces), edges = index(data.edges);
  const shades = data.shades.map(shade => ({...shade, values: new Uint8Array(bytes(shade.data))}));
  const h = flat ? data.thickness / 2 : 0;

  // A plane body has each node twice: number 2 i below, 2 i + 1 above.
  const [triangles, lines] = (() => {
    if (!flat) return [Uint32Array.from(faces), Uint32Array.from(edges)];
    const t = [], l = [];
    for (let k = 0; k < faces.length; k += 3) {
      const [a, b, c] = [2 * faces[k], 2 * faces[k + 1], 2 * faces[k + 2]];
      t.push(a + 1, b + 1, c + 1, a, c, b);
    }
    for (let k = 0; k < edges.length; k += 2) {
      const a = 2 * edges[k], b = 2 * edges[k + 1];
      t.push(a, b, b + 1, a, b + 1, a + 1);
      l.push(a + 1, b + 1, a, b);
    }
    return [Uint32Array.from(t), Uint32Array.from(l)];
  })();

  // Where the body is in all of its frames together.
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let f = 0; f < data.frames; f++) {
    for (let i = 0; i < data.nodes; i++) {
      for (let d = 0; d < data.dim; d++) {
        const x = rest[i * data.dim + d] * data.rest.unit + moved[(f * data.nodes + i) * data.dim + d] * data.moved.unit;
        if (x < low[d]) low[d] = x;
        if (x > high[d]) high[d] = x;
      }
    }
  }
  if (flat) { low[2] = -h; high[2] = h; }
  const centre = low.map((x, d) => (x + high[d]) / 2);
  const radius = Math.hypot(...low.map((x, d) => (high[d] - x) / 2)) || 1;

  const first = flat ? {turn: -0.35, tilt: 0.72, zoom: 1} : {turn: 0.5, tilt: 0.25, zoom: 1};
  const state = {...first, at: data.start, playing: false, way: 1, shade: 0};
  const last = data.closed ? data.frames : data.frames - 1;
  slider.max = String(Math.max(last, 0));

  function split() { // the two frames around the moment, and the share of the second
    const a = Math.min(Math.floor(state.at), data.frames - 1);
    return [a % data.frames, Math.min(a + 1, last) % data.frames, state.at - a];
  }
  function rotation() { // rows of the matrix that turns the body into view: x right, y up, z to the eye
    const [c, s, ct, st] = [Math.cos(state.turn), Math.sin(state.turn), Math.cos(state.tilt), Math.sin(state.tilt)];
    return flat ? [[c, -s, 0], [ct * s, ct * c, st], [-st * s, -st * c, ct]]
                : [[c, 0, -s], [-st * s, ct, -st * c], [ct * s, st, ct * c]];
  }
  const EYE = 3.6;
  function scale() {
    const shape = body.width / body.height;
    const fit = (flat ? 1.22 : 1.12) * state.zoom * EYE / radius / Math.max(shape, 1);
    return [fit, fit * shape];
  }
  function project(x, y, z) { // mm -> clip coordinates, as in the shader
    const m = rotation(), p = [x - centre[0], y - centre[1], z - centre[2]];
    const v = m.map(row => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
    const w = EYE - v[2] / radius, [sx, sy] = scale();
    return [v[0] * sx / w, v[1] * sy / w, v[2] / radius];
  }
  const dark = () => matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;

  // ---- WebGL 2 -------------------------------------------------------------------------------
  const VERTEX = `#version 300 es
    precision highp float; precision highp int; precision highp isampler2D;
    uniform isampler2D rest, moved; uniform int first, second, nodes, wide; uniform bool flatBody;
    uniform float share, restUnit, movedUnit, h, radius, eye; uniform vec3 centre; uniform vec2 scale; uniform mat3 turn;
    out vec3 place; out float shade;
    ivec4 at(isampler2D t, int i) { return texelFetch(t, ivec2(i % wide, i / wide), 0); }
    void main() {
      int node = flatBody ? gl_VertexID / 2 : gl_VertexID;
      vec4 a = vec4(at(moved, first * nodes + node)), b = vec4(at(moved, second * nodes + node)), now = mix(a, b, share);
      vec3 x = vec3(at(rest, node).xyz) * restUnit + now.xyz * movedUnit;
      if (flatBody) x.z = gl_VertexID % 2 == 1 ? h : -h;
      shade = now.w / 255.0;
      place = turn * (x - centre) / radius;
      gl_Position = vec4(place.xy * scale * radius, -place.z * 0.5, eye - place.z);
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float;
    uniform sampler2D palette; uniform vec4 ink; in vec3 place; in float shade; out vec4 colour;
    void main() {
      if (ink.a > 0.0) { colour = ink; return; }
      vec3 normal = normalize(cross(dFdx(place), dFdy(place)));
      float light = 0.62 + 0.38 * clamp(dot(normal, normalize(vec3(-0.25, 0.45, 0.86))), 0.0, 1.0);
      colour = vec4(texture(palette, vec2(shade * 16.0 / 17.0 + 0.5 / 17.0, 0.5)).rgb * light, 1.0);
    }`;

  function webgl() {
    const gl = body.getContext("webgl2", {antialias: true, alpha: true, preserveDrawingBuffer: true});
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    const where = name => gl.getUniformLocation(program, name);
    const wide = 1024;
    if (Math.ceil(data.nodes * data.frames / wide) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;

    function texels(unit, numbers) { // four 16-bit numbers for each node
      const tall = Math.max(1, Math.ceil(numbers.length / 4 / wide)), filled = new Int16Array(4 * wide * tall);
      filled.set(numbers);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16I, wide, tall, 0, gl.RGBA_INTEGER, gl.SHORT, filled);
    }
    function texture(unit, filter) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
      for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, way, filter);
      for (const way of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, way, gl.CLAMP_TO_EDGE);
    }
    texture(0, gl.NEAREST); texture(1, gl.NEAREST); texture(2, gl.LINEAR);
    const places = new Int16Array(4 * data.nodes), all = new Int16Array(4 * data.nodes * data.frames);
    for (let i = 0; i < data.nodes; i++)
      for (let d = 0; d < data.dim; d++) places[4 * i + d] = rest[i * data.dim + d];
    for (let i = 0; i < data.nodes * data.frames; i++)
      for (let d = 0; d < data.dim; d++) all[4 * i + d] = moved[i * data.dim + d];
    texels(0, places);

    const indices = [triangles, lines].map(numbers => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, numbers, gl.STATIC_DRAW);
      return buffer;
    });
    gl.uniform1i(where("rest"), 0); gl.uniform1i(where("moved"), 1); gl.uniform1i(where("palette"), 2);
    gl.uniform1i(where("nodes"), data.nodes); gl.uniform1i(where("wide"), wide); gl.uniform1i(where("flatBody"), flat ? 1 : 0);
    gl.uniform1f(where("restUnit"), data.rest.unit); gl.uniform1f(where("movedUnit"), data.moved.unit);
    gl.uniform1f(where("h"), h); gl.uniform1f(where("radius"), radius); gl.uniform1f(where("eye"), EYE);
    gl.uniform3fv(where("centre"), centre);
    gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL); gl.enable(gl.POLYGON_OFFSET_FILL); gl.polygonOffset(1, 1);

    let shaded = -1;
    return () => {
      const shade = shades[state.shade];
      if (shaded !== state.shade) {
        for (let i = 0; i < data.nodes * data.frames; i++) all[4 * i + 3] = shade.values[shade.still ? i % data.nodes : i];
        texels(1, all);
        gl.activeTexture(gl.TEXTURE2);
        const stops = new Uint8Array(shade.colours.flatMap(hex => [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16))));
        gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, shade.colours.length, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, stops);
        shaded = state.shade;
      }
      const [a, b, share] = split(), m = rotation();
      gl.viewport(0, 0, body.width, body.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniform1i(where("first"), a); gl.uniform1i(where("second"), b); gl.uniform1f(where("share"), share);
      gl.uniform2fv(where("scale"), scale());
      gl.uniformMatrix3fv(where("turn"), false, [0, 1, 2].flatMap(d => m.map(row => row[d])));
      gl.uniform4f(where("ink"), 0, 0, 0, 0);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indices[0]);
      gl.drawElements(gl.TRIANGLES, triangles.length, gl.UNSIGNED_INT, 0);
      gl.uniform4f(where("ink"), ...(dark() ? [0.04, 0.06, 0.08, 1] : [0.12, 0.16, 0.2, 1]));
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indices[1]);
      gl.drawElements(gl.LINES, lines.length, gl.UNSIGNED_INT, 0);
    };
  }

  // ---- a plain canvas: triangles that face the eye, the farthest first --------------------------
  function plain() {
    const pen = body.getContext("2d");
    const places = new Float32Array(3 * layers * data.nodes);
    return () => {
      const [a, b, share] = split(), shade = shades[state.shade], [w, t] = [body.width / 2, body.height / 2];
      for (let i = 0; i < data.nodes; i++) {
        const x = [0, 0, 0];
        for (let d = 0; d < data.dim; d++) {
          const [u, v] = [a, b].map(f => moved[(f * data.nodes + i) * data.dim + d]);
          x[d] = rest[i * data.dim + d] * data.rest.unit + (u + share * (v - u)) * data.moved.unit;
        }
        for (let layer = 0; layer < layers; layer++) {
          const p = project(x[0], x[1], flat ? (layer ? h : -h) : x[2]);
          places.set([w + p[0] * w, t - p[1] * t, p[2]], 3 * (layers * i + layer));
        }
      }
      const seen = [];
      for (let k = 0; k < triangles.length; k += 3) {
        const [i, j, l] = [3 * triangles[k], 3 * triangles[k + 1], 3 * triangles[k + 2]];
        const area = (places[j] - places[i]) * (places[l + 1] - places[i + 1])
                   - (places[l] - places[i]) * (places[j + 1] - places[i + 1]);
        if (area < 0) seen.push([places[i + 2] + places[j + 2] + places[l + 2], k]);
      }
      seen.sort((one, other) => one[0] - other[0]);
      pen.clearRect(0, 0, body.width, body.height);
      pen.lineWidth = 0.7;
      for (const [, k] of seen) {
        const node = Math.floor(triangles[k] / layers);
        const value = shade.values[shade.still ? node : (share < 0.5 ? a : b) * data.nodes + node];
        pen.fillStyle = pen.strokeStyle = shade.colours[Math.round(value / 255 * (shade.colours.length - 1))];
        pen.beginPath();
        for (let c = 0; c < 3; c++) pen.lineTo(places[3 * triangles[k + c]], places[3 * triangles[k + c] + 1]);
        pen.closePath(); pen.fill(); pen.stroke();
      }
    };
  }

  // ---- targets and windows over it ----------------------------------------------------------
  function overlay() {
    const pen = marks.getContext("2d"), dpr = marks.width / Math.max(marks.clientWidth, 1);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, marks.width, marks.height);
    const at = (x, y) => {
      const p = project(x, y, h);
      return [(1 + p[0]) * marks.width / 2, (1 - p[1]) * marks.height / 2];
    };
    const line = (points, closed) => {
      pen.beginPath();
      points.forEach(p => pen.lineTo(...at(...p)));
      if (closed) pen.closePath();
      pen.stroke();
    };
    pen.strokeStyle = "#e07a00";
    pen.lineWidth = 1.6 * dpr;
    for (const [l, b, r, t] of data.rectangles) line([[l, b], [r, b], [r, t], [l, t]], true);
    if (!data.wanted) return;
    const [a, b, share] = split();
    const between = list => list[a].map((p, k) => p.map((x, d) => x + share * (list[b][k][d] - x)));
    const wanted = between(data.wanted), watched = between(data.watched);
    if (data.loop) {
      pen.lineWidth = 2.4 * dpr;
      line(wanted, true);
    } else {
      pen.setLineDash([4 * dpr, 4 * dpr]);
      pen.lineWidth = dpr;
      wanted.forEach((_, k) => line(data.wanted.map(frame => frame[k]), data.closed));
      pen.setLineDash([]);
      pen.lineWidth = 2.6 * dpr;
      for (const p of wanted) {
        const [x, y] = at(...p), r = 7.5 * dpr;
        pen.beginPath();
        pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x - r, y + r); pen.lineTo(x + r, y - r);
        pen.stroke();
      }
    }
    pen.fillStyle = "#ffffff"; pen.strokeStyle = "#1f2933"; pen.lineWidth = 1.2 * dpr;
    for (const p of watched) {
      const [x, y] = at(...p);
      pen.beginPath(); pen.arc(x, y, (data.loop ? 2 : 3.6) * dpr, 0, 2 * Math.PI); pen.fill(); pen.stroke();
    }
  }

  const draw = webgl() || plain();
  const number = x => Number(x.toPrecision(3)).toLocaleString("en", {maximumSignificantDigits: 3});
  function legend() {
    const shade = shades[state.shade];
    bar.querySelector("i").style.background = `linear-gradient(90deg, ${shade.colours.join(", ")})`;
    const [from, to, name] = bar.querySelectorAll("span");
    from.textContent = (shade.under ? "≤ " : "") + number(shade.low);
    name.textContent = shade.name;
    to.textContent = (shade.over ? "≥ " : "") + number(shade.high);
  }
  let wanted = false;
  function render() {
    wanted = false;
    const dpr = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of [body, marks]) {
      const [w, t] = [Math.round(body.clientWidth * dpr), Math.round(body.clientHeight * dpr)];
      if (canvas.width !== w || canvas.height !== t) { canvas.width = w; canvas.height = t; }
    }
    draw();
    overlay();
    const nearest = Math.round(state.at) % data.frames;
    label.textContent = data.labels.length ? data.labels[nearest] : `state ${nearest + 1} of ${data.frames}`;
  }
  function ask() { if (!wanted) { wanted = true; requestAnimationFrame(render); } }

  function step(now) {
    if (!state.playing) return;
    const seconds = Math.min((now - state.when) / 1000, 0.1);
    state.when = now;
    state.at += state.way * seconds * data.frames / Math.max(4, data.frames / 8);
    if (data.closed) state.at %= data.frames;
    else if (state.at >= last || state.at <= 0) { state.way = state.at <= 0 ? 1 : -1; state.at = Math.min(Math.max(state.at, 0), last); }
    slider.value = String(state.at);
    ask();
    requestAnimationFrame(step);
  }
  function toggle(on) {
    state.playing = on;
    play.textContent = on ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(on));
    if (on) { state.when = performance.now(); requestAnimationFrame(step); }
  }
  play.addEventListener("click", () => toggle(!state.playing));
  slider.addEventListener("input", () => { toggle(false); state.at = Number(slider.value); ask(); });
  shades.forEach((shade, k) => shadeChoice.add(new Option(shade.name, String(k))));
  shadeChoice.addEventListener("change", () => { state.shade = Number(shadeChoice.value); legend(); ask(); });
  shadeChoice.hidden = shades.length < 2;

  const turned = (right, down) => { // what is nearest to the eye goes there
    state.turn += flat ? right : -right;
    state.tilt = Math.min(Math.max(state.tilt + (flat ? -down : down), flat ? 0 : -1.5), 1.5);
    ask();
  };
  const zoomed = by => { state.zoom = Math.min(Math.max(state.zoom * by, 0.5), 12); ask(); };
  marks.addEventListener("pointerdown", event => { marks.setPointerCapture(event.pointerId); marks.focus({preventScroll: true}); });
  marks.addEventListener("pointermove", event => {
    if (marks.hasPointerCapture(event.pointerId)) turned(0.01 * event.movementX, 0.01 * event.movementY);
  });
  marks.addEventListener("wheel", event => {
    if (document.activeElement !== marks) return; // so that the page still scrolls past it
    event.preventDefault();
    zoomed(Math.exp(-0.0015 * event.deltaY));
  }, {passive: false});
  marks.addEventListener("dblclick", () => { Object.assign(state, first); ask(); });
  marks.addEventListener("keydown", event => {
    const by = {ArrowLeft: [-0.08, 0], ArrowRight: [0.08, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08]}[event.key];
    if (by) turned(...by);
    else if (event.key === "+" || event.key === "=") zoomed(1.15);
    else if (event.key === "-") zoomed(1 / 1.15);
    else return;
    event.preventDefault();
  });
  new ResizeObserver(ask).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ask);
  slider.value = String(state.at);
  legend();
  render();
})();
