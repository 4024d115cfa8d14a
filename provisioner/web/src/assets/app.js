// The page's module: times in the reader's zone, rows that arrive live, uploads with progress. Pages work without it.

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const number = new Intl.NumberFormat('en').format;

// The server has escaped what is in its markup.
const rows = globalThis.trustedTypes?.createPolicy('rows', { createHTML: (text) => text }) ?? { createHTML: (text) => text };
function element(markup) {
  const template = document.createElement('template');
  template.innerHTML = rows.createHTML(markup);
  return template.content;
}

function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${unit && bytes < 10 ? bytes.toFixed(2) : unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

// Screen readers get one sentence every two seconds at most.
const sentences = [];
function announce(sentence) {
  if (sentences.push(sentence) > 1) return;
  setTimeout(() => {
    $('#announce').textContent = sentences.length > 3 ? `${sentences.length} changes. ${sentences.at(-1)}` : sentences.join(' ');
    sentences.length = 0;
  }, 2000);
}

// Times

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const year = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

function localTimes(root) {
  const now = new Date();
  for (const time of all('time', root)) {
    const at = new Date(time.dateTime);
    const format = time.closest('.group') ? exact : at.toDateString() === now.toDateString() ? clock : at.getFullYear() === now.getFullYear() ? day : year;
    time.textContent = format.format(at);
    time.title = `${full.format(at)} (${time.dateTime})`;
  }
}

// Filters: times are typed in the reader's zone, and the address has them in UTC.

const filters = $('#filters');
function localMoments() {
  for (const input of all('[data-moment]', filters)) {
    const text = input.value.trim();
    const date = new Date(text.replace(' ', 'T').replace(/^\d{4}-\d\d-\d\d$/, '$&T00:00').replace(/T\d\d:\d\d(:\d\d(\.\d+)?)?$/, '$&Z'));
    const today = new Date(new Date().setHours(0, 0, 0, 0));
    const at = text === 'today' ? today : text ? date : null;
    if (at && Number.isNaN(+at)) continue;
    input.value = '';
    input.type = 'datetime-local';
    input.value = at ? new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '';
    const label = $(`label[for=${input.id}]`);
    label.textContent = label.textContent.replace(' (UTC)', '');
  }
}
filters?.addEventListener('formdata', ({ formData }) => {
  for (const input of all('[data-moment]', filters)) {
    if (input.type === 'datetime-local' && input.value) formData.set(input.name, new Date(input.value).toISOString().replace('.000', ''));
  }
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

// Live rows

const live = $('#live');
let list = $('#list');
let source;
let lastId = '';
let hidden;

function state(name, text, title = '') {
  live.hidden = false;
  if (live.dataset.state === name) return;
  live.dataset.state = name;
  $('.live-text', live).textContent = text;
  live.title = title;
}

function connect() {
  source?.close();
  const url = new URL(list.dataset.live, location.href);
  if (lastId) url.searchParams.set('from', lastId);
  source = new EventSource(url);
  const on = (name, act) => source.addEventListener(name, (event) => {
    lastId = event.lastEventId || lastId;
    act(JSON.parse(event.data));
  });
  on('connected', () => { if (live.dataset.state !== 'unread') state('live', 'Live'); });
  on('record', (record) => {
    if (pending.push(record) === 1) requestAnimationFrame(showRows);
    if (pending.length > 500) pending.splice(1, 1);
    settle(record);
  });
  on('retrying', retrying);
  on('gap', reload);
  on('source', ({ problem }) => (problem ? state('unread', 'Not live', problem) : state('live', 'Live')));
  source.onerror = async () => {
    state('lost', 'Reconnecting…');
    if (source.readyState !== EventSource.CLOSED) return;
    const closed = source;
    await later(3000);
    if (source === closed) connect();
  };
}

// Rows of records that this page lists. Many can come at once, of which only the newest are shown.
const pending = [];
function showRows() {
  pending.sort((a, b) => a.uploadedAt - b.uploadedAt).slice(-Number(list.dataset.most ?? 50)).forEach(showRow);
  pending.length = 0;
}

function showRow(record) {
  const body = $('#rows', list);
  if (!body) return void reload();
  const row = element(record.row).firstElementChild;
  localTimes(row);
  const known = document.getElementById(row.id);
  if (known) return void known.replaceWith(row);
  const time = (tr) => $('time', tr)?.dateTime ?? '';
  const next = [...body.rows].find((tr) => time(tr) <= $('time', row).dateTime || !time(tr));
  const most = Number(list.dataset.most ?? 50);
  if (!next && body.rows.length >= most) return;
  row.classList.add('new');
  body.insertBefore(row, next ?? null);
  while (body.rows.length > most) body.rows[body.rows.length - 1].remove();
  if (!files.length) announce(`New record: ${record.name}, ${record.failed ? 'failed' : 'success'}.`);
}

// Reads the list again: events were missed, or the list was empty.
let reloading;
function reload() {
  reloading ??= (async () => {
    await later(100);
    reloading = undefined;
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok) return;
    const page = element(await answer.text());
    const fresh = $('#list', page);
    if (!fresh) return;
    localTimes(fresh);
    list.replaceWith(fresh);
    list = fresh;
  })().catch(() => state('lost', 'Reconnecting…'));
}

// A hidden page gives its connection back: a browser has six for each server.
document.addEventListener('visibilitychange', () => {
  clearTimeout(hidden);
  if (!source) return;
  if (document.hidden) hidden = setTimeout(() => { if (!isBusy()) { source.close(); } }, 30_000);
  else if (source.readyState === EventSource.CLOSED) connect();
});

// Uploads

const AT_ONCE = 4;
const PART = 8 << 20;
const SHOWN = 200;
const WAIT_FOR_RECORD = 180_000;
const WORDS = {
  waiting: ['neutral', 'Waiting'], sending: ['active', 'Sending'], paused: ['neutral', 'Paused'], stored: ['active', 'Reading'],
  success: ['good', 'Success'], failed: ['bad', 'Failed'], error: ['bad', 'Not sent'], cancelled: ['neutral', 'Cancelled'],
  late: ['warning', 'No record'],
};
const CAN = {
  pause: (f) => f.state === 'sending' && f.file.size > PART, resume: (f) => f.state === 'paused',
  retry: (f) => ['error', 'cancelled'].includes(f.state), cancel: (f) => ['waiting', 'sending', 'paused'].includes(f.state),
};
const upload = $('#upload');
const files = [];
const dirty = new Set();
const arrived = new Map();
const byKey = new Map();
let limit = SHOWN;
let sending = 0;

const isBusy = () => files.some((f) => ['waiting', 'sending', 'stored'].includes(f.state));
const isOver = (f) => ['success', 'failed', 'error', 'cancelled', 'late'].includes(f.state);

function change(f, state, detail = '') {
  f.state = state;
  f.detail = detail;
  if (state === 'success' || state === 'failed' || state === 'error') announce(`${f.name}: ${WORDS[state][1]}. ${typeof detail === 'string' ? detail : ''}`);
  draw(f);
}

function draw(f) {
  if (!dirty.size) requestAnimationFrame(flush);
  dirty.add(f);
}

function flush() {
  const added = document.createDocumentFragment();
  for (const f of dirty) {
    // Of very many files the first are shown, and each that failed.
    if (!f.row && f.index >= limit && !['error', 'failed'].includes(f.state)) continue;
    if (!f.row) {
      f.row = $('#file-template').content.firstElementChild.cloneNode(true);
      $('bdi', f.row).textContent = f.name;
      $('.upload-name', f.row).title = f.name;
      $('.upload-size', f.row).textContent = size(f.file.size);
      f.row.addEventListener('click', ({ target }) => act(f, target.dataset.do));
      added.append(f.row);
    }
    drawRow(f);
  }
  dirty.clear();
  $('#files').append(added);
  drawAll();
}

function drawRow(f) {
  const [tone, word] = WORDS[f.state];
  const badge = $('.badge', f.row);
  badge.className = `badge ${tone}`;
  badge.textContent = word;
  f.row.dataset.state = f.state;
  const detail = $('.upload-detail', f.row);
  if (typeof f.detail === 'string') detail.textContent = f.detail;
  else detail.replaceChildren(f.detail.cloneNode(true));
  const bar = $('progress', f.row);
  bar.hidden = !['sending', 'paused'].includes(f.state);
  bar.value = f.file.size ? f.sent / f.file.size : 0;
  bar.setAttribute('aria-label', `${f.name} sent`);
  if (!bar.hidden) detail.textContent = `${size(f.sent)} of ${size(f.file.size)}`;
  const focused = document.activeElement;
  for (const button of all('[data-do]', f.row)) {
    button.hidden = !CAN[button.dataset.do](f);
    button.setAttribute('aria-label', `${button.textContent} ${f.name}`);
  }
  if (f.row.contains(focused) && focused.hidden) ($('[data-do]:not([hidden])', f.row) ?? $('a', detail) ?? $('#choose-files')).focus();
}

function drawAll() {
  const count = (...states) => files.filter((f) => states.includes(f.state)).length;
  const bytes = files.reduce((sum, f) => sum + f.file.size + 1, 0);
  const sent = files.reduce((sum, f) => sum + (isOver(f) || f.state === 'stored' ? f.file.size + 1 : f.sent), 0);
  $('#queue').hidden = !files.length;
  $('#overall').value = bytes ? sent / bytes : 0;
  $('#overall').hidden = files.every(isOver);
  const parts = [[count('success'), 'read'], [count('failed'), 'failed'], [count('error'), 'not sent'], [count('stored'), 'being read'],
    [count('sending'), 'being sent'], [count('waiting'), 'waiting'], [count('paused'), 'paused'], [count('late'), 'without record']];
  $('#overall-text').textContent = `${number(files.length)} ${files.length === 1 ? 'file' : 'files'}: `
    + parts.filter(([n]) => n).map(([n, word]) => `${number(n)} ${word}`).join(', ');
  $('#retry-all').hidden = count('error') < 2;
  $('#cancel-all').hidden = count('waiting', 'sending', 'paused') < 2;
  $('#clear').hidden = !files.some(isOver);
  const rest = files.filter((f) => !f.row).length;
  const more = $('#more');
  more.hidden = !rest;
  more.textContent = `Show ${number(Math.min(rest, SHOWN))} of ${number(rest)} more`;
}

function act(f, what) {
  if (!what || !CAN[what](f)) return;
  if (what === 'pause') { f.state = 'paused'; f.request?.abort(); }
  if (what === 'resume') change(f, 'waiting');
  if (what === 'retry') { f.sent = 0; f.transfer = undefined; change(f, 'waiting'); }
  if (what === 'cancel') {
    change(f, 'cancelled');
    f.request?.abort();
    if (f.transfer) fetch(`/transfers/${f.transfer.id}`, { method: 'DELETE' }).catch(() => {});
    f.transfer = undefined;
  }
  draw(f);
  pump();
}

const stopped = () => Object.assign(new Error('Stopped'), { stopped: true });

// One request with a body, whose progress is known.
function send(f, method, url, body, before) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    f.request = request;
    request.open(method, url);
    request.responseType = 'json';
    request.setRequestHeader('accept', 'application/json');
    request.upload.onprogress = (event) => { f.sent = before + event.loaded; draw(f); };
    request.onload = () => {
      const error = request.response?.error;
      if (request.status < 300 && request.response) return done(request.response);
      const message = error ? [error.message, error.hint].filter(Boolean).join('. ') : `The server answered ${request.status}`;
      failed(Object.assign(new Error(message), { status: request.status, code: error?.code }));
    };
    request.onerror = () => failed(Object.assign(new Error('The connection was lost'), { lost: true }));
    request.onabort = () => failed(stopped());
    request.send(body);
  });
}

