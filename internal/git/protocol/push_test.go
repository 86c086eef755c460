package protocol

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
)

var zeros = strings.Repeat("0", 40)

func TestPushEncode(t *testing.T) {
	all := Capabilities{"report-status", "report-status-v2", "delete-refs", "side-band-64k", "quiet", "atomic", "ofs-delta", "push-options", "object-format=sha1", "agent=git/2.39"}
	two := []Command{{"refs/heads/a", object.ID{}, id(hexA)}, {"refs/heads/b", id(hexA), object.ID{}}}
	for _, c := range []struct {
		name string
		push Push
		want string
	}{
		{
			"everything",
			Push{Agent: "git/x", Capabilities: all, Commands: two, Options: []string{"ci.skip", "x=y"}, Atomic: true},
			lines(zeros+" "+hexA+" refs/heads/a\x00report-status-v2 side-band-64k ofs-delta atomic push-options object-format=sha1 agent=git/x", hexA+" "+zeros+" refs/heads/b") + lines("ci.skip", "x=y"),
		},
		{
			"nothing asked",
			Push{Agent: "git/x", Capabilities: all[:1], Commands: two[:1]},
			lines(zeros + " " + hexA + " refs/heads/a\x00report-status"),
		},
		{
			"nothing offered",
			Push{Agent: "git/x", Commands: two[:1], Options: []string{"ci.skip"}, Atomic: true},
			lines(zeros + " " + hexA + " refs/heads/a\x00"),
		},
		{
			"sha256",
			Push{Format: object.SHA256, Capabilities: Capabilities{"object-format=sha256"}, Commands: []Command{{Name: "refs/heads/a"}}},
			lines(strings.Repeat("0", 64) + " " + strings.Repeat("0", 64) + " refs/heads/a\x00object-format=sha256"),
		},
	} {
		var b bytes.Buffer
		if err := c.push.Encode(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, b.String(), c.want)
		}
	}
}

func TestPushEncodeRefuses(t *testing.T) {
	for _, name := range []string{"", "refs/heads/a b", "refs/heads/a\n", "refs/heads/a\x00report-status"} {
		if err := (Push{Commands: []Command{{Name: name}}}).Encode(io.Discard); err == nil {
			t.Errorf("%q went out", name)
		}
	}
	p := Push{Capabilities: Capabilities{"push-options"}, Commands: []Command{{Name: "refs/heads/a"}}, Options: []string{"a\nb"}}
	if err := p.Encode(io.Discard); err == nil {
		t.Error("a push option of two lines went out")
	}
}

func TestNeedsPack(t *testing.T) {
	gone := Command{Name: "refs/heads/a", Old: id(hexA)}
	if (Push{Commands: []Command{gone}}).NeedsPack() {
		t.Error("a pack for a delete")
	}
	if !(Push{Commands: []Command{gone, {Name: "refs/heads/b", New: id(hexA)}}}).NeedsPack() {
		t.Error("no pack for a new ref")
	}
}

var reported = []Command{{"refs/heads/a", object.ID{}, id(hexA)}, {"refs/heads/b", id(hexA), id(hexB)}}

func TestReadReport(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want Report
		ok   bool
	}{
		{"ok", lines("unpack ok", "ok refs/heads/b", "ok refs/heads/a"), Report{Refs: []RefReport{{Name: "refs/heads/a"}, {Name: "refs/heads/b"}}}, true},
		{
			"one refused", lines("unpack ok", "ok refs/heads/a", "ng refs/heads/b protected branch hook declined"),
			Report{Refs: []RefReport{{Name: "refs/heads/a"}, {Name: "refs/heads/b", Reason: "protected branch hook declined"}}},
			false,
		},
		{
			"no unpacking", lines("unpack index-pack abnormal exit", "ng refs/heads/a unpacker error", "ng refs/heads/b"),
			Report{Unpack: "index-pack abnormal exit", Refs: []RefReport{{Name: "refs/heads/a", Reason: "unpacker error"}, {Name: "refs/heads/b", Reason: NoReason}}},
			false,
		},
		{
			"one left out, one unknown", lines("unpack ok", "ok refs/heads/c", "option old-oid nonsense", "ok refs/heads/a"),
			Report{Refs: []RefReport{{Name: "refs/heads/a"}, {Name: "refs/heads/b", Reason: NoStatus}}},
			false,
		},
		{
			"options", lines("unpack ok", "ok refs/heads/a", "option refname refs/pull/1/head", "option new-oid "+hexB, "option shiny", "ok refs/heads/a", "ok refs/heads/b", "option old-oid "+hexA, "option forced-update"),
			Report{Refs: []RefReport{{Name: "refs/heads/a", RefName: "refs/pull/1/head", New: id(hexB)}, {Name: "refs/heads/a"}, {Name: "refs/heads/b", Old: id(hexA), Forced: true}}},
			true,
		},
	} {
		plain := Push{Capabilities: Capabilities{"report-status-v2"}, Commands: reported}
		got, err := plain.ReadReport(NewReader(strings.NewReader(c.in)), nil)
		if diff := cmp.Diff(got, c.want, sameID); err != nil || diff != "" || got.OK() != c.ok {
			t.Errorf("%s: %v, %v\n%s", c.name, err, got.OK(), diff)
		}
		banded := Push{Capabilities: Capabilities{"report-status", "side-band-64k"}, Commands: reported}
		said := ""
		in := bands("\x02Resolving\n", "\x01"+c.in[:7], "\x01"+c.in[7:], "\x02visit us\n")
		got, err = banded.ReadReport(NewReader(strings.NewReader(in)), func(b []byte) { said += string(b) })
		if diff := cmp.Diff(got, c.want, sameID); err != nil || diff != "" || said != "Resolving\nvisit us\n" {
			t.Errorf("%s in bands: %v, %q\n%s", c.name, err, said, diff)
		}
	}
}

