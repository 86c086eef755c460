package transfer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"rehome/internal/lfs"
)

// BenchmarkUpload sends many small objects, and a large one, to a server that throws them away.
func BenchmarkUpload(b *testing.B) {
	for _, c := range []struct {
		name    string
		n, size int
	}{{"small", 1000, 1 << 10}, {"large", 1, 256 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, discard)
			var err error
			if w.o.Store, err = lfs.NewStore(&memory{files: map[string][]byte{}}, b.TempDir()); err != nil {
				b.Fatal(err)
			}
			w.o.Done = nil
			all := make([]lfs.Object, c.n)
			content := make([]byte, c.size)
			for i := range all {
				copy(content, fmt.Sprint("object ", i))
				all[i] = w.keep(string(content))
			}
			b.SetBytes(int64(c.n) * int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				if r, err := Upload(b.Context(), w.o, all); err != nil || int(r.Sent) != c.n {
					b.Fatal(r, err)
				}
			}
		})
	}
}

// discard wants every object, and keeps none.
func discard(out http.ResponseWriter, r *http.Request) bool {
	if isPut(r) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // the client says so
		return true
	}
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return true
	}
	list := []any{}
	for _, o := range asked.Objects {
		list = append(list, map[string]any{"oid": o.OID, "size": o.Size, "actions": map[string]any{"upload": map[string]any{"href": "http://" + r.Host + "/" + o.OID}}})
	}
	answerJSON(out, http.StatusOK, map[string]any{"objects": list})
	return true
}
