package object

import (
	"bytes"
	"testing"
)

func FuzzParseCommit(f *testing.F) {
	for _, s := range oddCommits() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range []Format{SHA1, SHA256} {
			c, faults := ParseCommit(format, raw)
			checkIdent(t, raw, c.Author)
			checkIdent(t, raw, c.Committer)
			if faults.Dangerous() == NoFault && (c.Message < 0 || c.Message > len(raw)) {
				t.Fatalf("message at %d of %d", c.Message, len(raw))
			}
			for id := range c.Parents() {
				if !bytes.Contains(bytes.ToLower(raw), []byte("parent "+id.String()+"\n")) && !bytes.Contains(raw, []byte("parent ")) {
					t.Fatalf("parent %v out of nowhere", id)
				}
			}
		}
	})
}

func FuzzParseTag(f *testing.F) {
	for _, s := range oddTags() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range []Format{SHA1, SHA256} {
			g, faults := ParseTag(format, raw)
			checkIdent(t, raw, g.Tagger)
			if faults.Dangerous() == NoFault && (g.Message < 0 || g.Message > len(raw) || !g.Type.Valid()) {
				t.Fatalf("message at %d of %d, type %v", g.Message, len(raw), g.Type)
			}
		}
	})
}

// checkIdent asserts that an identity lies within one line of raw and holds its name and mail.
func checkIdent(t *testing.T, raw []byte, i Ident) {
	if !i.Found() {
		return
	}
	text := raw[i.Start:i.End]
	if bytes.IndexByte(text, '\n') >= 0 || !bytes.Contains(text, i.Name) || !bytes.Contains(text, i.Mail) {
		t.Fatalf("identity %q with name %q, mail %q", text, i.Name, i.Mail)
	}
	if i.Mail != nil && !bytes.HasSuffix(text, append(append([]byte{'<'}, i.Mail...), '>')) {
		t.Fatalf("identity %q does not end in its mail %q", text, i.Mail)
	}
}

func FuzzTree(f *testing.F) {
	for _, n := range oddNames() {
		f.Add([]byte(entry("100644", n) + entry("40000", "zoo") + entry("120000", n)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []Format{SHA1, SHA256} {
			size := 0
			var broken bool
			for e, err := range Entries(format, data) {
				if broken = err != nil; broken {
					break
				}
				if len(e.Name) == 0 || len(e.ID) != format.Size() || bytes.IndexByte(e.Name, 0) >= 0 {
					t.Fatalf("entry %q %x", e.Name, e.ID)
				}
				size += bytes.IndexByte(data[size:], ' ') + 1 + len(e.Name) + 1 + len(e.ID)
			}
			if !broken && size != len(data) {
				t.Fatalf("entries hold %d of %d bytes", size, len(data))
			}
			if got, _ := TreeFaults(format, data); got.Has(BadTree) != broken {
				t.Fatalf("faults %v, broken %v", names(got), broken)
			}
		}
	})
}
