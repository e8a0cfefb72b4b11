// Keeps a page live. The page itself is complete without this script.
//
// <body data-events="/events"> asks for a stream of events (ids are journal
// numbers). On each the page is read again and the parts that changed
// ([data-part], by id) are put in; the children of [data-list] follow the new
// order. Times ([data-clock], [data-ago], [data-left]) are told by the
// reader's clock, set right by the server's. No stream for five seconds:
// the page says that it is old.
'use strict';

(() => {
  const BEAT_LIMIT_MS = 4300; // with the look twice a second: five at most
  const language = document.documentElement.lang;
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy('bonebox', { createHTML: (text) => text })
    : { createHTML: (text) => text };
  let ahead = 0; // how far the server's clock is ahead of ours
  let heard = Date.now();
  let lost = false;

  // ISO date, 24 hours, the reader's zone: the same in both languages.
  const zoned = new Intl.DateTimeFormat(language === 'ja' ? 'ja-JP' : 'en-GB', {
    year: 'numeric', month: '2-digit', day: '2-digit', hourCycle: 'h23',
    hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
  });
  const clock = (when) => {
    const part = {};
    for (const { type, value } of zoned.formatToParts(when)) part[type] = value;
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`
      + ` ${part.timeZoneName}`;
  };
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });

  const ago = (ms) => {
    const seconds = Math.max(0, Math.round(ms / 1000));
    if (seconds < 60) return relative.format(-seconds, 'second');
    if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), 'minute');
    if (seconds < 86400) return relative.format(-Math.floor(seconds / 3600), 'hour');
    return relative.format(-Math.floor(seconds / 86400), 'day');
  };

  // Writes only what changed, so that nothing moves under a reader's hand.
  const write = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };

  const tell = () => {
    const now = Date.now() + ahead;
    for (const node of document.querySelectorAll('time[data-clock]')) {
      write(node, clock(new Date(node.dateTime)));
    }
    for (const node of document.querySelectorAll('[data-ago]')) {
      write(node, ago(now - Number(node.dataset.ago)));
    }
    for (const node of document.querySelectorAll('[data-left]')) {
      const left = Math.ceil((Number(node.dataset.left) - now) / 1000);
      write(node, left > 0 ? node.dataset.say.replace('{}', String(left)) : node.dataset.done);
    }
  };

  // A part as the server wrote it, without the times that run on.
  const fingerprint = (node) => {
    const copy = node.cloneNode(true);
    for (const time of copy.querySelectorAll('[data-ago],[data-left],time')) time.textContent = '';
    return copy.outerHTML;
  };
  const known = new Map();
  const remember = (root) => {
    for (const part of root.querySelectorAll('[data-part]')) known.set(part.id, fingerprint(part));
  };

  const putIn = (fresh) => {
    let changed = false;
    for (const list of fresh.querySelectorAll('[data-list]')) {
      const here = document.getElementById(list.id);
      if (!here) continue;
      const wanted = [...list.children].map((child) => child.id);
      const shown = [...here.children].map((child) => child.id);
      if (wanted.join() === shown.join()) continue;
      const old = new Map([...here.children].map((child) => [child.id, child]));
      here.replaceChildren(
        ...[...list.children].map((child) => old.get(child.id) || document.importNode(child, true)),
      );
      changed = true;
    }
    for (const part of fresh.querySelectorAll('[data-part]')) {
      const print = fingerprint(part);
      if (known.get(part.id) === print) continue;
      known.set(part.id, print);
      const here = document.getElementById(part.id);
      if (!here) continue;
      const focus = here.contains(document.activeElement) ? document.activeElement.id : '';
      const open = [...here.querySelectorAll('details[open][id]')].map((node) => node.id);
      here.replaceWith(document.importNode(part, true));
      for (const id of open) document.getElementById(id)?.setAttribute('open', '');
      if (focus) document.getElementById(focus)?.focus();
      changed = true;
    }
    if (changed) document.dispatchEvent(new CustomEvent('bonebox:parts'));
    tell();
  };

  let reading = false;
  let again = false;
  const refresh = async () => {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.ok) {
        const text = policy.createHTML(await answer.text());
        putIn(new DOMParser().parseFromString(text, 'text/html'));
      }
    } catch {
      // The stream's silence tells the reader.
    }
    reading = false;
    if (again) {
      again = false;
      setTimeout(refresh, 150);
    }
  };

  const banner = () => {
    const note = document.querySelector('[data-lost]');
    const silent = Date.now() - heard > BEAT_LIMIT_MS;
    if (silent === lost || !note) return;
    lost = silent;
    note.hidden = !silent;
    if (silent) write(note.querySelector('[data-lost-since]'), clock(new Date(heard)));
    else refresh();
  };

  // One stream a visible page: a browser opens six connections to a server at
  // most, and a page that nobody sees need not be told. Whatever happened
  // before the stream opened is read then.
  let stream = null;
  const listen = (url) => {
    const own = new EventSource(url);
    stream = own;
    const hear = (event) => {
      heard = Date.now();
      if (event.type === 'beat') ahead = Number(event.data) - heard;
      banner();
    };
    own.addEventListener('open', (event) => {
      hear(event);
      refresh();
    });
    own.addEventListener('beat', hear);
    own.addEventListener('entry', (event) => {
      hear(event);
      const only = document.body.querySelector('[data-only-study]');
      if (!only || only.dataset.onlyStudy === event.data) refresh();
    });
    // The browser gives up for good on some errors; a new stream is begun.
    own.addEventListener('error', () => {
      const given = own.readyState === EventSource.CLOSED;
      if (given) setTimeout(() => own === stream && listen(url), 2000);
    });
  };
  const leave = () => {
    stream?.close();
    stream = null;
  };

  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
  remember(document);
  tell();
  setInterval(tell, 1000);
  const { events } = document.body.dataset;
  if (events) {
    listen(events);
    setInterval(() => document.hidden || banner(), 500);
    addEventListener('pagehide', leave);
    document.addEventListener('visibilitychange', () => {
      leave();
      if (document.hidden) return;
      heard = Date.now();
      listen(events);
    });
  }
})();
