export * from './quantity.ts';
export * from './text-table.ts';
