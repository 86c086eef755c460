package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rehome"
	"rehome/internal/store"
)

// someRows are what a database says.
func someRows(context.Context) (store.Gauges, error) {
	return store.Gauges{
		Imports: map[rehome.Status]int64{rehome.Complete: 3, rehome.Failed: 1}, Held: 2, Waiting: 5, Oldest: 90 * time.Second, Pending: 7,
		Ready: store.Ready{N: 2, Oldest: 30 * time.Second},
	}, nil
}

func newMetrics(t *testing.T, rows func(context.Context) (store.Gauges, error)) *Metrics {
	t.Helper()
	m := New(Options{Version: "1.2.3", Rows: rows, Free: func() (uint64, error) { return 1 << 40, nil }, Process: Process{
		Workers: 8, Busy: func() int { return 3 }, Floor: 1 << 30, Database: func() bool { return true }, Bucket: func() bool { return false },
	}})
	t.Cleanup(m.Close)
	return m
}

// told is one that was told of everything there is.
func told(t *testing.T) *Metrics {
	m := newMetrics(t, someRows)
	m.Step(rehome.StepRaw, 90*time.Minute)
	m.Failed(rehome.StepPush, rehome.DestinationMoved)
	m.LeaseLost()
	m.Damaged()
	m.TakenOver()
	m.Received(1 << 30)
	m.Sent(5)
	m.Tried(rehome.Answer{Code: 200}, false)
	m.Tried(rehome.Answer{Code: 500}, true)
	m.Tried(rehome.Answer{Text: "timed out"}, false)
	m.Request("GET", "/repos/{owner}/{repo}", 200, 20*time.Millisecond)
	return m
}

// scrape returns what is shown.
func scrape(t *testing.T, m http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	return w.Body.String()
}

// value returns the one sample that is written as sample, which is NaN where there is none.
func value(t *testing.T, text, sample string) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return v
		}
	}
	return math.NaN()
}

func TestWhatIsShown(t *testing.T) {
	text := scrape(t, told(t))
	for sample, want := range map[string]float64{
		`rehome_imports{status="complete"}`:                                  3,
		`rehome_imports{status="error"}`:                                     1,
		`rehome_imports{status="importing"}`:                                 0,
		`rehome_imports_held`:                                                2,
		`rehome_queue_depth`:                                                 5,
		`rehome_queue_oldest_seconds`:                                        90,
		`rehome_queue_ready`:                                                 2,
		`rehome_queue_ready_oldest_seconds`:                                  30,
		`rehome_workers`:                                                     8,
		`rehome_workers_busy`:                                                3,
		`rehome_disk_floor_bytes`:                                            1 << 30,
		`rehome_database_up`:                                                 1,
		`rehome_bucket_up`:                                                   0,
		`rehome_host_damage_total`:                                           1,
		`rehome_deliveries_pending`:                                          7,
		`rehome_step_duration_seconds_count{step="raw"}`:                     1,
		`rehome_step_duration_seconds_sum{step="raw"}`:                       5400,
		`rehome_step_duration_seconds_bucket{step="raw",le="86400"}`:         1,
		`rehome_step_duration_seconds_count{step="push"}`:                    0,
		`rehome_import_failures_total{code="destination_moved",step="push"}`: 1,
		`rehome_leases_lost_total`:                                           1,
		`rehome_takeovers_total`:                                             1,
		`rehome_deliveries_total{outcome="delivered"}`:                       1,
		`rehome_deliveries_total{outcome="retried"}`:                         1,
		`rehome_deliveries_total{outcome="dropped"}`:                         1,
		`rehome_import_received_bytes_total`:                                 1 << 30,
		`rehome_import_sent_bytes_total`:                                     5,
		`rehome_disk_free_bytes`:                                             1 << 40,
		`rehome_http_request_duration_seconds_count{code="200",method="GET",route="/repos/{owner}/{repo}"}`: 1,
	} {
		if got := value(t, text, sample); got != want {
			t.Errorf("%s is %v, want %v", sample, got, want)
		}
	}
	for _, part := range []string{`rehome_build_info{commit="",goversion="go1.`, `version="1.2.3"} 1`, "\ngo_goroutines ", "\nprocess_open_fds "} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not there", part)
		}
	}
}

