package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rehome/internal/bucket"
	"rehome/internal/lfs"
)

func TestUploadAndDownload(t *testing.T) {
	w := start(t, nil)
	content := strings.Repeat("0123456789", 50_000)
	o := w.put(t, w.one, content)
	w.put(t, w.one, content) // again does no harm
	path := "objects/" + o.OID.String()
	r := w.do(t, "GET", w.one, path, nil)
	if r.status != 200 || string(r.body) != content || r.header.Get("Content-Length") != "500000" || r.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("status %d, %d bytes, %v", r.status, len(r.body), r.header)
	}
	r = w.do(t, "HEAD", w.one, path, nil)
	if r.status != 200 || len(r.body) != 0 || r.header.Get("Content-Length") != "500000" {
		t.Errorf("HEAD: status %d, %v", r.status, r.header)
	}
	for _, c := range []struct {
		asked   string
		status  int
		want    string
		content string // of Content-Range
	}{
		{"bytes=0-9", 206, content[:10], "bytes 0-9/500000"},
		{"bytes=123456-", 206, content[123456:], "bytes 123456-499999/500000"},
		{"bytes=123456-499999", 206, content[123456:], "bytes 123456-499999/500000"},
		{"bytes=499999-600000", 206, "9", "bytes 499999-499999/500000"},
		{"bytes=-10", 206, content[:10], "bytes 499990-499999/500000"},
		{"bytes=500000-", 416, "", "bytes */500000"},
		{"bytes=9-2", 416, "", "bytes */500000"},
		{"bytes=0-1,5-6", 200, content, ""},
	} {
		r := w.do(t, "GET", w.one, path, nil, "Range", c.asked)
		if r.status != c.status || c.status != 416 && string(r.body) != c.want || r.header.Get("Content-Range") != c.content {
			t.Errorf("%s: status %d, %d bytes, %q", c.asked, r.status, len(r.body), r.header.Get("Content-Range"))
		}
		if c.status != 416 {
			continue
		}
		r.wantRefusal(t, c.asked, 416)
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %v", c.asked, r.header)
		}
		if r := w.do(t, "HEAD", w.one, path, nil, "Range", c.asked); r.status != 416 || len(r.body) > 0 || r.header.Get("Content-Range") != c.content {
			t.Errorf("HEAD, %s: status %d, %v", c.asked, r.status, r.header)
		}
	}
	if files := w.files(t); len(files) != 1 {
		t.Errorf("kept %q", files)
	}
}

func TestEmptyObject(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "")
	if r := w.do(t, "GET", w.one, "objects/"+o.OID.String(), nil); r.status != 200 || len(r.body) != 0 {
		t.Errorf("status %d, %q", r.status, r.body)
	}
}

// TestUploadsThatAreRefused leave no file and no row.
func TestUploadsThatAreRefused(t *testing.T) {
	w := start(t, nil)
	content := "the content"
	oid := objectOf(content).OID.String()
	tooLarge := strings.Repeat("x", 1<<20+1)
	type reader struct{ io.Reader } // of unknown length: the body comes in chunks
	for _, c := range []struct {
		what, path string
		body       io.Reader
		status     int
		headers    []string
	}{
		{"the hash of other bytes", objectOf("other").OID.String(), strings.NewReader(content), 400, nil},
		{"other bytes of that size", oid, strings.NewReader("The Content"), 400, nil},
		{"too few bytes", oid, strings.NewReader(content[1:]), 400, nil},
		{"no bytes", oid, nil, 400, nil},
		{"another size in the URL", oid + "?size=12", strings.NewReader(content), 400, nil},
		{"another size in the URL, in chunks", oid + "?size=12", reader{strings.NewReader(content)}, 400, nil},
		{"a size that is none", oid + "?size=1x", strings.NewReader(content), 400, nil},
		{"a negative size", oid + "?size=-11", strings.NewReader(content), 400, nil},
		{"too many bytes", objectOf(tooLarge).OID.String(), strings.NewReader(tooLarge), 413, nil},
		{"too many bytes in chunks", objectOf(tooLarge).OID.String(), reader{strings.NewReader(tooLarge)}, 413, nil},
		{"too many bytes in the URL", oid + "?size=99999999999999", reader{strings.NewReader(content)}, 413, nil},
		{"a coding", oid, strings.NewReader(content), 415, []string{"Content-Encoding", "gzip"}},
		{"capitals", strings.ToUpper(oid), strings.NewReader(content), 404, nil},
		{"a digit too few", oid[1:], strings.NewReader(content), 404, nil},
		{"a digit too many", oid + "0", strings.NewReader(content), 404, nil},
		{"a line feed", oid + "%0d%0a", strings.NewReader(content), 404, nil},
		{"a line feed within", oid[:62] + "%0a", strings.NewReader(content), 404, nil},
		{"a path", "..%2f..%2f" + oid[10:], strings.NewReader(content), 404, nil},
		{"folders", oid[:2] + "/" + oid[2:4] + "/" + oid, strings.NewReader(content), 404, nil},
		{"digits in disguise", "%" + fmt.Sprintf("%x", oid[0]) + oid[1:], strings.NewReader(content), 404, nil},
	} {
		w.do(t, "PUT", w.one, "objects/"+c.path, c.body, c.headers...).wantRefusal(t, c.what, c.status)
		w.wantNothing(t)
	}
	if r := w.do(t, "PUT", w.one, "objects/"+oid+"?size=11", reader{strings.NewReader(content)}); r.status != 200 {
		t.Errorf("the right one: status %d: %s", r.status, r.body)
	}
}