async function sendParts(f) {
  const name = encodeURIComponent(f.name);
  f.transfer ??= await send(f, 'POST', `/transfers?name=${name}&size=${f.file.size}`, null, 0);
  const transfer = f.transfer;
  const at = (offset) => `/transfers/${transfer.id}?offset=${offset}&since=${transfer.since}`;
  for (let attempts = 0; ; ) {
    try {
      if (transfer.ask) {
        const now = await send(f, 'GET', at(0), null, transfer.offset);
        if (now.stored) return now.stored;
        transfer.offset = now.offset;
        transfer.ask = false;
      }
      const part = f.file.slice(transfer.offset, transfer.offset + PART);
      const answer = await send(f, 'PATCH', at(transfer.offset), part, transfer.offset);
      if (answer.stored) return answer.stored;
      transfer.offset = answer.offset;
      attempts = 0;
    } catch (error) {
      transfer.ask = true;
      if (error.stopped || !(error.lost || error.status === 409 || error.status >= 502) || attempts === 5) throw error;
      attempts += 1;
      await later(500 * 2 ** attempts);
      if (f.state !== 'sending') throw stopped();
    }
  }
}

async function start(f) {
  sending += 1;
  f.running = true;
  change(f, 'sending');
  try {
    // A file that was moved or changed cannot be read any more.
    await f.file.slice(0, 1).arrayBuffer().catch(() => { throw new Error('The file cannot be read. Was it moved or changed? Choose it again'); });
    // Paused or cancelled meanwhile, when there was no request to abort.
    if (f.state !== 'sending') throw stopped();
    const stored = f.file.size > PART ? await sendParts(f) : await send(f, 'PUT', `/files?name=${encodeURIComponent(f.name)}`, f.file, 0);
    f.sent = f.file.size;
    f.stored = stored;
    f.storedAt = Date.now();
    f.askAt = f.storedAt + 10_000;
    byKey.set(stored.key, [...(byKey.get(stored.key) ?? []), f]);
    change(f, 'stored', 'Waiting for its record');
    for (const record of arrived.get(stored.key) ?? []) settle(record);
  } catch (error) {
    if (!error.stopped) change(f, 'error', `${error.message}.`);
  }
  sending -= 1;
  f.running = false;
  draw(f);
  pump();
}