func TestConventions(t *testing.T) {
	text := scrape(t, told(t))
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil || len(families) < 20 {
		t.Errorf("%d families, %v", len(families), err)
	}
	for name, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
}

// Whatever strangers ask for, the number of series stays what the routes make it.
func TestSeriesAreBounded(t *testing.T) {
	m := told(t)
	for range 2 {
		m.Request("GET", "", 404, 0) // what the loop does, once
		m.Request("other", "/metrics", 0, 0)
		for code := range 3 {
			m.Request("GET", "/metrics", 200+code, 0)
		}
	}
	before := strings.Count(scrape(t, m), "\nrehome_")
	for n := range 1000 {
		m.Request(fmt.Sprint("METHOD", n), "", 404, 0)
		m.Request(fmt.Sprint("METHOD", n), "/metrics", 1000+n, 0)
		m.Request("GET", "/metrics", 200+n%3, 0)
		m.Step(rehome.StepRaw, time.Duration(n)*time.Hour)
		m.Failed(rehome.StepPush, rehome.DestinationMoved)
		m.Tried(rehome.Answer{Code: n, Text: fmt.Sprint(n)}, n%2 == 0)
	}
	if after := strings.Count(scrape(t, m), "\nrehome_"); after != before {
		t.Errorf("%d samples, were %d", after, before)
	}
}

// However many look, the rows are read once a second, and less often where that takes long.
func TestRowsAreReadNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, took := 0, time.Duration(0)
		m := newMetrics(t, func(context.Context) (store.Gauges, error) {
			reads++
			time.Sleep(took)
			return store.Gauges{Waiting: int64(reads)}, nil
		})
		for range 40 {
			scrape(t, m)
			time.Sleep(100 * time.Millisecond)
		}
		if reads != 4 {
			t.Errorf("in 4 seconds there were %d readings", reads)
		}
		reads, took = 0, time.Second
		for range 400 {
			scrape(t, m)
			time.Sleep(100 * time.Millisecond)
		}
		if reads != 4 && reads != 5 {
			t.Errorf("of one that takes a second there were %d in 40 seconds", reads)
		}
	})
}

// A database that does not answer holds nobody up for long, and what it said before stays, with its time.
func TestRowsThatDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := false
		m := newMetrics(t, func(ctx context.Context) (store.Gauges, error) {
			if stuck {
				<-ctx.Done()
				return store.Gauges{}, ctx.Err()
			}
			return store.Gauges{Waiting: 3}, nil
		})
		first := value(t, scrape(t, m), "rehome_rows_read_timestamp_seconds")
		stuck = true
		for range 20 {
			time.Sleep(time.Second)
			began := time.Now()
			text := scrape(t, m)
			if took := time.Since(began); took > patience {
				t.Errorf("a scrape took %v", took)
			}
			if got := value(t, text, "rehome_queue_depth"); got != 3 {
				t.Errorf("the depth is %v", got)
			}
			if at := value(t, text, "rehome_rows_read_timestamp_seconds"); at != first {
				t.Errorf("it was read at %v, at first at %v", at, first)
			}
		}
		stuck = false
		time.Sleep(2 * readFor * restFor)
		if at := value(t, scrape(t, m), "rehome_rows_read_timestamp_seconds"); at <= first {
			t.Errorf("it was not read again since %v", at)
		}
	})
}

// Before the database has said anything there is nothing to say of it; all else is shown.
func TestNothingKnown(t *testing.T) {
	m := newMetrics(t, func(context.Context) (store.Gauges, error) { return store.Gauges{}, errors.New("away") })
	text := scrape(t, m)
	if bytes.Contains([]byte(text), []byte("rehome_imports")) || math.IsNaN(value(t, text, "rehome_takeovers_total")) || math.IsNaN(value(t, text, "rehome_disk_free_bytes")) {
		t.Errorf("shown:\n%s", text)
	}
}