func TestUploadWithoutTheRight(t *testing.T) {
	w := start(t, nil)
	w.readOnly = true
	path := "objects/" + objectOf("content").OID.String()
	r := w.do(t, "PUT", w.one, path, strings.NewReader("content"))
	r.wantRefusal(t, "nobody's upload", 401)
	if r.header.Get("LFS-Authenticate") == "" || r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("it does not say how to sign in: %v", r.header)
	}
	w.do(t, "PUT", w.one, path, strings.NewReader("content"), "Authorization", "Basic x").wantRefusal(t, "a reader's upload", 403)
	w.wantNothing(t)
}

func TestUploadToARepositoryThatIsGone(t *testing.T) {
	w := start(t, nil)
	w.do(t, "PUT", 999, "objects/"+objectOf("content").OID.String(), strings.NewReader("content")).wantRefusal(t, "upload", 404)
}

// TestAnObjectOfAnotherRepository is in the store, and is not there all the same.
func TestAnObjectOfAnotherRepository(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "content")
	path := "objects/" + o.OID.String()
	if a := w.batch(t, w.two, "download", o).Objects[0]; a.Error == nil || a.Error.Code != 404 || a.Actions != nil {
		t.Errorf("batch for download: %v", a)
	}
	w.do(t, "GET", w.two, path, nil).wantRefusal(t, "download", 404)
	if r := w.do(t, "HEAD", w.two, path, nil); r.status != 404 {
		t.Errorf("HEAD: status %d", r.status)
	}
	verify := fmt.Sprintf(`{"oid": %q, "size": %d}`, o.OID, o.Size)
	w.do(t, "POST", w.two, "verify", strings.NewReader(verify)).wantRefusal(t, "verify", 404)
	if a := w.batch(t, w.two, "upload", o).Objects[0]; a.Error != nil || a.Actions["upload"].Href == "" {
		t.Errorf("batch for upload: %v", a)
	}
	w.do(t, "PUT", w.two, path, strings.NewReader("")).wantRefusal(t, "upload of nothing", 400)
	w.do(t, "PUT", w.two, path, strings.NewReader("CONTENT")).wantRefusal(t, "upload of other bytes", 400)
	w.do(t, "GET", w.two, path, nil).wantRefusal(t, "download after that", 404)
	w.put(t, w.two, "content")
	if r := w.do(t, "GET", w.two, path, nil); r.status != 200 || string(r.body) != "content" {
		t.Errorf("download after an upload: status %d", r.status)
	}
	if files := w.files(t); len(files) != 1 {
		t.Errorf("kept %q", files)
	}
}

// TestObjectThatTheStoreLost is uploaded again.
func TestObjectThatTheStoreLost(t *testing.T) {
	w := start(t, nil)
	lost, damaged := w.put(t, w.one, "lost"), w.put(t, w.one, "damaged")
	hex := damaged.OID.String()
	if err := errors.Join(w.lfs.Store.Remove(t.Context(), lost.OID), os.Truncate(filepath.Join(w.dir, "objects", hex[:2], hex[2:4], hex), 3)); err != nil {
		t.Fatal(err)
	}
	for i, o := range []lfs.Object{lost, damaged} {
		w.do(t, "GET", w.one, "objects/"+o.OID.String(), nil).wantRefusal(t, "download", 404)
		if a := w.batch(t, w.one, "upload", o).Objects[0]; a.Actions["upload"].Href == "" {
			t.Errorf("batch for upload: %v", a)
		}
		w.put(t, w.one, []string{"lost", "damaged"}[i])
		if r := w.do(t, "GET", w.one, "objects/"+o.OID.String(), nil); r.status != 200 {
			t.Errorf("download: status %d", r.status)
		}
	}
}

