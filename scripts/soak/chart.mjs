// A line chart as SVG: megabytes over minutes.

const WIDTH = 860;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 190;
const TOP = 46;
const BOTTOM = 44;
const COLOURS = ['#0b7285', '#c2410c', '#6d28d9', '#15803d', '#6b7280'];

/** A round number that divides `range` into four to eight steps. */
function stepFor(range) {
  const power = 10 ** Math.floor(Math.log10(range / 4));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => range / step <= 8);
}

/**
 * @param {{ title: string, subtitle: string, minutes: number[], series: { name: string, values: number[] }[] }} what `values` in MB
 */
export function memoryChart({ title, subtitle, minutes, series }) {
  const end = minutes.at(-1);
  const top = Math.max(...series.flatMap(({ values }) => values)) * 1.1;
  const x = (minute) => LEFT + (minute / end) * (WIDTH - LEFT - RIGHT);
  const y = (mb) => HEIGHT - BOTTOM - (mb / top) * (HEIGHT - TOP - BOTTOM);
  const text = (at, down, content, extra = '') => `<text x="${at}" y="${down}" ${extra}>${content}</text>`;
  const parts = [
    text(LEFT, 18, title, 'font-weight="600"'),
    text(LEFT, 34, subtitle, 'fill="#6b7280" font-size="11"'),
  ];
  for (let mb = 0; mb <= top; mb += stepFor(top)) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(mb)}" y2="${y(mb)}" stroke="#9ca3af" stroke-opacity="0.4"/>`,
    );
    parts.push(text(LEFT - 8, y(mb) + 4, mb, 'text-anchor="end"'));
  }
  const step = stepFor(end);
  for (let minute = 0; minute <= end + step / 100; minute += step)
    parts.push(text(x(minute), HEIGHT - BOTTOM + 18, Number(minute.toFixed(2)), 'text-anchor="middle"'));
  parts.push(text(x(end / 2), HEIGHT - 8, 'minutes', 'text-anchor="middle" fill="#6b7280"'));
  parts.push(text(LEFT - 44, TOP - 4, 'MB', 'fill="#6b7280"'));
  for (const [i, { name, values }] of series.entries()) {
    const points = values.map((mb, at) => `${x(minutes[at]).toFixed(1)},${y(mb).toFixed(1)}`).join(' ');
    const colour = COLOURS[i % COLOURS.length];
    parts.push(`<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.6"/>`);
    parts.push(text(WIDTH - RIGHT + 12, TOP + 14 + i * 20, `— ${name}`, `fill="${colour}"`));
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#374151">
<title>${title}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}
