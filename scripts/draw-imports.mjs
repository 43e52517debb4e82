// Draws the import graph of lib/, a box a room: docs/imports.svg.
//
//   node scripts/draw-imports.mjs
//
// A room stands one floor above the highest that it imports. An arrow goes from a room to what it imports; those that another
// path implies are left out, dashed ones are of types only. Counts are files.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, root, run } from './run.mjs';

const BOX = { width: 118, height: 44 };
const GAP = { x: 26, y: 58 };
const MARGIN = 28;

const roomOf = (path) => /^lib\/([^/]+)\//.exec(path)?.[1];

/** Rooms with their files, and what each imports: `true` where a value is among it. */
function readGraph() {
  const json = run(process.execPath, [
    join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
    'lib',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
  ]);
  const files = new Map();
  const imports = new Map();
  for (const { source, dependencies } of JSON.parse(json).modules) {
    const room = roomOf(source);
    if (room === undefined || room === 'entries') continue;
    files.set(room, (files.get(room) ?? 0) + 1);
    if (!imports.has(room)) imports.set(room, new Map());
    for (const { resolved, dependencyTypes } of dependencies) {
      const other = roomOf(resolved);
      if (other === undefined || other === room) continue;
      const isValue = !dependencyTypes.includes('type-only');
      imports.get(room).set(other, isValue || (imports.get(room).get(other) ?? false));
    }
  }
  return { files, imports };
}

function draw({ files, imports }) {
  const floors = new Map();
  const floorOf = (room) => {
    if (!floors.has(room)) floors.set(room, 1 + Math.max(-1, ...[...imports.get(room).keys()].map(floorOf)));
    return floors.get(room);
  };
  for (const room of files.keys()) floorOf(room);
  const reaches = (from, to) =>
    [...imports.get(from).keys()].some((next) => next === to || reaches(next, to));
  const isImplied = (from, to) =>
    [...imports.get(from).keys()].some((next) => next !== to && reaches(next, to));

  const top = Math.max(...floors.values());
  const byFloor = Array.from({ length: top + 1 }, (_, floor) =>
    [...files.keys()].filter((room) => floors.get(room) === floor).sort(),
  );
  const widest = Math.max(...byFloor.map((rooms) => rooms.length));
  const width = 2 * MARGIN + widest * BOX.width + (widest - 1) * GAP.x;
  const height = 2 * MARGIN + (top + 1) * BOX.height + top * GAP.y;
  const places = new Map();
  for (const [floor, rooms] of byFloor.entries()) {
    const taken = rooms.length * BOX.width + (rooms.length - 1) * GAP.x;
    rooms.forEach((room, i) => {
      places.set(room, {
        x: (width - taken) / 2 + i * (BOX.width + GAP.x),
        y: MARGIN + (top - floor) * (BOX.height + GAP.y),
      });
    });
  }
  const arrows = [];
  for (const [from, others] of imports) {
    for (const [to, isValue] of others) {
      if (isImplied(from, to)) continue;
      const a = places.get(from);
      const b = places.get(to);
      const [x1, y1] = [a.x + BOX.width / 2, a.y + BOX.height];
      const [x2, y2] = [b.x + BOX.width / 2, b.y - 3];
      const bend = (y2 - y1) / 2;
      arrows.push(
        `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"${isValue ? '' : ' stroke-dasharray="5 4"'}/>`,
      );
    }
  }
  const boxes = [...places].map(
    ([room, { x, y }]) =>
      `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>` +
      `<text x="${x + BOX.width / 2}" y="${y + 20}" class="room">${room}</text>` +
      `<text x="${x + BOX.width / 2}" y="${y + 35}" class="files">${files.get(room)} files</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Which room of lib imports which">
<style>text{font-family:system-ui,sans-serif;text-anchor:middle}.room{font-size:15px;font-weight:600;fill:#1f2937}.files{font-size:11px;fill:#6b7280}rect{fill:#eef2ff;stroke:#4f46e5}path{fill:none;stroke:#64748b;stroke-width:1.3;marker-end:url(#tip)}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><polygon points="0,0 8,4 0,8" fill="#64748b"/></marker></defs>
<rect x="0" y="0" width="${width}" height="${height}" style="fill:#fff;stroke:none"/>
${arrows.sort().join('\n')}
${boxes.sort().join('\n')}
</svg>
`;
}

await main('draw-imports', async () => {
  writeFileSync(join(root, 'docs/imports.svg'), draw(readGraph()));
});