func TestReadReportFaults(t *testing.T) {
	plain := Push{Capabilities: Capabilities{"report-status"}, Commands: reported}
	banded := Push{Capabilities: Capabilities{"report-status", "side-band-64k"}, Commands: reported}
	var said *RemoteError
	var limit *LimitError
	for _, c := range []struct {
		name string
		push Push
		in   string
		is   error
		as   any
	}{
		{"nothing", plain, "", io.ErrUnexpectedEOF, nil},
		{"flush only", plain, "0000", ErrMalformed, nil},
		{"no unpack line", plain, lines("ok refs/heads/a"), ErrMalformed, nil},
		{"cut", plain, strings.TrimSuffix(lines("unpack ok", "ok refs/heads/a"), "0000"), io.ErrUnexpectedEOF, nil},
		{"another line", plain, lines("unpack ok", "maybe refs/heads/a"), ErrMalformed, nil},
		{"bad id", plain, lines("unpack ok", "ok refs/heads/a", "option new-oid xyz"), ErrMalformed, nil},
		{"delimiter", plain, strings.TrimSuffix(lines("unpack ok"), "0000") + "0001", ErrMalformed, nil},
		{"too many lines", plain, strings.TrimSuffix(lines("unpack ok"), "0000") + strings.Repeat("0006ok", 301), nil, &limit},
		{"too much", plain, lines(append([]string{"unpack ok"}, slices.Repeat([]string{"ng refs/heads/a " + strings.Repeat("x", MaxData-100)}, 290)...)...), nil, &limit},
		{"ERR", plain, lines("ERR no space"), nil, &said},
		{"error band", banded, bands("\x02x", "\x03fatal: out of memory"), nil, &said},
		{"cut in a band", banded, strings.TrimSuffix(bands("\x01"+lines("unpack ok")[:10]), "0000"), io.ErrUnexpectedEOF, nil},
		{"bands without report", banded, bands("\x02x"), io.ErrUnexpectedEOF, nil},
		{"HTML", banded, "<html>", ErrMalformed, nil},
	} {
		_, err := c.push.ReadReport(NewReader(strings.NewReader(c.in)), nil)
		if c.is != nil && !errors.Is(err, c.is) || c.as != nil && !errors.As(err, c.as) || err == nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestReadReportOfSilentServer(t *testing.T) {
	for _, push := range []Push{{}, {Capabilities: Capabilities{"side-band-64k"}}} {
		if _, err := push.ReadReport(NewReader(strings.NewReader("0000")), nil); !errors.Is(err, ErrNoReport) {
			t.Errorf("%v: %v", push.Capabilities, err)
		}
	}
}

// endless is a server that never comes to an end.
type endless struct {
	words string
	at    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		took := copy(p[n:], e.words[e.at:])
		n, e.at = n+took, (e.at+took)%len(e.words)
	}
	return n, nil
}

func TestReportWithoutEnd(t *testing.T) {
	var limit *LimitError
	for _, c := range []struct {
		capabilities, in, again string
		is                      error // nil: a limit
	}{
		{"side-band-64k", "", "0006\x01x", ErrNoReport},
		{"side-band-64k", "", "0005\x01", ErrMalformed},
		{"side-band-64k report-status", "", "0005\x01", ErrMalformed},
		{"side-band-64k report-status", "", "0006\x02x", ErrMalformed},
		{"report-status", "000eunpack ok\n", "0017ng refs/heads/a no\n", nil},
	} {
		push := Push{Capabilities: ParseCapabilities([]byte(c.capabilities)), Commands: reported}
		_, err := push.ReadReport(NewReader(io.MultiReader(strings.NewReader(c.in), &endless{words: c.again})), nil)
		if c.is != nil && !errors.Is(err, c.is) || c.is == nil && !errors.As(err, &limit) {
			t.Errorf("%s, %q: %v", c.capabilities, c.again, err)
		}
	}
}

// What breaks after the report is no matter.
func TestReportIsEnough(t *testing.T) {
	push := Push{Capabilities: Capabilities{"report-status", "side-band-64k"}, Commands: reported[:1]}
	in := strings.TrimSuffix(bands("\x01"+lines("unpack ok", "ok refs/heads/a")), "0000") + "00"
	if got, err := push.ReadReport(NewReader(strings.NewReader(in)), nil); err != nil || !got.OK() {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(lines("unpack ok", "ok refs/heads/a", "option refname refs/x", "ng refs/heads/b no")), false)
	f.Add([]byte(bands("\x02x", "\x01"+lines("unpack no", "ng refs/heads/a no"))), true)
	f.Fuzz(func(t *testing.T, in []byte, banded bool) {
		p := Push{Capabilities: Capabilities{"report-status-v2"}, Commands: reported}
		if banded {
			p.Capabilities = append(p.Capabilities, "side-band-64k")
		}
		got, err := p.ReadReport(NewReader(bytes.NewReader(in)), nil)
		if err != nil {
			return
		}
		if len(got.Refs) < len(reported) {
			t.Fatalf("%d reports", len(got.Refs))
		}
		var b bytes.Buffer
		if err := WriteReport(&b, got); err != nil {
			return // too long for a line once its reason is filled in
		}
		again, err := Push{Capabilities: Capabilities{"report-status"}, Commands: reported}.ReadReport(NewReader(&b), nil)
		if err != nil || again.OK() != got.OK() || len(again.Refs) != len(got.Refs) {
			t.Errorf("%+v became %+v, %v", got, again, err)
		}
	})
}
