package object

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// The start of the two PDFs of shattered.io, up to where they have the same SHA-1 though they differ: 192 bytes of both, then
// 128 of each.
const (
	shattered = "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033203020522f54797065203420302052" +
		"2f537562747970652035203020522f46696c7465722036203020522f436f6c6f7253706163652037203020522f4c656e6774682038203020522f4269747350657243" +
		"6f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01"
	shatteredOne = "7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530afedfb76038e972722fe7ad728f0e4904e046c2" +
		"30570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1"
	shatteredTwo = "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d2" +
		"3c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1"
)

// TestCollision has the hasher see the collision that is public. It is none behind an object's header, so the bytes go in
// without one.
func TestCollision(t *testing.T) {
	sum := func(text string, spoil byte) error {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= spoil
		h := NewHasher(SHA1)
		h.h.Reset()
		for piece := range bytes.SplitSeq(data, nil) { // byte by byte
			h.Write(piece)
		}
		_, err = h.End()
		return err
	}
	for _, half := range []string{shatteredOne, shatteredTwo} {
		if err := sum(shattered+half, 0); !errors.Is(err, ErrCollision) {
			t.Errorf("got %v, want %v", err, ErrCollision)
		}
		if err := sum(shattered+half, 1); err != nil {
			t.Errorf("another byte: %v", err)
		}
	}
}
