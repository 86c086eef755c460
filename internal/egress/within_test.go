package egress

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rehome"
)

// soon is waited for an answer that never comes. A redirect comes before.
const soon = time.Second

// getWithin gets a whole answer that has to begin within wait.
func getWithin(t *testing.T, c *Client, rawURL string, wait time.Duration) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.DoWithin(r, wait)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// TestSilence: who takes a request and does not answer it is named and not waited for.
func TestSilence(t *testing.T) {
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	half := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	leads := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, silent.URL, http.StatusFound) })
	c := newClient(t, Policy{AllowPrivate: true})
	for name, row := range map[string]struct{ ask, blames string }{
		"no header":             {silent.URL, silent.URL},
		"no body":               {half.URL, half.URL},
		"where a redirect goes": {leads.URL, silent.URL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := getWithin(t, c, row.ask, soon)
			want := strings.TrimPrefix(row.blames, "http://") + " does not answer in time."
			if e := rehome.AsError(err); e.Code != rehome.Unreachable || e.Message != want || e.Hint == "" || !errors.Is(err, ErrLate) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// TestSilenceEnds: an answer that has begun takes the time it takes.
func TestSilenceEnds(t *testing.T) {
	goOn := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-goOn
		io.WriteString(w, "b")
	})
	c := newClient(t, Policy{AllowPrivate: true})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.DoWithin(r, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if resp.Body.(*promptBody).timer.Stop() {
		t.Error("the time still runs when the answer has begun")
	}
	close(goOn)
	if rest, err := io.ReadAll(resp.Body); string(rest) != "b" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestLasting tells what another try does not change from what it may.
func TestLasting(t *testing.T) {
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	circle := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	c := newClient(t, Policy{AllowPrivate: true})
	for url, want := range map[string]bool{
		strings.Replace(plain.URL, "http:", "https:", 1): true,
		circle.URL:            true,
		"http://127.0.0.1:1":  false,
		"http://name.invalid": false,
	} {
		_, _, err := get(t, c, url)
		if rehome.CodeOf(err) != rehome.Unreachable || Lasting(err) != want {
			t.Errorf("%s: %v, lasting %v", url, err, Lasting(err))
		}
	}
}

// TestDeadRedirect: who cannot be reached is the one that was dialled.
func TestDeadRedirect(t *testing.T) {
	to := ""
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	host := strings.TrimPrefix(s.URL, "http://")
	c := newClient(t, Policy{AllowPrivate: true})
	for _, row := range []struct{ to, want string }{
		{"http://127.0.0.1:1/x", "Cannot connect to 127.0.0.1:1, where " + host + " leads: the connection is refused."},
		{"http://169.254.169.254/x", "This server may not connect to that address."},
		{"http://name\u202e.invalid/x", ", where " + host + " leads: "},
	} {
		to = row.to
		_, _, err := get(t, c, s.URL)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\u202e") {
			t.Errorf("%s: %v, want %q", row.to, err, row.want)
		}
	}
}
