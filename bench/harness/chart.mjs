// SVG charts of a result: stacked bars where a workload has one cell, groups of bars where it has several.
import { init } from 'echarts';

const WIDTH = 860;
const ROW_HEIGHT = 30;
const FRAME_HEIGHT = 110;
const GROUP_BAR_HEIGHT = 17;
// Fixed, because without a canvas the width of a text can only be guessed.
const LABEL_WIDTH = 240;
const COLORS = { ours: ['#0b6e4f', '#7fc8a9'], floor: ['#5c5c5c', '#b5b5b5'], peer: ['#35618e', '#a3bfdb'] };
const SERIES_COLORS = { ours: '#0b6e4f', floor: '#8c8c8c' };
const PEER_COLORS = ['#35618e', '#a3bfdb', '#c98b2b', '#7b5ea7', '#b4525b', '#6f9ea8'];
const BASE = {
  animation: false,
  backgroundColor: '#ffffff',
  textStyle: { fontFamily: 'Helvetica, Arial, sans-serif' },
};

function render(height, option) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ ...BASE, ...option });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

const title = (result) => ({ text: result.title, subtext: result.chart.caption, left: 12, top: 8 });
const measured = (result, cell) => result.peers.filter((peer) => peer.cells[cell] !== undefined);
const median = (peer, cell, key) => peer.cells[cell]?.[key]?.median;

/** One bar a peer, stacked from the parts that the workload names, cheapest last. */
function barChart(result) {
  const [{ id: cell }] = result.cells;
  const { parts } = result.chart;
  const [{ key, digits, scale = 1 }] = result.columns;
  const peers = measured(result, cell).toSorted((a, b) => median(b, cell, key) - median(a, cell, key));
  const series = parts.map((part, i) => ({
    name: part.label,
    type: 'bar',
    stack: 'all',
    data: peers.map((peer) => ({
      value: median(peer, cell, part.key) * scale,
      itemStyle: { color: COLORS[peer.role][i] },
    })),
    label: {
      show: i === parts.length - 1,
      position: 'right',
      color: '#222',
      formatter: ({ dataIndex }) => {
        const { median: middle, min, max } = peers[dataIndex].cells[cell][key];
        const text = (value) => (value * scale).toFixed(digits);
        return `${text(middle)}  (${text(min)}–${text(max)})`;
      },
    },
  }));
  return render(FRAME_HEIGHT + peers.length * ROW_HEIGHT, {
    title: title(result),
    grid: { left: LABEL_WIDTH, right: 150, top: 64, bottom: 34 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', data: peers.map((peer) => peer.label), axisTick: { show: false } },
    series,
  });
}

/**
 * A group of bars a cell, one bar a peer, as long as its share of the reference peer: the cells' own scales lie too far
 * apart for one axis. The labels are the figures themselves.
 */
function groupedChart(result) {
  const [{ key, digits, scale = 1 }] = result.columns;
  const peers = result.peers.filter((peer) => Object.keys(peer.cells).length > 0);
  const reference = result.peers.find((peer) => peer.name === result.reference.name);
  const cells = result.cells.toReversed(); // the axis grows upwards, tables downwards
  let next = 0;
  const series = peers.map((peer) => ({
    name: peer.label,
    type: 'bar',
    itemStyle: { color: SERIES_COLORS[peer.role] ?? PEER_COLORS[next++ % PEER_COLORS.length] },
    data: cells.map(({ id }) => median(peer, id, key) / median(reference, id, key)),
    label: {
      show: true,
      position: 'right',
      fontSize: 10,
      formatter: ({ dataIndex }) => {
        const value = median(peer, cells[dataIndex].id, key);
        return value === undefined ? '' : (value * scale).toFixed(digits);
      },
    },
  }));
  return render(FRAME_HEIGHT + cells.length * (peers.length * GROUP_BAR_HEIGHT + ROW_HEIGHT), {
    title: title(result),
    legend: { data: peers.map((peer) => peer.label), top: 54, itemGap: 32 },
    grid: { left: LABEL_WIDTH / 2, right: 60, top: 90, bottom: 34 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', data: cells.map((cell) => cell.label), axisTick: { show: false } },
    series,
  });
}

/** @returns {string} an SVG document */
export function drawChart(result) {
  return result.cells.length === 1 ? barChart(result) : groupedChart(result);
}
