package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestMany carries 20,000 small objects, in batches of 100.
func TestMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	kept := &memory{files: map[string][]byte{}}
	var err error
	if w.o.Store, err = lfs.NewStore(kept, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	var all []lfs.Object
	for i := range 20_000 {
		all = append(all, w.Add(fmt.Sprintf("object %d\n", i)))
	}
	r, err := Download(t.Context(), w.o, all)
	if err != nil || len(r.Missing) > 0 || len(w.done) != len(all) {
		t.Fatalf("%d of %d, %d missing, %v", len(w.done), len(all), len(r.Missing), err)
	}
	if n := w.gets("POST"); n != 200 {
		t.Errorf("%d batches", n)
	}
	for _, i := range []int{0, 1, 19_999} {
		if got := read(t, w.o.Store, all[i]); got != fmt.Sprintf("object %d\n", i) {
			t.Errorf("object %d is %q", i, got)
		}
	}
}

// TestResume cuts an object twice. The rest is asked for with Range, and a server that knows no Range sends
// all of it again.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{true, false} {
		var w *world
		cut := once(2)
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) {
				return false
			}
			if !knows {
				r.Header.Del("Range")
			}
			if cut() {
				out = &cutting{out, 700_000}
			}
			w.ServeHTTP(out, r)
			return true
		})
		o := w.Add(text(3 << 20))
		came := int64(0)
		w.o.Bytes = func(n int64) { came += n }
		w.must(o)
		if came < o.Size || knows && came > o.Size {
			t.Errorf("Range %v: told of %d bytes", knows, came)
		}
		if got := read(t, w.store, o); got != text(3<<20) {
			t.Errorf("Range %v: other bytes", knows)
		}
		if n := w.gets("GET /r.git/info/lfs/objects/" + o.OID.String() + " bytes="); knows && n != 2 {
			t.Errorf("%d requests with Range: %q", n, w.Requests())
		}
	}
}

// TestResumeIsChecked has servers whose second part does not fit the first: the object begins again.
func TestResumeIsChecked(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]http.HandlerFunc{
		"another part": func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Range", "bytes 0-2097151/2097152")
			out.WriteHeader(http.StatusPartialContent)
		},
		"no range": func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		},
		"other bytes": func(out http.ResponseWriter, r *http.Request) {
			var from int
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			out.Header().Set("Content-Range", fmt.Sprintf("bytes %d-2097151/2097152", from))
			out.WriteHeader(http.StatusPartialContent)
			out.Write(make([]byte, 2<<20-from))
		},
	} {
		var w *world
		n := 0
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) {
				return false
			}
			switch n++; n {
			case 1:
				w.ServeHTTP(&cutting{out, 700_000}, r)
			case 2:
				second(out, r)
			default:
				if got := r.Header.Get("Range"); got != "" {
					t.Errorf("%s: asks for %s", name, got)
				}
				return false
			}
			return true
		})
		o := w.Add(text(2 << 20))
		w.must(o)
	}
}

// TestCutForEver: a server that gets nowhere is given up, one that gives a little each time is not.
func TestCutForEver(t *testing.T) {
	t.Parallel()
	for part, code := range map[int]rehome.Code{1000: rehome.SourceCutOff, stepBytes + 1000: ""} {
		var w *world
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) {
				return false
			}
			w.ServeHTTP(&cutting{out, part}, r)
			return true
		})
		_, err := w.fetch(w.Add(text(20 * stepBytes)))
		if code == "" && err != nil || code != "" && rehome.CodeOf(err) != code {
			t.Errorf("%d bytes at a time: %v", part, err)
		}
	}
}

// TestSlow: a server that says a little now and then is cut off; time is counted anew with each step.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, atBatch := range map[string]bool{"batch": true, "object": false} {
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) != atBatch {
				return false
			}
			out.Header().Set("Content-Type", mediaType)
			for r.Context().Err() == nil {
				fmt.Fprint(out, " ")
				out.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
			return true
		})
		o := w.Add(text(1000))
		w.d = newDownload(w.o)
		w.d.bounds = bounds{batch: 20 * time.Second, step: 50 * time.Millisecond}
		if atBatch {
			w.d.bounds = bounds{batch: 50 * time.Millisecond, step: 20 * time.Second}
		}
		_, err := w.run(o)
		if code := rehome.CodeOf(err); code != rehome.SourceCutOff && code != rehome.Unreachable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMissing has objects that the server does not have, says nothing of, or gives no link to.
