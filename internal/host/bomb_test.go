package host

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome/internal/disk"
	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

// packOf makes a pack of a blob and deltas on it, deflated at a level (gitformat-pack).
func packOf(level int, blob []byte, deltas ...[]byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(1+len(deltas)))
	entry := func(kind byte, base, content []byte) {
		size := len(content)
		c := kind<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			out, c = append(out, c|0x80), byte(size&0x7f)
		}
		out = append(append(out, c), base...)
		var b bytes.Buffer
		z, _ := zlib.NewWriterLevel(&b, level)
		z.Write(content)
		z.Close()
		out = append(out, b.Bytes()...)
	}
	entry(3, nil, blob)
	base := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(blob), blob))
	for _, d := range deltas {
		entry(7, base[:], d)
	}
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// grown is a delta whose result is a base of size bytes, many times over, and then last.
func grown(size, times int, last string) []byte {
	d := binary.AppendUvarint(nil, uint64(size))
	d = binary.AppendUvarint(d, uint64(size*times+len(last)))
	for range times {
		d = append(d, 0xf0, byte(size), byte(size>>8), byte(size>>16)) // from the start, size bytes
	}
	return append(append(d, byte(len(last))), last...)
}

// pushRaw sends a push of a branch that is not there yet, as it is.
func (hm *home) pushRaw(coding string, pack io.Reader) (*http.Response, []byte) {
	hm.t.Helper()
	var commands bytes.Buffer
	out := protocol.NewWriter(&commands)
	out.Data([]byte(strings.Repeat("0", 40) + " " + strings.Repeat("1", 40) + " refs/heads/x\x00 report-status"))
	out.Flush()
	body := io.MultiReader(&commands, pack)
	if coding == "gzip" {
		body = bytes.NewReader(deflate(hm.t, body))
	}
	req, err := http.NewRequestWithContext(hm.t.Context(), "POST", hm.url(7)+"/git-receive-pack", body)
	if err != nil {
		hm.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	req.Header.Set("Content-Encoding", coding)
	return do(hm.t, req)
}

// wantClean checks that nothing came of a push but its end.
func (hm *home) wantClean() {
	hm.t.Helper()
	if hm.pushed.Load() != 0 {
		hm.t.Errorf("told of %d pushes", hm.pushed.Load())
	}
	if got := testenv.Git(hm.t, hm.path(7), "count-objects"); got != "0 objects, 0 kilobytes" {
		hm.t.Errorf("the repository has %s", got)
	}
	for _, pattern := range []string{"objects/tmp_*", "objects/incoming-*", "objects/pack/*"} {
		if left, _ := filepath.Glob(filepath.Join(hm.path(7), pattern)); len(left) > 0 {
			hm.t.Errorf("left %v", left)
		}
	}
}

// unpacked reports what git says of a pack it was sent.
func unpacked(t *testing.T, res *http.Response, text []byte) bool {
	t.Helper()
	if res.StatusCode != http.StatusOK || !strings.Contains(string(text), "unpack ") {
		t.Errorf("%s: %q", res.Status, text)
	}
	return strings.Contains(string(text), "unpack ok")
}

// A kilobyte that becomes 4 GiB in memory.
func TestPushThatGrowsInMemory(t *testing.T) {
	const size = 0xffffff
	for _, tt := range []struct{ times, more int }{
		{2, 0}, {2, 200}, // few objects go to unpack-objects, many to index-pack
		{256, 0}, {256, 200},
	} {
		hm := newHome(t)
		hm.create(7, object.SHA1)
		deltas := [][]byte{grown(size, tt.times, "bomb")}
		for i := range tt.more {
			deltas = append(deltas, grown(size, 0, fmt.Sprint(i)))
		}
		res, text := hm.pushRaw("identity", bytes.NewReader(packOf(zlib.BestSpeed, make([]byte, size), deltas...)))
		if got, want := unpacked(t, res, text), tt.times < 100; got != want {
			t.Errorf("%+v: %q", tt, text)
		}
		hm.wantClean()
	}
}

// A megabyte that becomes hundreds on the disk, in files each of which is allowed.
func TestPushThatGrowsOnTheDisk(t *testing.T) {
	var deltas [][]byte
	blob := noise(1 << 20)
	for i := range 90 {
		deltas = append(deltas, grown(len(blob), 8, fmt.Sprint(i)))
	}
	pack := packOf(zlib.BestSpeed, blob, deltas...)
	t.Run("more than a push may", func(t *testing.T) {
		hm := newHome(t)
		hm.create(7, object.SHA1)
		hm.o.MaxPush, hm.pause = 10<<20, time.Millisecond
		if res, text := hm.pushRaw("identity", bytes.NewReader(pack)); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %q", res.Status, text)
		}
		hm.wantClean()
	})
	t.Run("more than there is room", func(t *testing.T) {
		hm := newHome(t)
		hm.create(7, object.SHA1)
		disk.FreeBy(func(string) (int64, error) { return 100<<20 - quarantined(hm.path(7)), nil })
		defer disk.FreeBy(nil)
		hm.o.Floor, hm.pause = disk.Floor{Dir: hm.o.Dir, Least: 180 << 20}, time.Millisecond
		if res, text := hm.pushRaw("identity", bytes.NewReader(pack)); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %q", res.Status, text)
		}
		hm.wantClean()
	})
}

// A pack that shrinks to a thousandth when it is deflated again. No client of git's deflates packs; some deflate short pushes.
func TestPushThatGrowsFromGzip(t *testing.T) {
	for _, tt := range []struct {
		size int
		want bool
	}{{1 << 20, true}, {maxRequest + 8<<20, false}} {
		hm := newHome(t)
		hm.create(7, object.SHA1)
		res, text := hm.pushRaw("gzip", bytes.NewReader(packOf(zlib.NoCompression, make([]byte, tt.size))))
		if got := unpacked(t, res, text); got != tt.want {
			t.Errorf("%d bytes: %q", tt.size, text)
		}
		hm.wantClean()
	}
}

// What is left by a process that was killed goes when the repository is used again.
func TestLeftQuarantine(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	left := filepath.Join(hm.path(7), "objects", "tmp_objdir-incoming-abcdef", "pack")
	if err := os.MkdirAll(left, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "tmp_pack_abcdef"), noise(100), 0o666); err != nil {
		t.Fatal(err)
	}
	if size := quarantined(hm.path(7)); size != 100 {
		t.Errorf("%d bytes in quarantine", size)
	}
	if _, _, err := hm.Refs(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	hm.wantClean()
}
