import type { ServiceProcess } from './service-process.ts';

/** The present value of a metric, with its labels as they are printed; `undefined` while nothing listens or there is no such metric. */
export async function metric(service: ServiceProcess, name: string): Promise<number | undefined> {
  const answer = await service.get('/metrics');
  const line = answer?.body.split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