func TestMissing(t *testing.T) {
	t.Parallel()
	var other testenv.LFS
	here, silent, linkless, gone := other.Add("here"), other.Add("silent"), other.Add("linkless"), other.Add("gone")
	var w *world
	w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		return linked(out, r, func(oid string) map[string]any {
			switch oid {
			case silent.OID.String():
				return nil
			case linkless.OID.String():
				return map[string]any{}
			case gone.OID.String():
				return map[string]any{"error": map[string]any{"code": 410, "message": "gone\x1b[31m away"}}
			}
			return download1(w.url+"/r.git/info/lfs/objects/"+oid, nil)
		})
	})
	w.Add("here")
	r, err := w.fetch(here, silent, linkless, gone)
	if err != nil || len(r.Missing) != 3 || r.Why == nil {
		t.Fatalf("missing %v, why %v, %v", r.Missing, r.Why, err)
	}
	if !slices.IsSortedFunc(r.Missing, func(a, b lfs.Object) int { return slices.Compare(a.OID[:], b.OID[:]) }) {
		t.Error("not sorted")
	}
	if r, _ := w.fetch(gone); r.Why == nil || !strings.Contains(r.Why.Error(), "gone [31m away") {
		t.Errorf("why: %v", r.Why)
	}
}

// TestNoLFS has servers without Git LFS: nothing is there, and they are asked once.
func TestNoLFS(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"not found":       http.NotFound,
		"not implemented": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotImplemented) },
		"login page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>sign in")
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			fmt.Fprint(w, "<html>")
		},
		"another transfer": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, map[string]any{"transfer": "ssh", "objects": []any{}})
		},
		"another hash": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, map[string]any{"hash_algo": "md5", "objects": []any{}})
		},
		"words": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 404, map[string]any{"message": "LFS is\r\nswitched off"})
		},
		"endless answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			for range maxReply(batchSize) >> 10 {
				if _, err := w.Write(make([]byte, 2048)); err != nil {
					return
				}
			}
		},
		"round in circles": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"to a weaker place": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusTemporaryRedirect)
		},
	} {
		n := 0
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			n++
			answer(out, r)
			return true
		})
		var all []lfs.Object
		for i := range 250 {
			all = append(all, w.Add(fmt.Sprint(i)))
		}
		r, err := w.fetch(all...)
		if err != nil || len(r.Missing) != len(all) || r.Why == nil || n > maxHops+1 || len(w.slept) > 0 {
			t.Errorf("%s: %d missing, why %v, %v; %d requests, slept %v", name, len(r.Missing), r.Why, err, n, w.slept)
		}
		if name == "words" && !strings.Contains(r.Why.Error(), `"LFS is switched off"`) {
			t.Errorf("why: %v", r.Why)
		}
	}
}

// TestBusy has servers that are busy now and then, at each place.
func TestBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head http.Header
		code int
		want time.Duration
	}{
		"seconds":  {http.Header{"Retry-After": {"17"}}, 429, 17 * time.Second},
		"date":     {http.Header{"Retry-After": {"Tue, 14 Nov 2023 22:13:40 GMT"}, "Date": {"Tue, 14 Nov 2023 22:13:20 GMT"}}, 503, 20 * time.Second},
		"too long": {http.Header{"Retry-After": {"999999999"}}, 429, maxWait},
		"silent":   {nil, 502, time.Second},
		"nonsense": {http.Header{"Retry-After": {"-1"}}, 500, time.Second},
	} {
		for _, atBatch := range []bool{true, false} {
			busy := once(1)
			w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
				if isBatch(r) != atBatch || !busy() {
					return false
				}
				for k, v := range c.head {
					out.Header()[k] = v
				}
				out.WriteHeader(c.code)
				return true
			})
			w.must(w.Add("one"))
			if len(w.slept) != 1 || w.slept[0] != c.want {
				t.Errorf("%s, batch %v: slept %v, want %v", name, atBatch, w.slept, c.want)
			}
		}
	}
}

// TestBusyForEver gives up in the end, and at once where waiting is of no use.
func TestBusyForEver(t *testing.T) {
	t.Parallel()
	for code, sleeps := range map[int]int{503: len(waits), 429: len(waits), 509: 0, 507: 0} {
		for _, atBatch := range []bool{true, false} {
			w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
				if isBatch(r) == atBatch {
					out.WriteHeader(code)
				}
				return isBatch(r) == atBatch
			})
			_, err := w.fetch(w.Add("one"))
			wantCode(t, err, rehome.Unreachable)
			if len(w.slept) != sleeps {
				t.Errorf("%d, batch %v: slept %v", code, atBatch, w.slept)
			}
		}
	}
}

