// A reader of event streams, written after the HTML standard's algorithm and independent of ours.

/** "9.2.6 Interpreting an event stream": decode, split at CRLF, LF or CR, process line by line. */
export function interpret(text) {
  const events = [];
  let [data, type, id, lastId] = ['', '', undefined, ''];
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)) {
    if (line === '') {
      if (id !== undefined) lastId = id;
      if (data !== '') events.push({ type: type || 'message', data: data.slice(0, -1), id: lastId });
      [data, type] = ['', ''];
      continue;
    }
    if (line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data += `${value}\n`;
    else if (name === 'event') type = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
  }
  return events;
}
