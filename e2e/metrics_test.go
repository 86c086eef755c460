package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rehome/internal/testenv"
)

// samples are what /metrics shows: the value of each series, a histogram's count, by name{label="value"}.
type samples map[string]float64

func scrape(t *testing.T, base string) samples {
	t.Helper()
	got := want(t, 200)(call(base, "", "GET", "/metrics", "", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.New(bytes.NewReader(got.body)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	all := samples{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := name
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// await scrapes until all of what is wanted is there.
func await(t *testing.T, base string, wanted samples) {
	t.Helper()
	var missing []string
	for end := time.Now().Add(patience / 3); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		got := scrape(t, base)
		missing = nil
		for key, value := range wanted {
			if got[key] != value {
				missing = append(missing, fmt.Sprintf("%s is %v, want %v", key, got[key], value))
			}
		}
		if missing == nil {
			return
		}
	}
	t.Fatal(strings.Join(missing, "\n"))
}

// TestMetrics: imports that succeed, fail and are cancelled, and webhooks that are taken and refused, are counted, and
// each line of the log about them says what it is about.
func TestMetrics(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	origin := testenv.ServeGit(t, root, testenv.Options{})
	hanging := testenv.ServeGit(t, root, testenv.Options{Wrap: hang})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuses" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(hook.Close)
	s := testServer(t, "--log-format", "json", "--log-requests")
	ask := func(code int, method, path, body string) answer {
		t.Helper()
		return want(t, code)(call(s.base, adminToken, method, path, body, nil))
	}
	for _, name := range []string{"good", "bad", "gone"} {
		ask(201, "POST", "/user/repos", `{"name": "`+name+`"}`)
	}
	ask(201, "POST", "/repos/admin/good/hooks", `{"config": {"url": "`+hook.URL+`/takes"}}`)
	ask(201, "POST", "/repos/admin/bad/hooks", `{"config": {"url": "`+hook.URL+`/refuses"}}`)

	started := ask(201, "PUT", "/repos/admin/good/import", `{"vcs_url": "`+origin+`/a.git"}`).header.Get("X-Github-Request-Id")
	ask(201, "PUT", "/repos/admin/bad/import", `{"vcs": "git", "vcs_url": "`+origin+`/none.git"}`)
	ask(201, "PUT", "/repos/admin/gone/import", `{"vcs": "git", "vcs_url": "`+hanging+`/a.git"}`)
	await(t, s.base, samples{
		`rehome_imports{status="complete"}`: 1, `rehome_imports{status="error"}`: 1, `rehome_imports{status="importing"}`: 1,
		`rehome_imports_held`: 1,
	})
	ask(204, "DELETE", "/repos/admin/gone/import", "")
	await(t, s.base, samples{
		`rehome_imports{status="complete"}`: 1, `rehome_imports{status="error"}`: 1, `rehome_imports{status="importing"}`: 0,
		`rehome_imports_held`: 0, `rehome_queue_depth`: 0, `rehome_queue_oldest_seconds`: 0,
		`rehome_step_duration_seconds{step="detection"}`: 1, `rehome_step_duration_seconds{step="raw"}`: 1,
		`rehome_step_duration_seconds{step="rewrite"}`: 1, `rehome_step_duration_seconds{step="push"}`: 1,
		`rehome_import_failures_total{code="not_a_repository",step="raw"}`: 1,
		`rehome_leases_lost_total`: 0, `rehome_takeovers_total`: 0, `rehome_import_sent_bytes_total`: 0,
		// A ping and an end for each hook; where the ping is refused, the end waits behind it or is refused, too.
		`rehome_deliveries_total{outcome="delivered"}`: 2, `rehome_deliveries_total{outcome="dropped"}`: 0, `rehome_deliveries_pending`: 2,
		`rehome_http_request_duration_seconds{code="201",method="PUT",route="/repos/{owner}/{repo}/import"}`: 3,
	})
	got := scrape(t, s.base)
	for _, some := range []string{`rehome_import_received_bytes_total`, `rehome_deliveries_total{outcome="retried"}`, `rehome_disk_free_bytes`, `go_goroutines`, `process_resident_memory_bytes`} {
		if got[some] <= 0 {
			t.Errorf("%s is %v", some, got[some])
		}
	}
	ask(404, "GET", "/repos/admin/%1b%5b31m%e2%80%ae%c2%9b2J", "")
	if _, err := s.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	checkLog(t, s.said.String(), started)
}

// checkLog wants lines of JSON without anything a terminal obeys, each about an import with its repository, and the one
// about the first start with the request that asked for it.
func checkLog(t *testing.T, log, started string) {
	t.Helper()
	if at := strings.IndexFunc(log, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' }); at >= 0 {
		t.Errorf("the log has %q", log[max(at-40, 0):at+4])
	}
	seen := map[string]int{}
	for line := range strings.Lines(log) {
		var r struct {
			Level, Msg, Repository, Request, Path string
			Import                                int64
			Time                                  time.Time
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[r.Msg]++
		if r.Time.Location() != time.UTC {
			t.Errorf("not in UTC: %s", line)
		}
		if strings.HasPrefix(r.Msg, "import ") && (!strings.HasPrefix(r.Repository, "admin/") || r.Import == 0) {
			t.Errorf("of what import is %s", line)
		}
		if r.Msg == "import started" && r.Import == 1 && (r.Request != started || started == "") {
			t.Errorf("it was started by %q: %s", started, line)
		}
	}
	if seen["import started"] != 3 || seen["import ended"] != 3 || seen["request"] < 8 {
		t.Errorf("the log has %v", seen)
	}
}