function pump() {
  for (const f of files) {
    if (sending >= AT_ONCE) return;
    if (f.state === 'waiting' && !f.running) start(f);
  }
}

function add(chosen) {
  const { max, maxText, suffix } = upload.dataset;
  for (const { file, name } of chosen) {
    const f = { file, name, index: files.length, sent: 0, state: 'waiting', detail: '' };
    files.push(f);
    if (file.size > Number(max)) change(f, 'error', `Larger than ${maxText}, the most that is accepted.`);
    else if (suffix && !name.endsWith(suffix)) change(f, 'error', `Only names that end with ${suffix} are read.`);
    else draw(f);
  }
  if (chosen.length) announce(`${chosen.length} ${chosen.length === 1 ? 'file' : 'files'} added.`);
  pump();
}

// Whether a record is that of this upload: the same version or content, and not older.
const isOf = (record, f) => record.uploadedAt >= f.stored.since - 5000
  && (f.stored.versionId && record.versionId ? f.stored.versionId === record.versionId : !f.stored.eTag || f.stored.eTag === record.eTag);

function settle(record) {
  if (!upload) return;
  for (const f of byKey.get(record.key) ?? []) {
    if (['stored', 'late'].includes(f.state) && isOf(record, f)) change(f, record.failed ? 'failed' : 'success', element(record.outcome));
  }
  // A record can be faster than the answer to its upload.
  const known = arrived.get(record.key) ?? [];
  arrived.set(record.key, [...known, record].slice(-3));
  if (arrived.size > 5000) arrived.delete(arrived.keys().next().value);
}

