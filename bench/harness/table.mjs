// The table of one cell of a result, for the terminal and for Markdown.
import Table from 'cli-table3';

function format(summary, column) {
  if (summary === undefined) return '–';
  const { digits, scale = 1 } = column;
  const text = (value) => (value * scale).toFixed(digits);
  const { median, min, max, samples } = summary;
  return column.spread && samples.length > 1 ? `${text(median)} (${text(min)}–${text(max)})` : text(median);
}

function ratio(value, reference) {
  return value === undefined || reference === undefined ? '–' : (value / reference).toFixed(2);
}

/**
 * Rows of text, the first the header: each peer's figures, the first column's median against the reference peer, and
 * how ours (the first of our own forms) compares with it. Peers with no valid run say why.
 */
export function tableRows(result, cell) {
  const { columns, reference } = result;
  const [primary] = columns;
  const median = (peer) => peer?.cells[cell]?.[primary.key]?.median;
  const referenceMedian = median(result.peers.find((peer) => peer.name === reference.name));
  const ours = median(result.peers.find((peer) => peer.role === 'ours'));
  const header = ['', ...columns.map((column) => column.header), `× ${reference.label}`, 'ours ÷ it'];
  const rows = result.peers.map((peer) => [
    peer.label,
    ...columns.map((column) => format(peer.cells[cell]?.[column.key], column)),
    ratio(median(peer), referenceMedian),
    peer.role === 'ours' ? '' : ratio(ours, median(peer)),
  ]);
  return [header, ...rows];
}

export function terminalTable(rows) {
  const [head, ...body] = rows;
  const colAligns = head.map((_, i) => (i === 0 ? 'left' : 'right'));
  const table = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  table.push(...body);
  return table.toString();
}

export function markdownTable(rows) {
  const [head, ...body] = rows;
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
