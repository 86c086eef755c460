package testenv

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"rehome/internal/lfs"
)

// LFS is an honest Git LFS server for downloads: batch and basic transfer, for any path before
// "objects/…". The zero value has nothing. Safe for concurrent use.
type LFS struct {
	mu       sync.Mutex
	objects  map[string][]byte // by id; guarded by mu, as the next
	requests []string
}

// Add lets the server have an object and returns its name.
func (l *LFS) Add(content string) lfs.Object {
	o := lfs.Object{OID: sha256.Sum256([]byte(content)), Size: int64(len(content))}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.objects == nil {
		l.objects = map[string][]byte{}
	}
	l.objects[o.OID.String()] = []byte(content)
	return o
}

// Requests returns "METHOD path" of each request, in order, with its Range after it.
func (l *LFS) Requests() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.requests...)
}

// Before answers for paths with "/info/lfs/" in them, and leaves the others to h: as Options.Wrap.
func (l *LFS) Before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/info/lfs/") {
			l.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (l *LFS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.requests = append(l.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	l.mu.Unlock()
	base, last, _ := strings.Cut(r.URL.Path, "/objects/")
	switch {
	case last == "batch" && r.Method == http.MethodPost:
		l.batch(w, r, "http://"+r.Host+base+"/objects/")
	case r.Method == http.MethodGet && l.object(last) != nil:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(l.object(last)))
	default:
		http.NotFound(w, r)
	}
}

func (l *LFS) object(oid string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.objects[oid]
}

func (l *LFS) batch(w http.ResponseWriter, r *http.Request, base string) {
	var asked struct {
		Objects []struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"objects"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, `{"message": "no JSON"}`, http.StatusUnprocessableEntity)
		return
	}
	list := []any{}
	for _, o := range asked.Objects {
		one := map[string]any{"oid": o.OID, "size": o.Size}
		if has := l.object(o.OID); has != nil && int64(len(has)) == o.Size {
			one["actions"] = map[string]any{"download": map[string]any{"href": base + o.OID}}
		} else {
			one["error"] = map[string]any{"code": 404, "message": "Object does not exist"}
		}
		list = append(list, one)
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": list})
}
