package backup

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever pieces a file comes in, it is held against the hash that it ends with.
func TestTrailer(t *testing.T) {
	for _, h := range []hash.Hash{sha1.New(), sha256.New()} {
		for _, length := range []int{0, 1, 19, 20, 21, 33, 100} {
			body := []byte(strings.Repeat("x", length))
			h.Reset()
			h.Write(body)
			whole := h.Sum(body)
			digits := hex.EncodeToString(whole[length:])
			changed := append([]byte{}, whole...)
			changed[len(changed)/2] ^= 1
			for piece := 1; piece <= len(whole); piece++ {
				for name, c := range map[string]struct {
					text []byte
					fits bool
				}{
					"raw/1/objects/pack/pack-" + digits + ".pack":                               {whole, true},
					"pushed/1/pack-" + digits + ".idx":                                          {changed, false},
					"host/1.git/objects/pack/pack-" + strings.Repeat("0", len(digits)) + ".idx": {whole, true}, // git may name it otherwise
					"bucket/imports/1/1/files/t-" + digits:                                      {whole, true},
					"bucket/imports/1/2/files/t-" + digits:                                      {changed, false},
					"bucket/imports/1/1/files/t-" + strings.Repeat("0", len(digits)):            {whole, false},
					"host/1.git/packed-refs":                                                    {changed, true},
				} {
					tr := newTrailer(name)
					for rest := c.text; len(rest) > 0; {
						n := min(piece, len(rest))
						tr.Write(rest[:n])
						rest = rest[n:]
					}
					if tr.fits(strings.TrimPrefix(filepath.Base(name), "t-")) != c.fits {
						t.Fatalf("%s of %d bytes in pieces of %d: fits is not %v", name, length, piece, c.fits)
					}
				}
			}
		}
	}
}

// What is named by its content is held against its name.
func TestMeasure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("film"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("film")))
	other := strings.Repeat("0", 64)
	for name, damaged := range map[string]bool{
		"lfs/00/00/" + other:                          true,
		"lfs/" + sum[:2] + "/" + sum[2:4] + "/" + sum: false,
		"bucket/imports/1/1/lists/s-" + sum:           false,
		"bucket/imports/1/1/lists/s-" + other:         true,
		"raw/1/objects/00/" + other[:38]:              true,
		"rows/imports.jsonl":                          false,
	} {
		e, err := measure(file, name)
		if err != nil || e.Sum != sum || e.Size != 4 || (e.Damaged != "") != damaged {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}
