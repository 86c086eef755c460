package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
)

const (
	hexA = "1111111111111111111111111111111111111111"
	hexB = "2222222222222222222222222222222222222222"
	hexC = "3333333333333333333333333333333333333333333333333333333333333333"
)

var wide = Limits{Refs: 100, Bytes: 1 << 20}

func id(s string) object.ID {
	id, err := object.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// lines writes each line as a pkt-line and a flush packet.
func lines(all ...string) string {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, l := range all {
		w.Line("%s", l)
	}
	w.Flush()
	return b.String()
}

var sameID = cmp.Comparer(func(a, b object.ID) bool { return a == b })

func TestReadAdvertisement(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want Advertisement
	}{
		{"version 0", lines(hexA+" HEAD\x00ofs-delta symref=HEAD:refs/heads/main agent=git/2", hexA+" refs/heads/main", hexB+" refs/tags/v1", hexA+" refs/tags/v1^{}"), Advertisement{
			Capabilities: Capabilities{"ofs-delta", "symref=HEAD:refs/heads/main", "agent=git/2"},
			Refs: []Ref{
				{Name: "HEAD", ID: id(hexA), Target: "refs/heads/main"},
				{Name: "refs/heads/main", ID: id(hexA)},
				{Name: "refs/tags/v1", ID: id(hexB), Peeled: id(hexA)},
			},
		}},
		{"the same symref twice", lines(hexA + " HEAD\x00symref=HEAD:refs/heads/x symref=HEAD:refs/heads/x"), Advertisement{
			Capabilities: Capabilities{"symref=HEAD:refs/heads/x", "symref=HEAD:refs/heads/x"},
			Refs:         []Ref{{Name: "HEAD", ID: id(hexA), Target: "refs/heads/x"}},
		}},
		{"version 1, SHA-256", lines("version 1", hexC+" refs/heads/a\x00object-format=sha256"), Advertisement{
			Version: 1, Format: object.SHA256, Capabilities: Capabilities{"object-format=sha256"},
			Refs: []Ref{{Name: "refs/heads/a", ID: id(hexC)}},
		}},
		{"empty", lines(strings.Repeat("0", 40) + " capabilities^{}\x00symref=HEAD:refs/heads/t"), Advertisement{
			Capabilities: Capabilities{"symref=HEAD:refs/heads/t"},
			Refs:         []Ref{{Name: "HEAD", Target: "refs/heads/t"}},
		}},
		{"nothing at all", "0000", Advertisement{}},
		{"shallow", lines(hexA+" refs/heads/a\x00x", "shallow "+hexB), Advertisement{
			Capabilities: Capabilities{"x"}, Shallow: true, Refs: []Ref{{Name: "refs/heads/a", ID: id(hexA)}},
		}},
		{"version 2", lines("version 2", "agent=git/2", "ls-refs=unborn", "fetch=shallow filter", "object-format=sha256"), Advertisement{
			Version: 2, Format: object.SHA256,
			Capabilities: Capabilities{"agent=git/2", "ls-refs=unborn", "fetch=shallow filter", "object-format=sha256"},
		}},
	} {
		got, err := ReadAdvertisement(NewReader(strings.NewReader(c.in)), wide)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(got, c.want, sameID); diff != "" {
			t.Errorf("%s (-got +want):\n%s", c.name, diff)
		}
	}
}

func TestReadAdvertisementFaults(t *testing.T) {
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"nothing", "", io.ErrUnexpectedEOF},
		{"no flush", strings.TrimSuffix(lines(hexA+" refs/heads/a\x00x"), "0000"), io.ErrUnexpectedEOF},
		{"HTML", "<html>", ErrMalformed},
		{"delimiter", "0001", ErrMalformed},
		{"short id", lines("1234 refs/heads/a\x00x"), ErrMalformed},
		{"no name", lines(hexA + "\x00x"), ErrMalformed},
		{"empty name", lines(hexA + " \x00x"), ErrMalformed},
		{"name with a space", lines(hexA + " refs/heads/a b\x00x"), ErrMalformed},
		{"NUL in a later line", lines(hexA+" a\x00x", hexA+" b\x00c"), ErrMalformed},
		{"other format", lines(hexC + " refs/heads/a\x00x"), ErrMalformed},
		{"two formats", lines(hexA+" refs/heads/a\x00x", hexC+" refs/heads/b"), ErrMalformed},
		{"unknown format", lines(hexA + " refs/heads/a\x00object-format=md5"), ErrMalformed},
		{"peeled without its tag", lines(hexA+" refs/heads/a\x00x", hexA+" refs/tags/t^{}"), ErrMalformed},
		{"bad shallow line", lines(hexA+" refs/heads/a\x00x", "shallow x"), ErrMalformed},
	} {
		if _, err := ReadAdvertisement(NewReader(strings.NewReader(c.in)), wide); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
	var limit *LimitError
	in := lines(hexA+" refs/heads/a\x00x", hexA+" refs/heads/b", hexA+" refs/heads/c")
	for _, l := range []Limits{{Refs: 2, Bytes: 1 << 20}, {Refs: 100, Bytes: 120}} {
		if _, err := ReadAdvertisement(NewReader(strings.NewReader(in)), l); !errors.As(err, &limit) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestReadService(t *testing.T) {
	for _, c := range []struct {
		in string
		ok bool
	}{
		{"001e# service=git-upload-pack\n0000" + lines("version 2"), true},
		{lines("version 2"), true},
		{lines("version 1"), false},
		{lines(hexA + " HEAD\x00ofs-delta"), false},
		{"000eversi", false},
		{"001f# service=git-receive-pack\n0000", false},
		{"001e# service=git-upload-pack\n0001", false},
		{"001e# service=git-upload-pack\n0009more\n", false},
		{"001e# serv", false},
		{"", false},
	} {
		r := NewReader(strings.NewReader(c.in))
		err := ReadService(r, UploadPack)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.in, err)
		}
		if c.ok {
			if ad, err := ReadAdvertisement(r, wide); err != nil || ad.Version != 2 {
				t.Errorf("%q: %+v, %v", c.in, ad, err)
			}
		}
	}
}

