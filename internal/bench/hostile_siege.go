package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv/hostile"
)

// siege is some users of a server who import hostile sources. Safe for concurrent use once it began.
type siege struct {
	server *server
	cases  []hostile.Case
	ground hostile.Ground
	users  []*besieger
	stage  stage // of what all cases share

	mu    sync.Mutex
	tally tally // of the round at hand; guarded by mu, as the next
	calls int   // answers to these users
	sick  int   // of them those that are 5xx, and requests without an answer
}

// besieger is one of the users.
type besieger struct {
	*siege
	login, token string
	made         int
}

// tally is how imports ended.
type tally struct {
	ended   map[string]int // by code, or the status of those without one
	given   []string       // ended because the user gave them up
	took    time.Duration
	lies    []string // complete, and must not be
	refused []string // not complete, and had to be
	others  []string // ended with another code than when nothing else happens
	noted   []string // what sources noted, whether something of theirs was run among it
}

func (t *tally) sum() (sum int) {
	for _, n := range t.ended {
		sum += n
	}
	return sum
}

// String lists the codes, the most frequent first.
func (t *tally) String() string {
	codes := slices.SortedFunc(maps.Keys(t.ended), func(a, b string) int { return cmp.Or(t.ended[b]-t.ended[a], strings.Compare(a, b)) })
	for n, code := range codes {
		codes[n] = fmt.Sprintf("`%s` %d", code, t.ended[code])
	}
	return strings.Join(codes, ", ")
}

// newSiege makes the users, with tokens of their own, and what their sources share.
func newSiege(ctx context.Context, program, dir string, s *server, cases []hostile.Case) (*siege, error) {
	g := &siege{server: s, cases: cases}
	canaries, names := hostile.Watch(&g.stage), hostile.NewNames(&g.stage)
	g.ground = hostile.Ground{Canaries: canaries, Names: names, Canary: "http://127.0.0.2:" + canaries.Port, Stranger: g.stranger()}
	for n := range hostileUsers {
		login := fmt.Sprintf("mallory-%d", n)
		token, err := exec.CommandContext(ctx, program, "token", "create", "--data", filepath.Join(dir, "data"), "--user", login).Output()
		if err != nil {
			return nil, fmt.Errorf("make a token: %w", err)
		}
		g.users = append(g.users, &besieger{siege: g, login: login, token: strings.TrimSpace(string(token))})
	}
	return g, nil
}

// hostilePassword is what every hostile source is read with.
const hostilePassword = "canary-5d0b-password"

// stranger is an honest server of another origin, which no password may come to.
func (g *siege) stranger() string {
	honest := hostile.Honest(&g.stage)
	open := hostile.Case{Open: func(testing.TB, hostile.Ground) hostile.Source {
		return hostile.Source{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") != "":
				g.stage.Error("a password came to another origin")
			case strings.HasPrefix(r.URL.Path, "/closed/"):
				w.WriteHeader(http.StatusUnauthorized)
			case r.URL.Path == "/back":
				http.Redirect(w, r, r.URL.Query().Get("to")+"?service=git-upload-pack&back", http.StatusFound)
			default:
				honest.ServeHTTP(w, r)
			}
		})}
	}}
	url, _, _ := g.stage.open(open, hostile.Ground{})
	return strings.TrimSuffix(url, "/r.git")
}

// attack has each user import a share of the cases, so many times over or until ctx ends, and returns once all have ended. Those that
// have not when ctx ends are given up by their users.
func (g *siege) attack(ctx context.Context, times int) tally {
	g.tally = tally{ended: map[string]int{}}
	var all sync.WaitGroup
	for n, u := range g.users {
		all.Go(func() {
			room := make(chan struct{}, hostileAtOnce)
			for range times {
				for at := n; at < len(g.cases); at += len(g.users) {
					select {
					case <-ctx.Done():
						return
					case room <- struct{}{}:
					}
					u.made++
					name := fmt.Sprintf("r%d", u.made)
					all.Go(func() { u.one(ctx, name, g.cases[at], sync.OnceFunc(func() { <-room })) })
				}
			}
		})
	}
	all.Wait()
	return g.tally
}

