export * from './health.ts';
export * from './http-server.ts';
export * from './logger.ts';
export * from './metric-table.ts';
export * from './metrics.ts';