func TestReadServiceOfReceivePack(t *testing.T) {
	head := "001f# service=git-receive-pack\n0000"
	r := NewReader(strings.NewReader(head + lines(hexA+" refs/heads/a\x00report-status", hexB+" .have", hexB+" .have")))
	if err := ReadService(r, ReceivePack); err != nil {
		t.Fatal(err)
	}
	ad, err := ReadAdvertisement(r, wide)
	if err != nil || ad.Version != 0 || len(ad.Refs) != 3 || ad.Refs[1].Name != ".have" {
		t.Errorf("%+v, %v", ad, err)
	}
	for _, in := range []string{"001e# service=git-upload-pack\n0000", lines("version 2")} {
		if err := ReadService(NewReader(strings.NewReader(in)), ReceivePack); err == nil {
			t.Errorf("%q passed", in)
		}
	}
}

func TestCapabilitiesAreBounded(t *testing.T) {
	many := make([]string, maxCapabilities)
	for i := range many {
		many[i] = "x"
	}
	var limit *LimitError
	for n, want := range map[int]bool{maxCapabilities - 1: true, maxCapabilities: false} {
		_, err := ReadAdvertisement(NewReader(strings.NewReader(lines(append([]string{"version 2"}, many[:n]...)...))), wide)
		if (err == nil) != want || err != nil && !errors.As(err, &limit) {
			t.Errorf("%d lines: %v", n, err)
		}
	}
}

// Foreign bytes in an error are few, whatever was sent.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("\x01", 60000)
	for _, in := range []string{lines(long), lines("version 2") + lines(long), lines("ERR " + long)} {
		_, err := ReadAdvertisement(NewReader(strings.NewReader(in)), wide)
		if err == nil {
			_, err = ReadLsRefs(NewReader(strings.NewReader(in[len(lines("version 2")):])), object.SHA1, wide)
		}
		if err == nil || len(err.Error()) > 2000 {
			t.Errorf("%d bytes", len(err.Error()))
		}
	}
}

func TestReadLsRefs(t *testing.T) {
	in := lines(hexA+" HEAD symref-target:refs/heads/main", hexA+" refs/heads/main", hexB+" refs/tags/v1 peeled:"+hexA+" new-attribute:x")
	want := []Ref{
		{Name: "HEAD", ID: id(hexA), Target: "refs/heads/main"},
		{Name: "refs/heads/main", ID: id(hexA)},
		{Name: "refs/tags/v1", ID: id(hexB), Peeled: id(hexA)},
	}
	got, err := ReadLsRefs(NewReader(strings.NewReader(in)), object.SHA1, wide)
	if diff := cmp.Diff(got, want, sameID); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	got, err = ReadLsRefs(NewReader(strings.NewReader(lines("unborn HEAD symref-target:refs/heads/t"))), object.SHA256, wide)
	if err != nil || len(got) != 1 || got[0].Target != "refs/heads/t" || !got[0].ID.IsZero() || got[0].ID.Format() != object.SHA256 {
		t.Errorf("unborn: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "x", lines("x"), lines(hexC + " refs/heads/a"), lines(hexA + " "), lines(hexA + " t peeled:1"), lines("ERR no"), "0001"} {
		if _, err := ReadLsRefs(NewReader(strings.NewReader(bad)), object.SHA1, wide); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func FuzzAdvertisement(f *testing.F) {
	for _, s := range []string{
		lines(hexA+" HEAD\x00symref=HEAD:refs/heads/x object-format=sha1", hexB+" refs/tags/a", hexA+" refs/tags/a^{}"),
		lines("version 1", hexC+" refs/heads/a\x00object-format=sha256", "shallow "+hexC),
		lines("version 2", "fetch"), lines(strings.Repeat("0", 40) + " capabilities^{}\x00x"), "0000",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		ad, err := ReadAdvertisement(NewReader(bytes.NewReader(in)), wide)
		if err != nil || ad.Version == 2 || ad.Shallow || len(ad.Refs) == 0 || ad.Refs[len(ad.Refs)-1].ID.IsZero() {
			return
		}
		var out bytes.Buffer
		if err := WriteAdvertisement(&out, ad); err != nil {
			return // the capabilities, joined anew, may not fit
		}
		again, err := ReadAdvertisement(NewReader(&out), Limits{Refs: 100, Bytes: 2 << 20})
		if diff := cmp.Diff(again, ad, sameID); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func FuzzLsRefs(f *testing.F) {
	f.Add([]byte(lines(hexA+" HEAD symref-target:refs/heads/x", hexB+" refs/tags/a peeled:"+hexA, "unborn HEAD symref-target:x")))
	f.Fuzz(func(t *testing.T, in []byte) {
		refs, err := ReadLsRefs(NewReader(bytes.NewReader(in)), object.SHA1, wide)
		if err == nil && len(refs) > wide.Refs {
			t.Errorf("%d refs", len(refs))
		}
	})
}
