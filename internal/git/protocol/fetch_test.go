package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"rehome/internal/git/object"
)

func TestFetchEncode(t *testing.T) {
	for _, c := range []struct {
		name  string
		fetch Fetch
		want  string
	}{
		{
			"version 0",
			Fetch{Agent: "git/x", Capabilities: Capabilities{"side-band-64k", "side-band", "ofs-delta", "agent=a", "thin-pack", "include-tag", "no-progress"}, Wants: []object.ID{id(hexA), id(hexB)}},
			lines("want "+hexA+" side-band-64k ofs-delta agent=git/x", "want "+hexB) + "0009done\n",
		},
		{
			"version 1, old server",
			Fetch{Version: 1, Agent: "git/x", Capabilities: Capabilities{"side-band"}, Wants: []object.ID{id(hexA)}},
			lines("want "+hexA+" side-band") + "0009done\n",
		},
		{
			"version 0, SHA-256",
			Fetch{Format: object.SHA256, Wants: []object.ID{id(hexC)}},
			lines("want "+hexC+" object-format=sha256") + "0009done\n",
		},
		{
			"version 2",
			Fetch{Version: 2, Agent: "git/x", Wants: []object.ID{id(hexA)}},
			strings.TrimSuffix(lines("command=fetch", "agent=git/x"), "0000") + "0001" + lines("ofs-delta", "want "+hexA, "done"),
		},
		{
			"version 0, some are here",
			Fetch{Agent: "git/x", Wants: []object.ID{id(hexA)}, Haves: []object.ID{id(hexB), id(hexA)}},
			lines("want "+hexA) + strings.TrimSuffix(lines("have "+hexB, "have "+hexA), "0000") + "0009done\n",
		},
		{
			"version 2, some are here",
			Fetch{Version: 2, Agent: "git/x", Wants: []object.ID{id(hexA)}, Haves: []object.ID{id(hexB)}},
			strings.TrimSuffix(lines("command=fetch", "agent=git/x"), "0000") + "0001" + lines("ofs-delta", "want "+hexA, "have "+hexB, "done"),
		},
		{
			"version 2, a filter",
			Fetch{Version: 2, Agent: "git/x", Wants: []object.ID{id(hexA)}, Filter: "tree:0", Capabilities: Capabilities{"fetch=shallow filter"}},
			strings.TrimSuffix(lines("command=fetch", "agent=git/x"), "0000") + "0001" + lines("ofs-delta", "want "+hexA, "filter tree:0", "done"),
		},
		{
			"version 2, a server without filters",
			Fetch{Version: 2, Agent: "git/x", Wants: []object.ID{id(hexA)}, Filter: "tree:0", Capabilities: Capabilities{"fetch=shallow"}},
			strings.TrimSuffix(lines("command=fetch", "agent=git/x"), "0000") + "0001" + lines("ofs-delta", "want "+hexA, "done"),
		},
	} {
		var b bytes.Buffer
		if err := c.fetch.Encode(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, b.String(), c.want)
		}
	}
}

