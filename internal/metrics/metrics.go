// Package metrics counts what a server does, and shows it in the words of Prometheus.
//
// What a process does itself it counts as it happens. What the rows say, which is the same whichever process is asked, is
// read when somebody looks (rows.go). No label takes a value from outside: the routes, statuses, steps and causes there are
// bound how many series there can be.
package metrics

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"rehome"
	"rehome/internal/store"
)

// Options say what is looked at besides what is counted.
type Options struct {
	Version, Commit string                                      // of the program; Commit may be empty
	Rows            func(context.Context) (store.Gauges, error) // what the database says
	Free            func() (uint64, error)                      // bytes that can still be written where data is kept
	Process         Process
}

// Process is what a process says of itself when somebody looks. A nil function leaves its gauge out.
type Process struct {
	Workers  int         // imports that it works on at once at most
	Busy     func() int  // imports that it works on
	Floor    int64       // bytes of room below which it takes no new work; 0 for none
	Database func() bool // the database answered when it was asked last
	Bucket   func() bool // so did where files are
}

// Metrics are the counts of one process, and the handler that shows them to Prometheus. They are safe for concurrent use.
type Metrics struct {
	steps      *prometheus.HistogramVec
	requests   *prometheus.HistogramVec
	failures   *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	takeovers  prometheus.Counter
	lost       prometheus.Counter
	damaged    prometheus.Counter
	received   prometheus.Counter
	sent       prometheus.Counter

	registry *prometheus.Registry
	rows     *reading[store.Gauges]
	disk     *reading[uint64]
}

// Outcomes of an attempt to deliver a webhook.
const (
	Delivered = "delivered" // its receiver took it
	Retried   = "retried"   // it did not, and another attempt follows
	Dropped   = "dropped"   // it did not, and none does
)

// stepBuckets reach from a small repository's step to a day, in seconds.
var stepBuckets = []float64{0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600}

// requestBuckets reach from an answer out of the database to a clone, in seconds.
var requestBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300}

// New returns metrics that count from zero. Close has to be called.
func New(o Options) *Metrics {
	m := &Metrics{
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rehome_step_duration_seconds", Buckets: stepBuckets,
			Help: "How long steps of imports took that came to their end.",
		}, []string{"step"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rehome_http_request_duration_seconds", Buckets: requestBuckets,
			Help: "How long HTTP requests took, to the end of their answers.",
		}, []string{"method", "route", "code"}),
		failures: counters("rehome_import_failures_total", "Imports that a step ended early for good, by its cause.", "step", "code"),
		deliveries: counters("rehome_deliveries_total",
			"Attempts to deliver webhooks: delivered, retried (refused or not answered, another follows) or dropped (none follows).", "outcome"),
		takeovers: counter("rehome_takeovers_total", "Imports taken over from a holder whose lease had run out."),
		lost:      counter("rehome_leases_lost_total", "Leases this process lost, or could not renew, while it worked."),
		damaged:   counter("rehome_host_damage_total", "Git requests that came upon something damaged or missing in a repository of the built-in host."),
		received:  counter("rehome_import_received_bytes_total", "Bytes of packs and Git LFS objects that imports received from their sources."),
		sent:      counter("rehome_import_sent_bytes_total", "Bytes of packs that imports sent to forges. The built-in host gets none: it shares files."),
		registry:  prometheus.NewRegistry(),
		rows:      newReading(o.Rows),
		disk:      newReading(func(context.Context) (uint64, error) { return o.Free() }),
	}
	for _, step := range []rehome.Step{rehome.StepDetection, rehome.StepRaw, rehome.StepRewrite, rehome.StepPush} {
		m.steps.WithLabelValues(string(step))
	}
	for _, outcome := range []string{Delivered, Retried, Dropped} {
		m.deliveries.WithLabelValues(outcome)
	}
	m.registry.MustRegister(
		m.steps, m.requests, m.failures, m.deliveries, m.takeovers, m.lost, m.damaged, m.received, m.sent,
		rowsCollector{m.rows}, diskCollector{m.disk}, processCollector{o.Process}, build(o),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// ServeHTTP shows what there is, in the text format. What cannot be had now is left out.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	families, _ := m.registry.Gather() // with an error, too, it has the others
	var text bytes.Buffer
	for _, family := range families {
		expfmt.MetricFamilyToText(&text, family) //nolint:errcheck // a buffer takes everything, and a family has a name
	}
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.Write(text.Bytes()) //nolint:errcheck // who looked is gone
}

// Close ends the reading of rows that may be under way.
func (m *Metrics) Close() {
	m.rows.close()
	m.disk.close()
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// build is always 1: what it says is in its labels.
func build(o Options) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rehome_build_info", Help: "The program that runs.",
		ConstLabels: prometheus.Labels{"version": o.Version, "commit": o.Commit, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Step counts a step that came to its end.
func (m *Metrics) Step(step rehome.Step, took time.Duration) {
	m.steps.WithLabelValues(string(step)).Observe(took.Seconds())
}

// Failed counts an import that ended in an error, or waits for somebody to mend it.
func (m *Metrics) Failed(step rehome.Step, code rehome.Code) {
	m.failures.WithLabelValues(string(step), string(code)).Inc()
}

// LeaseLost counts a lease that was lost.
func (m *Metrics) LeaseLost() { m.lost.Inc() }

// TakenOver counts a lease taken from a holder who did not give it back.
func (m *Metrics) TakenOver() { m.takeovers.Inc() }

// Damaged counts a Git request that came upon damage.
func (m *Metrics) Damaged() { m.damaged.Inc() }

// Received counts bytes that came from a source.
func (m *Metrics) Received(n int64) { m.received.Add(float64(n)) }

// Sent counts bytes that went to a destination.
func (m *Metrics) Sent(n int64) { m.sent.Add(float64(n)) }

// Tried counts an attempt to deliver a webhook; again says that another follows.
func (m *Metrics) Tried(a rehome.Answer, again bool) {
	outcome := Dropped
	switch {
	case a.OK():
		outcome = Delivered
	case again:
		outcome = Retried
	}
	m.deliveries.WithLabelValues(outcome).Inc()
}

// none stands for requests that no route is for, and for answers that were not made.
const none = "none"

// Request counts a request. route is the pattern it was answered by, "" for none; status is 0 where there was no answer.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if route == "" {
		method, route = none, none
	}
	code := none
	if status >= 100 && status < 600 {
		code = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(known(method), route, code).Observe(took.Seconds())
}

// known is a method that routes are for; others are one.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, none:
		return method
	}
	return "other"
}
