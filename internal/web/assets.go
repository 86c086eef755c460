package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

//go:embed assets pages
var files embed.FS

const assetsAt = "/-/assets/"

// bundled is a file that pages name, under a name that changes with it, so that browsers may keep it for ever.
type bundled struct {
	kind  string
	plain []byte
	small []byte // the same by gzip
	tag   string
}

// kinds are those of the files; a machine's own table may say anything.
var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// assets are all of them, by name, made when the first is asked for: not every process has pages.
var assets = sync.OnceValue(bundle)

func bundle() map[string]bundled {
	all := map[string]bundled{}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, e := range entries {
		plain, err := fs.ReadFile(files, "assets/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(plain)
		all[e.Name()] = bundled{
			kind: kinds[path.Ext(e.Name())], plain: plain, small: tight(plain),
			tag: base64.RawURLEncoding.EncodeToString(sum[:9]),
		}
	}
	return all
}

// tight is text by gzip, as small as that makes it: this is done once.
func tight(text []byte) []byte {
	var small bytes.Buffer
	z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression)
	z.Write(text) //nolint:errcheck // a buffer takes everything
	z.Close()     //nolint:errcheck // as above
	return small.Bytes()
}

// assetURL is where a page finds a file.
func assetURL(root, name string) string { return root + assetsAt + assets()[name].tag + "/" + name }

func (w *Web) asset(out http.ResponseWriter, r *http.Request) {
	tag, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, assetsAt), "/")
	file, ok := assets()[name]
	if !ok || tag != file.tag || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(out, "There is no such file.", http.StatusNotFound)
		return
	}
	h := out.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body, etag := file.plain, `"`+file.tag+`"`
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body, etag = file.small, `"`+file.tag+`-gzip"`
	}
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		h.Del("Content-Encoding")
		out.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := steady(out).Write(body); err != nil {
		panic(http.ErrAbortHandler) // half a script must not look whole
	}
}
