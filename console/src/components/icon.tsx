/** Strokes on a grid of 16. An icon never stands alone: words or a label are beside it. */
const PATHS = {
  overview: "M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3.5H9zM9 8.5h4.5v5H9zM2.5 11h4.5v2.5H2.5z",
  exceptions: "M8 2.2 14.2 13.3H1.8zM8 6.5v3.2M8 11.4v.1",
  late: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 5v3.2l2 1.3",
  payments: "M1.8 4h12.4v8H1.8zM1.8 6.6h12.4M4 9.8h2.5",
  payouts: "M2 13.5h12M3.3 11.2V7M6.4 11.2V7M9.6 11.2V7M12.7 11.2V7M2 5.3 8 2.2l6 3.1z",
  decisions: "M2.5 8.3 5 10.8l5-5.4M8.5 10.8h0L13.8 5",
  operations: "M2 9.5h2.6L6.4 4l3 8.2 1.7-4.7H14",
  audit: "M4 2.2h5.6L12.5 5v8.8H4zM6 7.2h4.5M6 9.6h4.5M6 4.8h2",
  tokens: "M10.2 2.8a3 3 0 1 0 .1 0zM8 7.8 2.6 13.2M4.6 11.2l1.6 1.6",
  search: "M7 2.6a4.4 4.4 0 1 0 .1 0zM10.3 10.3l3.3 3.3",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5 6.5 12 13 4.5",
  down: "M4.2 6.3 8 10.1l3.8-3.8",
  right: "M6.3 4.2 10.1 8l-3.8 3.8",
  download: "M8 2.5v7.3M4.8 6.8 8 10l3.2-3.2M2.8 13h10.4",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13.2 2.4v2.9h-2.9",
  bookmark: "M4.2 2.5h7.6v11L8 10.7l-3.8 2.8z",
  sun: "M8 5.2a2.8 2.8 0 1 0 .1 0zM8 1.6v1.2M8 13.2v1.2M1.6 8h1.2M13.2 8h1.2M3.5 3.5l.8.8M11.7 11.7l.8.8M12.5 3.5l-.8.8M4.3 11.7l-.8.8",
  person: "M8 2.5a2.7 2.7 0 1 0 .1 0zM2.8 13.6c.4-2.8 2.5-4.4 5.2-4.4s4.8 1.6 5.2 4.4",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  filter: "M2.2 4h11.6M4.4 8h7.2M6.6 12h2.8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
