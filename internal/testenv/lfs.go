package testenv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"rehome/internal/lfs"
)

// LFS is an honest Git LFS server: batch and basic transfer, both ways, for any path before "objects/…". What is
// uploaded has to be verified, at "objects/verify". The zero value has nothing. Safe for concurrent use.
type LFS struct {
	mu       sync.Mutex
	objects  map[string][]byte // by id; guarded by mu, as the next
	requests []string
	refs     []string
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

// Has reports whether the server has an object, of that size.
func (l *LFS) Has(o lfs.Object) bool { return l.has(lfsObject{o.OID.String(), o.Size}) }

// Content returns an object's bytes; "" for one that is not there.
func (l *LFS) Content(oid lfs.OID) string { return string(l.object(oid.String())) }

// Refs returns the ref of each batch in order, "" for one without.
func (l *LFS) Refs() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.refs...)
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
	case last == "verify" && r.Method == http.MethodPost:
		l.verify(w, r)
	case r.Method == http.MethodPut && last != "":
		l.upload(w, r, last)
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

// upload takes an object, if it is the one that it should be.
func (l *LFS) upload(w http.ResponseWriter, r *http.Request, oid string) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // it broke off
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != oid {
		http.Error(w, "this is another object", http.StatusBadRequest)
		return
	}
	l.Add(string(content))
}

// verify says whether an object is there.
func (l *LFS) verify(w http.ResponseWriter, r *http.Request) {
	var o lfsObject
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil || !l.has(o) {
		http.NotFound(w, r)
	}
}

// lfsObject names an object as the API does.
type lfsObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

func (l *LFS) has(o lfsObject) bool {
	content := l.object(o.OID)
	return content != nil && int64(len(content)) == o.Size
}

func (l *LFS) batch(w http.ResponseWriter, r *http.Request, base string) {
	var asked struct {
		Operation string
		Ref       struct{ Name string }
		Objects   []lfsObject
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, `{"message": "no JSON"}`, http.StatusUnprocessableEntity)
		return
	}
	l.mu.Lock()
	l.refs = append(l.refs, asked.Ref.Name)
	l.mu.Unlock()
	list := []any{}
	for _, o := range asked.Objects {
		one := map[string]any{"oid": o.OID, "size": o.Size}
		switch has := l.has(o); {
		case asked.Operation == "upload" && !has:
			one["actions"] = map[string]any{"upload": lfsLink(base + o.OID), "verify": lfsLink(base + "verify")}
		case asked.Operation == "upload": // nothing is to be done
		case has:
			one["actions"] = map[string]any{"download": lfsLink(base + o.OID)}
		default:
			one["error"] = map[string]any{"code": 404, "message": "Object does not exist"}
		}
		list = append(list, one)
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": list})
}

func lfsLink(href string) map[string]any { return map[string]any{"href": href} }