// one imports a case to its end. It calls free, more than once perhaps, when another may begin beside it.
func (u *besieger) one(ctx context.Context, name string, c hostile.Case, free func()) {
	defer free()
	s := &stage{}
	defer s.close()
	url, marker, err := s.open(c, u.ground)
	if err != nil {
		u.end("not set up: "+err.Error(), c, s)
		return
	}
	stopped := context.WithoutCancel(ctx)
	u.call(stopped, "POST", "/user/repos", map[string]any{"name": name})
	source := map[string]any{"vcs": "git", "vcs_url": url}
	if !strings.HasPrefix(url, "git://") {
		source["vcs_username"], source["vcs_password"] = "ada", hostilePassword
	}
	if c.Want.Code == rehome.NotARepository {
		delete(source, "vcs") // what is none is found out before anything is fetched
	}
	path := fmt.Sprintf("/repos/%s/%s/import", u.login, name)
	if status, _ := u.call(stopped, "PUT", path, source); status >= 400 {
		u.end(fmt.Sprintf("HTTP %d at the start", status), c, s)
		return
	}
	how := u.wait(ctx, path, free)
	if _, err := os.Stat(marker); !errors.Is(err, fs.ErrNotExist) {
		s.Error("something of it was run")
	}
	u.end(how, c, s)
}

// wait asks until the import has ended, and returns its code, or status.
func (u *besieger) wait(ctx context.Context, path string, free func()) string {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	stopped := context.WithoutCancel(ctx)
	for {
		select {
		case <-ctx.Done():
			u.call(stopped, "DELETE", path, nil)
			return givenUp
		case <-every.C:
		}
		_, text := u.call(stopped, "GET", path, nil)
		var got struct {
			Status string
			Text   string `json:"status_text"`
		}
		if json.Unmarshal(text, &got) != nil {
			continue
		}
		switch got.Status {
		case "detecting", "importing", "mapping", "pushing":
			if strings.Contains(got.Text, "Trying again at") {
				free()
				every.Reset(5 * time.Second)
			}
		case "complete":
			return got.Status
		default:
			return u.code(stopped, path, got.Status)
		}
	}
}

// code reads how an import ended from its events, which tell it first and stop.
func (u *besieger) code(ctx context.Context, path, status string) string {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	_, text := u.call(ctx, "GET", path+"/events", nil)
	for line := range bytes.Lines(text) {
		var said struct{ Code string }
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok && json.Unmarshal(data, &said) == nil && said.Code != "" {
			return said.Code
		}
	}
	return status
}

// givenUp is in place of a code.
const givenUp = "cancelled"

// end counts an import.
func (u *besieger) end(how string, c hostile.Case, s *stage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, want := &u.tally, string(c.Want.Code)
	t.ended[how]++
	// A server has flags for some limits only. What the others would refuse it carries.
	unlimited := c.Limits != (hostile.Limits{}) && c.Want.Code == rehome.LimitPassed
	said := fmt.Sprintf("%s: %s, want %s", c.Name, how, want)
	switch {
	case how == givenUp:
		t.given = append(t.given, c.Name)
	case how == want, how == "complete" && (want == "" || unlimited):
	case how == "complete":
		t.lies = append(t.lies, said)
	case want == "":
		t.refused = append(t.refused, said)
	default:
		t.others = append(t.others, said)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.said {
		if strings.HasPrefix(text, "it was asked more than") {
			continue // sources count for one try; here there are up to six
		}
		t.noted = append(t.noted, c.Name+": "+text)
	}
}

// call makes a request of this user, and counts its answer. The status is 0 where none came.
func (u *besieger) call(ctx context.Context, method, path string, body any) (status int, text []byte) {
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.calls++; status == 0 || status >= 500 {
			u.sick++
		}
	}()
	content, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	if body == nil {
		content = nil
	}
	request, err := http.NewRequestWithContext(ctx, method, u.server.base+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil
	}
	request.Header.Set("Authorization", "token "+u.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, text
}