// TestADamagedObjectIsNotServedWhole has a byte flipped where objects are kept.
func TestADamagedObjectIsNotServedWhole(t *testing.T) {
	w := start(t, nil)
	for _, content := range []string{"content", strings.Repeat("content\n", 100_000)} {
		o := w.put(t, w.one, content)
		hex := o.OID.String()
		path := filepath.Join(w.dir, "objects", hex[:2], hex[2:4], hex)
		damaged := "C" + content[1:]
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(damaged), 0o444)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(fmt.Sprintf("%s/%d/objects/%s", w.URL, w.one, o.OID))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); len(got) >= len(content) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d of %d bytes, %v", len(got), len(content), err)
		}
	}
}

// full is a bucket on a disk without space.
type full struct{ bucket.Bucket }

func (full) Put(context.Context, string, string) error {
	return &os.PathError{Op: "sync", Path: "file", Err: syscall.ENOSPC}
}

func TestUploadToAFullDisk(t *testing.T) {
	w := start(t, func(s *Server) {
		dir := t.TempDir()
		b, err := bucket.NewFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if s.Store, err = lfs.NewStore(full{b}, filepath.Join(dir, "tmp")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if left, err := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 || err != nil {
				t.Errorf("left in the spool: %v, %v", left, err)
			}
		})
	})
	w.do(t, "PUT", w.one, "objects/"+objectOf("content").OID.String(), strings.NewReader("content")).wantRefusal(t, "upload", 507)
	w.wantNothing(t)
}

// raw opens a connection and sends the beginning of an upload on it.
func (w *world) raw(t *testing.T, o lfs.Object, begin string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "PUT /%d/objects/%s HTTP/1.1\r\nHost: forge\r\nContent-Length: %d\r\n\r\n%s", w.one, o.OID, o.Size, begin)
	return c
}

func TestUploadThatIsCut(t *testing.T) {
	ended := make(chan struct{}, 1)
	w := start(t, nil)
	inner := w.Config.Handler
	w.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(rw, r)
		ended <- struct{}{}
	})
	content := strings.Repeat("0123456789", 50_000)
	c := w.raw(t, objectOf(content), content[:300_000])
	until(t, "the upload is under way", func() bool { return len(w.files(t)) == 1 })
	c.Close()
	<-ended
	w.wantNothing(t)
}

func TestUploadThatStops(t *testing.T) {
	w := start(t, func(s *Server) { s.idle = 100 * time.Millisecond })
	content := strings.Repeat("0123456789", 50_000)
	c := w.raw(t, objectOf(content), content[:300_000])
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 408 {
		t.Errorf("status %d", r.StatusCode)
	}
	w.wantNothing(t)
}

// TestUploadThatIsSlow takes longer than the server waits for a step of its bytes, which is all right when the steps
// are made.
func TestUploadThatIsSlow(t *testing.T) {
	for _, c := range []struct{ step, sends, want int }{{10, 12, 200}, {1000, 8, 408}} {
		w := start(t, func(s *Server) { s.idle, s.step = time.Second, c.step })
		content := strings.Repeat("0123456789", 12)
		to := w.raw(t, objectOf(content), "")
		for i := range c.sends {
			time.Sleep(100 * time.Millisecond)
			if _, err := io.WriteString(to, content[10*i:10*i+10]); err != nil {
				t.Fatal(err)
			}
		}
		r, err := http.ReadResponse(bufio.NewReader(to), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != c.want {
			t.Errorf("steps of %d: status %d, want %d", c.step, r.StatusCode, c.want)
		}
	}
}

func TestManyUploadTheSame(t *testing.T) {
	w := start(t, nil)
	content := strings.Repeat("0123456789", 50_000)
	o := objectOf(content)
	var wg sync.WaitGroup
	for i := range 8 {
		repoID := []int64{w.one, w.two}[i%2]
		wg.Go(func() {
			if r := w.do(t, "PUT", repoID, "objects/"+o.OID.String(), strings.NewReader(content)); r.status != 200 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
			if r := w.do(t, "GET", repoID, "objects/"+o.OID.String(), nil); r.status != 200 || string(r.body) != content {
				t.Errorf("status %d", r.status)
			}
		})
	}
	wg.Wait()
	if files := w.files(t); len(files) != 1 {
		t.Errorf("kept %q", files)
	}
}
