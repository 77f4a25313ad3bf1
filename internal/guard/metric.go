package guard

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// meter counts what happens. The labels of its series are names of models that
// have a schema, protocols and codes: clients cannot make new ones.
type meter struct {
	set    *metrics.Set
	mu     sync.Mutex
	models map[string]*modelMeter

	refused    func(code string) *metrics.Counter
	reloads    *metrics.Counter
	reloadsBad *metrics.Counter
	spans      *metrics.Counter
	spansLost  *metrics.Counter
	quiet      *metrics.Counter

	infoMu sync.Mutex
	info   string
}

// modelMeter counts for a model.
type modelMeter struct {
	name     string
	set      *metrics.Set
	requests map[protocol]*metrics.Counter
	bytesIn  *metrics.Counter
	bytesOut *metrics.Counter
	flushed  *metrics.Counter
	drifted  *metrics.Counter
	unseen   *metrics.Counter
	total    *metrics.PrometheusHistogram // the whole request
	checking *metrics.PrometheusHistogram // reading and checking it
	server   *metrics.PrometheusHistogram // waiting for the server
}

// bounds are those of durations, in seconds.
var bounds = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10, 30, 60}

func newMeter() *meter {
	s := metrics.NewSet()
	m := &meter{set: s, models: map[string]*modelMeter{}}
	m.refused = func(code string) *metrics.Counter {
		return s.GetOrCreateCounter(fmt.Sprintf(`andiron_guard_refused_total{code=%q}`, code))
	}
	m.reloads = s.NewCounter(`andiron_guard_reloads_total{result="ok"}`)
	m.reloadsBad = s.NewCounter(`andiron_guard_reloads_total{result="error"}`)
	m.spans = s.NewCounter(`andiron_guard_spans_total{result="sent"}`)
	m.spansLost = s.NewCounter(`andiron_guard_spans_total{result="lost"}`)
	m.quiet = s.NewCounter(`andiron_guard_log_lines_left_out_total`)
	return m
}

// watch adds what is asked for when somebody looks.
func (m *meter) watch(name string, f func() float64) { m.set.NewGauge("andiron_guard_"+name, f) }

// model returns the counters of a model, the same ones each time.
func (m *meter) model(name string) *modelMeter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if had := m.models[name]; had != nil {
		return had
	}
	label := fmt.Sprintf(`{model=%q}`, name)
	c := &modelMeter{
		name: name, set: m.set, requests: map[protocol]*metrics.Counter{},
		bytesIn:  m.set.NewCounter("andiron_guard_request_bytes_total" + label),
		bytesOut: m.set.NewCounter("andiron_guard_answer_bytes_total" + label),
		flushed:  m.set.NewCounter("andiron_guard_flushed_elements_total" + label),
		drifted:  m.set.NewCounter("andiron_guard_drift_alerts_total" + label),
		unseen:   m.set.NewCounter("andiron_guard_unseen_inputs_total" + label),
		total:    m.set.NewPrometheusHistogramExt("andiron_guard_request_seconds"+label, bounds),
		checking: m.set.NewPrometheusHistogramExt("andiron_guard_check_seconds"+label, bounds),
		server:   m.set.NewPrometheusHistogramExt("andiron_guard_server_seconds"+label, bounds),
	}
	for _, p := range protocols {
		c.requests[p] = m.set.NewCounter(fmt.Sprintf(`andiron_guard_requests_total{model=%q,protocol=%q}`, name, p))
	}
	m.models[name] = c
	return c
}

// violation counts one. mode is enforce or shadow, group inputs or outputs.
func (c *modelMeter) violation(group, mode, code string) {
	c.set.GetOrCreateCounter(fmt.Sprintf(`andiron_guard_violations_total{model=%q,group=%q,mode=%q,code=%q}`, c.name, group, mode, code)).Inc()
}

// schemas says which schemas are in force.
func (m *meter) schemas(ms models) {
	var b strings.Builder
	for _, name := range ms.names() {
		mode := "enforce"
		if ms[name].shadow {
			mode = "shadow"
		}
		fmt.Fprintf(&b, "andiron_guard_schema_info{model=%q,sha256=%q,mode=%q} 1\n", name, ms[name].schema.SHA256(), mode)
	}
	m.infoMu.Lock()
	defer m.infoMu.Unlock()
	m.info = b.String()
}

// write writes everything in the text format of Prometheus.
func (m *meter) write(w io.Writer) error {
	m.set.WritePrometheus(w)
	m.infoMu.Lock()
	info := m.info
	m.infoMu.Unlock()
	if _, err := io.WriteString(w, info); err != nil {
		return err
	}
	metrics.WriteProcessMetrics(w)
	return nil
}

func since(h *metrics.PrometheusHistogram, start time.Time) { h.Update(time.Since(start).Seconds()) }
