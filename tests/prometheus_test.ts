/** The metrics as Prometheus reads them, by a strict reader of the format. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { renderPrometheus } from "../src/worker/metrics/prometheus.ts";
import { numberText, PrometheusText } from "../src/worker/metrics/prometheus.ts";
import { addActivity, noActivity, totalOf } from "../src/worker/metrics/table.ts";
import { skewOf } from "../src/worker/metrics/collect.ts";
import { readPrometheus, type ReadSample } from "./helpers/prometheus.ts";
import { serverStatistics, workerStatistics } from "./helpers/statistics.ts";

function find(samples: ReadSample[], labels: Record<string, string>): number | undefined {
  return samples.find((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
  )
    ?.value;
}

describe("metrics for Prometheus", () => {
  const families = readPrometheus(renderPrometheus(serverStatistics(2)));
  const samples = (name: string) => families.get(name)!.samples;

  it("tell the server, its workers and its listeners", () => {
    expect(find(samples("ringport_info"), { version: "0.1.0", runtime: "bun", system: "linux" })).toBe(1);
    expect(find(samples("ringport_phase"), { phase: "running" })).toBe(1);
    expect(find(samples("ringport_phase"), { phase: "draining" })).toBe(0);
    expect(samples("ringport_workers")[0].value).toBe(2);
    expect(find(samples("ringport_connections_open"), { worker: "1" })).toBe(110);
    expect(find(samples("ringport_connections"), { worker: "0", state: "closing" })).toBe(2);
    expect(find(samples("ringport_connections_refused_total"), { worker: "0", reason: "banned" })).toBe(1);
    expect(find(samples("ringport_operations_total"), { worker: "0", operation: "send", role: "client" }))
      .toBe(11);
    expect(find(samples("ringport_errors_total"), { worker: "0", code: "ECONNRESET" })).toBe(4);
    expect(find(samples("ringport_timeouts_total"), { worker: "0", kind: "firstByte" })).toBe(1);
    expect(find(samples("ringport_listener_accept_queue_connections"), { listener: "main" })).toBe(3);
    expect(find(samples("ringport_queue_length"), { worker: "0", queue: "outbox" })).toBe(65_536);
    expect(find(samples("ringport_worker_health"), { worker: "0", health: "healthy" })).toBe(1);
  });

  it("are in seconds and bytes", () => {
    expect(samples("ringport_start_time_seconds")[0].value).toBe(1_700_000_000);
    expect(find(samples("ringport_worker_heartbeat_age_seconds"), { worker: "0" })).toBe(0.003);
    expect(find(samples("ringport_loop_busy_seconds_total"), { worker: "0" })).toBe(3.4565);
    expect(find(samples("ringport_received_bytes_total"), { worker: "1" })).toBe(246_913_578);
  });

  it("add up the buckets of histograms", () => {
    const turns = samples("ringport_turn_seconds").filter(({ labels }) => labels.worker === "0");
    const buckets = turns.filter(({ name }) => name.endsWith("_bucket"));
    expect(buckets.map(({ labels, value }) => [labels.le, value]))
      .toEqual([["0.0001", 11_000], ["0.001", 11_900], ["0.01", 11_990], ["+Inf", 12_000]]);
  });

  it("leave out what the system does not tell", () => {
    expect(families.has("ringport_accept_queue_overflows_total")).toBe(true);
    expect(families.has("ringport_accept_queue_drops_total")).toBe(false);
  });

  it("are read from a server without workers and listeners too", () => {
    const empty = readPrometheus(renderPrometheus(serverStatistics(0, { listeners: [] })));
    expect(empty.get("ringport_workers")!.samples[0].value).toBe(0);
    expect(empty.has("ringport_connections_open")).toBe(false);
  });

  it("survive any text in a label", () => {
    const name = 'a"b\\c\nd{}=,é';
    const listener = { ...serverStatistics(1).listeners[0], name, address: "\\\\n" };
    const read = readPrometheus(renderPrometheus(serverStatistics(1, { listeners: [listener] })));
    const { labels } = read.get("ringport_listener_connections")!.samples[0];
    expect(labels).toEqual({ listener: name, address: "\\\\n" });
  });
});

describe("the text format", () => {
  it("writes numbers as Go reads them", () => {
    expect([1, -0.5, 1e21, 5e-7, Infinity, -Infinity, NaN].map(numberText))
      .toEqual(["1", "-0.5", "1e+21", "5e-7", "+Inf", "-Inf", "NaN"]);
  });

  it("escapes help texts", () => {
    const text = new PrometheusText();
    text.family("a", "gauge", "one\\two\nthree", [{ labels: {}, value: 1 }]);
    expect(text.toString()).toBe("# HELP a one\\\\two\\nthree\n# TYPE a gauge\na 1\n");
    expect(readPrometheus(text.toString()).get("a")!.help).toBe("one\\two\nthree");
  });

  it("is refused by the reader where it is wrong", () => {
    const head = "# HELP a_total A.\n# TYPE a_total counter\n";
    const histogram = "# HELP h H.\n# TYPE h histogram\n";
    for (
      const wrong of [
        "",
        "a_total 1\n",
        `${head}a_total 1`,
        `${head}a_total -1\n`,
        `${head}b_total 1\n`,
        `${head}a_total 1\na_total 2\n`,
        `${head}a_total{x="1\n"} 1\n`,
        `${head}a_total{x="\\t"} 1\n`,
        `${head}a_total{x="1",x="2"} 1\n`,
        `${head}a_total{1x="1"} 1\n`,
        `${head}a_total  1\n`,
        `${head}a_total 0x1\n`,
        `${head}${head}a_total 1\n`,
        `# TYPE a gauge\na 1\n`,
        `# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n`,
        `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`,
        `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
        `${histogram}h_bucket{le="+Inf"} 1\nh_count 1\n`,
      ]
    ) {
      expect(() => readPrometheus(wrong), JSON.stringify(wrong)).toThrow();
    }
  });
});

describe("sums of metrics", () => {
  it("add every counter", () => {
    const total = totalOf([workerStatistics(0), workerStatistics(1)]);
    expect(total.connections.open).toBe(210);
    expect(total.connections.byState).toEqual({ open: 206, closing: 4 });
    expect(total.connections.refused).toEqual({ limit: 6, banned: 2 });
    expect(total.operations.receive).toEqual({ server: 10_000, client: 24 });
    expect(total.bytesReceived).toBe(123_456_789 * 3);
    expect(total.turnLength).toEqual({ bounds: [0.1, 1, 10], counts: [22_000, 1800, 180, 20], sum: 6913 });
    expect(totalOf([])).toEqual(noActivity);
  });

  it("refuse histograms of different bounds", () => {
    const other = { ...workerStatistics(1), turnLength: { bounds: [2], counts: [1, 1], sum: 3 } };
    expect(() => addActivity(workerStatistics(0), other)).toThrow("the same bounds");
  });

  it("tell how unequal the workers are", () => {
    expect(skewOf([])).toBe(1);
    expect(skewOf([0, 0])).toBe(1);
    expect(skewOf([10, 10])).toBe(1);
    expect(skewOf([30, 10])).toBe(1.5);
  });
});