function retrying({ key, reason }) {
  for (const f of byKey.get(key) ?? []) if (f.state === 'stored') change(f, 'stored', `Will be tried again. ${reason}`);
}

// Where no event comes, the index is asked, a few files at a time and less and less often.
async function askForRecords() {
  for (;;) {
    await later(2000);
    for (const f of files.filter((f) => f.state === 'stored' && f.askAt < Date.now()).slice(0, 5)) {
      f.askAt = Date.now() + Math.max(10_000, Date.now() - f.storedAt);
      const answer = await fetch(f.stored.record, { headers: { accept: 'application/json' } }).then((r) => r.json(), () => ({}));
      if (answer.record) settle(answer.record);
      else if (Date.now() - f.storedAt > WAIT_FOR_RECORD) change(f, 'late', element('It was stored, and has no record yet. See <a href="/failed-events">failed events</a> and <a href="/health">health</a>.'));
    }
  }
}

// The files of what was dropped, folders included.
async function dropped(items) {
  const found = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((done) => entry.file(done, () => done(null)));
      if (file) found.push({ file, name: path + file.name });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done) => reader.readEntries(done, () => done([])));
      if (!some.length) return;
      for (const inner of some) await walk(inner, `${path}${entry.name}/`);
    }
  };
  const entries = [...items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, name: entry.name });
    else if (entry) await walk(entry, '');
  }
  return found;
}

function startUploads() {
  const named = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  for (const picker of all('.picker', upload)) {
    picker.disabled = false;
    picker.required = false;
    picker.addEventListener('change', () => { add(named(picker.files)); picker.value = ''; });
  }
  const drop = $('#drop');
  let depth = 0;
  const over = (by) => { depth = Math.max(0, depth + by); drop.classList.toggle('over', depth > 0); };
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragenter', (event) => { if (hasFiles(event)) { event.preventDefault(); over(1); } });
  addEventListener('dragleave', (event) => { if (hasFiles(event)) over(-1); });
  addEventListener('dragover', (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(-depth);
    dropped(event.dataTransfer.items).then(add);
  });
  addEventListener('paste', (event) => { if (event.clipboardData?.files.length) add(named(event.clipboardData.files)); });
  addEventListener('beforeunload', (event) => { if (files.some((f) => ['waiting', 'sending'].includes(f.state))) event.preventDefault(); });
  $('#retry-all').onclick = () => files.forEach((f) => act(f, f.state === 'error' ? 'retry' : ''));
  $('#cancel-all').onclick = () => files.forEach((f) => act(f, 'cancel'));
  $('#clear').onclick = () => {
    for (const f of files.filter(isOver)) f.row?.remove();
    files.splice(0, files.length, ...files.filter((f) => !isOver(f)));
    files.forEach((f, index) => { f.index = index; });
    drawAll();
    $('#choose-files').focus();
  };
  $('#more').onclick = () => { limit += SHOWN; files.forEach(draw); };
  askForRecords();
}

localTimes(document);
if (filters) localMoments();
if (upload) startUploads();
if (list?.dataset.live) connect();
// The next page is on its way.
addEventListener('click', ({ target }) => { if (target.closest?.('.pages a, .segments a')) $('main').ariaBusy = 'true'; });
addEventListener('pageshow', () => { $('main').ariaBusy = null; });