// TestBusyObject: a batch may say of one object that it is to be asked for later.
func TestBusyObject(t *testing.T) {
	t.Parallel()
	busy := once(1)
	w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		return isBatch(r) && busy() && linked(out, r, func(string) map[string]any {
			return map[string]any{"error": map[string]any{"code": 503, "message": "later"}}
		})
	})
	w.must(w.Add("one"))
}

// TestStaleLinks: a link that ran out is asked for anew, once.
func TestStaleLinks(t *testing.T) {
	t.Parallel()
	for code := range map[int]bool{401: true, 403: true, 404: true, 400: true} {
		stale := once(1)
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) || !stale() {
				return false
			}
			out.WriteHeader(code)
			return true
		})
		w.must(w.Add("one"))
		if n := w.gets("POST"); n != 2 || len(w.slept) != 0 {
			t.Errorf("%d: %d batches, slept %v", code, n, w.slept)
		}
	}
}

// TestTooMany: a server may take fewer objects at a time, or refuse all because of one.
func TestTooMany(t *testing.T) {
	t.Parallel()
	bad := lfs.Object{OID: lfs.OID{1}, Size: 1 << 60}
	w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		if !isBatch(r) {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch {
		case bytes.Count(body, []byte(`"oid"`)) > 30:
			out.WriteHeader(http.StatusRequestEntityTooLarge)
		case bytes.Contains(body, []byte(bad.OID.String())):
			answerJSON(out, http.StatusUnprocessableEntity, map[string]any{"message": "too large"})
		default:
			return false
		}
		return true
	})
	var all []lfs.Object
	for i := range 200 {
		all = append(all, w.Add(fmt.Sprint(i)))
	}
	all = slices.Insert(all, 77, bad)
	r, err := w.fetch(all...)
	if n := w.gets("POST"); n > 16 {
		t.Errorf("%d batches were taken", n)
	}
	if err != nil || len(r.Missing) != 1 || r.Missing[0] != bad || !strings.Contains(r.Why.Error(), "too large") {
		t.Errorf("missing %v, why %v, %v", r.Missing, r.Why, err)
	}
}

// TestRefusesAll: one that refuses each of them is not asked for every one.
func TestRefusesAll(t *testing.T) {
	t.Parallel()
	n := 0
	w := newWorld(t, func(out http.ResponseWriter, _ *http.Request) bool {
		n++
		out.WriteHeader(http.StatusBadRequest)
		return true
	})
	var all []lfs.Object
	for i := range 1000 {
		all = append(all, w.Add(fmt.Sprint(i)))
	}
	r, err := w.fetch(all...)
	if err != nil || len(r.Missing) != len(all) || n > maxRefused+10 {
		t.Errorf("%d missing, %v, %d requests", len(r.Missing), err, n)
	}
}

// TestWrongBytes has objects that are not what they should be. None is ever in the store.
func TestWrongBytes(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(out http.ResponseWriter, right string){
		"another": func(out http.ResponseWriter, right string) { fmt.Fprint(out, strings.ToUpper(right)) },
		"shorter": func(out http.ResponseWriter, right string) { fmt.Fprint(out, right[1:]) },
		"longer":  func(out http.ResponseWriter, right string) { fmt.Fprint(out, right+"x") },
		"endless": func(out http.ResponseWriter, right string) {
			for range 1000 {
				fmt.Fprint(out, strings.Repeat(right, 1000))
			}
		},
		"empty": func(http.ResponseWriter, string) {},
		"chunked longer": func(out http.ResponseWriter, right string) {
			fmt.Fprint(out, right)
			out.(http.Flusher).Flush()
			fmt.Fprint(out, "x")
		},
		"compressed": func(out http.ResponseWriter, right string) {
			out.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(out, right)
		},
		"a part": func(out http.ResponseWriter, right string) {
			out.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(out, right)
		},
		"no content": func(out http.ResponseWriter, _ string) { out.WriteHeader(http.StatusNoContent) },
		"a page": func(out http.ResponseWriter, _ string) {
			out.Header().Set("Content-Type", "text/html")
			fmt.Fprint(out, "<html>")
		},
	} {
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) {
				return false
			}
			body(out, "right bytes")
			return true
		})
		o := w.Add("right bytes")
		r, err := w.fetch(o)
		if err != nil || len(r.Missing) != 1 || r.Why == nil {
			t.Errorf("%s: missing %v, why %v, %v", name, r.Missing, r.Why, err)
		}
	}
}

// TestStoreFails: what the store says ends the download.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	o := w.Add("one")
	if err := os.RemoveAll(filepath.Join(w.dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	if _, err := Download(t.Context(), w.o, []lfs.Object{o}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
