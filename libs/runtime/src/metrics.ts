import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The metrics of this process. One registry, since prom-client's names must be unique within one. */
export const metrics = new Registry();

let collecting = false;
export const collectProcessMetrics = (service: string): void => {
  if (collecting) return;
  collecting = true;
  metrics.setDefaultLabels({ service });
  // every 10 ms, which is the default, keeps a CPU from resting: a lag that matters here is longer
  collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 100 });
};

export const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
  (metrics.getSingleMetric(name) as Counter | undefined) ?? new Counter({ name, help, labelNames, registers: [metrics] });

export const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
  (metrics.getSingleMetric(name) as Gauge | undefined) ?? new Gauge({ name, help, labelNames, registers: [metrics] });

/** Buckets in seconds, from a read of configfs to a targetcli that hangs. */
export const durations = (name: string, help: string, labelNames: string[] = []): Histogram =>
  (metrics.getSingleMetric(name) as Histogram | undefined) ??
  new Histogram({ name, help, labelNames, registers: [metrics], buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 120] });
