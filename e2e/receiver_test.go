package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rehome/internal/api/described"
)

// hookSecret signs every delivery to a receiver.
const hookSecret = "It's a Secret to Everybody"

// receiver is where one client's webhooks arrive. It holds each delivery against what
// GitHub sends and what the server describes, and hands it over to the client:
// GET EVENTS/KIND/N waits for the Nth of a kind, from 1. Safe for concurrent use.
type receiver struct {
	t         *testing.T
	base      string
	described *described.Description

	mu    sync.Mutex
	came  []delivery    // guarded by mu
	fresh chan struct{} // closed and made anew when one comes; guarded by mu
}

// delivery is a webhook as it came.
type delivery struct {
	Headers map[string]string `json:"headers"` // by their names in lower case
	Body    string            `json:"body"`    // as sent

	kind string // ping, or how the import ended
}

// describe returns the description the server at base gives of itself.
func describe(t *testing.T, base string) *described.Description {
	t.Helper()
	got, err := call(base, "", "GET", "/openapi.json", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := described.Parse(got.body)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newReceiver(t *testing.T, d *described.Description) *receiver {
	r := &receiver{t: t, described: d, fresh: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", r.take)
	mux.HandleFunc("GET /events/{kind}/{n}", r.handOver)
	s := httptest.NewServer(mux)
	r.base = s.URL
	t.Cleanup(s.Close)
	return r
}

// hook is the URL webhooks go to, events the one they are asked for at.
func (r *receiver) hook() string   { return r.base + "/hook" }
func (r *receiver) events() string { return r.base + "/events" }

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.t.Errorf("read a webhook: %v", err)
	}
	d := delivery{Headers: map[string]string{}, Body: string(body)}
	for name := range q.Header {
		d.Headers[strings.ToLower(name)] = q.Header.Get(name)
	}
	if d.kind, err = d.check(); err == nil {
		err = r.described.CheckDelivery(q.Header, body)
	}
	if err != nil {
		r.t.Errorf("a webhook came that clients would not take: %v\n%v\n%s", err, d.Headers, d.Body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = append(r.came, d)
	close(r.fresh)
	r.fresh = make(chan struct{})
}

func (r *receiver) handOver(w http.ResponseWriter, q *http.Request) {
	n, err := strconv.Atoi(q.PathValue("n"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d, err := r.wait(q.Context(), q.PathValue("kind"), n)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(d)
}

// wait returns the nth delivery of a kind, from 1.
func (r *receiver) wait(ctx context.Context, kind string, n int) (delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		r.mu.Lock()
		all, fresh := slices.Clone(r.came), r.fresh
		r.mu.Unlock()
		found := slices.DeleteFunc(slices.Clone(all), func(d delivery) bool { return d.kind != kind })
		if len(found) >= n {
			return found[n-1], nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return delivery{}, fmt.Errorf("no %d. webhook %q came, of these: %v", n, kind, kinds(all))
		}
	}
}

// only wants so many deliveries of each kind, and a GUID of its own for all but so many redeliveries.
func (r *receiver) only(want map[string]int, redelivered int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := kinds(r.came); !maps.Equal(got, want) {
		r.t.Errorf("webhooks: got %v, want %v", got, want)
	}
	guids := map[string]bool{}
	for _, d := range r.came {
		guids[d.Headers["x-github-delivery"]] = true
	}
	if len(guids) != len(r.came)-redelivered {
		r.t.Errorf("%d webhooks of which %d are redeliveries have %d GUIDs", len(r.came), redelivered, len(guids))
	}
}

func kinds(all []delivery) map[string]int {
	counts := map[string]int{}
	for _, d := range all {
		counts[d.kind]++
	}
	return counts
}

// hookHeaders are those of every delivery.
var hookHeaders = map[string]*regexp.Regexp{
	"user-agent":                             regexp.MustCompile(`^GitHub-Hookshot/[0-9a-f]{7}$`),
	"accept":                                 regexp.MustCompile(`^\*/\*$`),
	"content-type":                           regexp.MustCompile(`^application/(json|x-www-form-urlencoded)$`),
	"x-github-event":                         regexp.MustCompile(`^(ping|repository_import)$`),
	"x-github-delivery":                      regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"x-github-hook-id":                       regexp.MustCompile(`^[1-9][0-9]*$`),
	"x-hub-signature":                        regexp.MustCompile(`^sha1=[0-9a-f]{40}$`),
	"x-hub-signature-256":                    regexp.MustCompile(`^sha256=[0-9a-f]{64}$`),
	"x-github-hook-installation-target-type": regexp.MustCompile(`^(repository|organization)$`),
}

// check holds a delivery against what GitHub documents, and returns its kind.
func (d delivery) check() (string, error) {
	for name, want := range hookHeaders {
		if got := d.Headers[name]; !want.MatchString(got) {
			return "", fmt.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"x-hub-signature": "sha1=" + d.mac(sha1.New), "x-hub-signature-256": "sha256=" + d.mac(sha256.New),
	} {
		if d.Headers[name] != want {
			return "", fmt.Errorf("%s is %q, want %q", name, d.Headers[name], want)
		}
	}
	var payload map[string]json.RawMessage
	text, err := d.payload()
	if err == nil {
		err = json.Unmarshal(text, &payload)
	}
	if err != nil {
		return "", err
	}
	return d.checkPayload(payload)
}

func (d delivery) mac(of func() hash.Hash) string {
	sum := hmac.New(of, []byte(hookSecret))
	io.WriteString(sum, d.Body)
	return hex.EncodeToString(sum.Sum(nil))
}

// payload is the JSON in the body, whichever way it was sent.
func (d delivery) payload() ([]byte, error) {
	if d.Headers["content-type"] == "application/json" {
		return []byte(d.Body), nil
	}
	form, err := url.ParseQuery(d.Body)
	if err == nil && len(form) != 1 {
		err = fmt.Errorf("the form has %d fields", len(form))
	}
	return []byte(form.Get("payload")), err
}

// checkPayload wants exactly the documented keys, and the target in the headers.
func (d delivery) checkPayload(payload map[string]json.RawMessage) (string, error) {
	var about struct {
		Status     string
		Repository struct {
			ID    int64
			Owner struct{ Type string }
		}
		Organization struct{ ID int64 }
	}
	text, err := json.Marshal(payload)
	if err == nil {
		err = json.Unmarshal(text, &about)
	}
	if err != nil {
		return "", err
	}
	forOrganization := d.Headers["x-github-hook-installation-target-type"] == "organization"
	target := about.Repository.ID
	if forOrganization {
		target = about.Organization.ID
	}
	kind, want := about.Status, []string{"repository", "sender", "status"}
	switch ping := d.Headers["x-github-event"] == "ping"; {
	case ping && forOrganization:
		kind, want = "ping", []string{"hook", "hook_id", "organization", "sender", "zen"}
	case ping:
		kind, want = "ping", []string{"hook", "hook_id", "repository", "sender", "zen"}
	case about.Repository.Owner.Type == "Organization":
		want = []string{"organization", "repository", "sender", "status"}
	}
	if got := slices.Sorted(maps.Keys(payload)); !slices.Equal(got, want) {
		return kind, fmt.Errorf("the payload has the keys %v, want %v", got, want)
	}
	if got := d.Headers["x-github-hook-installation-target-id"]; got != strconv.FormatInt(target, 10) {
		return kind, fmt.Errorf("the target's id is %q, in the payload %d", got, target)
	}
	return kind, nil
}