func TestFetchPack(t *testing.T) {
	v0 := Fetch{Capabilities: Capabilities{"side-band-64k"}}
	have := Fetch{Capabilities: Capabilities{"side-band-64k"}, Haves: []object.ID{id(hexA), id(hexB)}}
	v2 := Fetch{Version: 2}
	nak := "0008NAK\n"
	section := func(name string) string { return strings.TrimSuffix(lines(name), "0000") }
	for _, c := range []struct {
		name  string
		fetch Fetch
		in    string
		want  string
		err   error
	}{
		{"version 0", v0, nak + bands("\x01PACK"), "PACK", nil},
		{"version 0, no sideband", Fetch{}, nak + "PACKxyz", "PACKxyz", nil},
		{"version 0, shallow", v0, lines("shallow " + hexA), "", ErrShallow},
		{"version 0, unasked", v0, lines("ACK " + hexA), "", ErrMalformed},
		{"version 0, none is there", have, nak + bands("\x01PACK"), "PACK", nil},
		{"version 0, one is there", have, section("ACK "+hexA) + bands("\x01PACK"), "PACK", nil},
		{"version 0, ancestors are there", have, section("ACK "+hexA) + section("ACK "+hexB) + bands("\x02x", "\x01PACK"), "PACK", nil},
		{"version 0, one is there, no sideband", Fetch{Haves: have.Haves}, section("ACK "+hexA) + section("ACK "+hexB) + "PACKxyz", "PACKxyz", nil},
		{"version 0, cut after one", have, section("ACK " + hexA), "", io.ErrUnexpectedEOF},
		{"version 0, flush", v0, "0000", "", ErrMalformed},
		{"version 0, cut", v0, "0008N", "", io.ErrUnexpectedEOF},
		{"version 2", v2, section("packfile") + bands("\x02x", "\x01PACK"), "PACK", nil},
		{"version 2, shallow", v2, section("shallow-info") + section("shallow "+hexA) + "0001" + section("packfile"), "", ErrShallow},
		{"version 2, packfile-uris", v2, section("packfile-uris") + section(hexA+" https://evil.example/p.pack") + "0001" + section("packfile") + bands("\x01PACK"), "", ErrMalformed},
		{"version 2, wanted-refs", v2, section("wanted-refs"), "", ErrMalformed},
		{"version 2, acknowledgments", v2, section("acknowledgments"), "", ErrMalformed},
		{"version 2, uris inside the pack", v2, section("packfile") + "0001" + section("packfile-uris"), "", ErrMalformed},
		{"version 2, nothing", v2, "", "", io.ErrUnexpectedEOF},
	} {
		got := []byte(nil)
		r, err := c.fetch.Pack(NewReader(strings.NewReader(c.in)), nil)
		if err == nil {
			got, err = io.ReadAll(r)
		}
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestFetchOffersSoMany(t *testing.T) {
	var all []object.ID
	for n := range 5000 {
		all = append(all, id(fmt.Sprintf("%040x", n+1)))
	}
	for version, want := range []int{512, 512, 4096} {
		var b bytes.Buffer
		if err := (Fetch{Version: version, Wants: all, Haves: all}).Encode(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "have "); got != want {
			t.Errorf("version %d: offers %d, want %d", version, got, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	c := ParseCapabilities([]byte("multi_ack symref=HEAD:refs/heads/a  fetch-all agent=git/2.39"))
	if !c.Has("multi_ack") || !c.Has("agent") || c.Has("multi") || c.Has("fetch") || c.Value("agent") != "git/2.39" || c.Value("none") != "" {
		t.Errorf("%q", c)
	}
	if string(c.Encode()) != "multi_ack symref=HEAD:refs/heads/a fetch-all agent=git/2.39" {
		t.Errorf("%q", c.Encode())
	}
	v2 := Capabilities{"ls-refs=unborn x", "fetch"}
	if !v2.Feature("ls-refs", "unborn") || v2.Feature("fetch", "unborn") || v2.Feature("ls-refs", "un") {
		t.Errorf("%q", v2)
	}
}

func TestLsRefsEncode(t *testing.T) {
	var b bytes.Buffer
	LsRefs{Agent: "git/x", Format: object.SHA256, Unborn: true, Prefixes: []string{"HEAD", "refs/"}}.Encode(&b)
	want := strings.TrimSuffix(lines("command=ls-refs", "agent=git/x", "object-format=sha256"), "0000") + "0001" + lines("peel", "symrefs", "unborn", "ref-prefix HEAD", "ref-prefix refs/")
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

func TestAcknowledgedWithoutEnd(t *testing.T) {
	ack := lines("ACK " + hexA)
	f := Fetch{Haves: []object.ID{id(hexA)}, Wants: []object.ID{id(hexB)}}
	if _, err := f.Pack(NewReader(&endless{words: ack[:len(ack)-4]}), nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("%v", err)
	}
}

func FuzzFetchPack(f *testing.F) {
	for _, s := range []string{
		lines("NAK"), lines("ACK "+hexA, "ACK "+hexB) + "PACK", lines("shallow " + hexA), lines("packfile") + "000aPACK1", lines("shallow-info"), "0008NAK\n" + bands("\x02x", "\x01PACK"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for version, words := range map[int]Capabilities{0: {}, 1: {"side-band-64k"}, 2: {"fetch"}} {
			fetch := Fetch{Version: version, Capabilities: words, Wants: []object.ID{id(hexA)}, Haves: []object.ID{id(hexB)}}
			pack, err := fetch.Pack(NewReader(bytes.NewReader(in)), nil)
			if err != nil {
				continue
			}
			if n, _ := io.Copy(io.Discard, pack); n > int64(len(in)) { //nolint:errcheck // it is about how much there is
				t.Errorf("version %d: %d bytes out of %d", version, n, len(in))
			}
		}
	})
}

func FuzzReadService(f *testing.F) {
	f.Add([]byte(lines("# service=git-upload-pack") + "0000"))
	f.Add([]byte("000eversion 2\n0000"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, s := range []Service{UploadPack, ReceivePack} {
			if err := ReadService(NewReader(bytes.NewReader(in)), s); err == nil && len(in) < 8 {
				t.Errorf("%q is said to be %s", in, s)
			}
		}
	})
}
