package rehome_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"rehome"
)

func TestCodeOf(t *testing.T) {
	moved := &rehome.Error{Code: rehome.DestinationMoved, Message: "moved"}
	for _, c := range []struct {
		name string
		err  error
		want rehome.Code
	}{
		{"ours", moved, rehome.DestinationMoved},
		{"ours, wrapped", fmt.Errorf("push: %w", moved), rehome.DestinationMoved},
		{"ours, joined", errors.Join(errors.New("x"), moved), rehome.DestinationMoved},
		{"a stranger", errors.New("/secret/path"), rehome.Internal},
		{"no space", fmt.Errorf("write: %w", syscall.ENOSPC), rehome.DiskFull},
		{"no quota", fmt.Errorf("write: %w", syscall.EDQUOT), rehome.DiskFull},
		{"internal, for want of space", &rehome.Error{Code: rehome.Internal, Err: syscall.ENOSPC}, rehome.DiskFull},
		{"no space under a cause", &rehome.Error{Code: rehome.SourceCutOff, Err: syscall.ENOSPC}, rehome.SourceCutOff},
	} {
		e := rehome.AsError(c.err)
		if got := rehome.CodeOf(c.err); got != c.want || e.Code != c.want {
			t.Errorf("%s: CodeOf %s, AsError %s, want %s", c.name, got, e.Code, c.want)
		}
		if !errors.Is(e, errors.Unwrap(c.err)) && c.want == rehome.Internal && !errors.Is(e, c.err) {
			t.Errorf("%s: what was underneath is lost", c.name)
		}
		if strings.Contains(e.Message+e.Hint, "secret") {
			t.Errorf("%s: the message shows the inside: %s", c.name, e.Message)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"plain", 10, "plain"},
		{"  two\r\n\tlines \x1b[31m\x00", 40, "two lines [31m"},
		{"a\u0085b\u2028c\u2029d", 40, "a b c d"},
		{"\u202egnp.exe\u2066\u200f", 40, "gnp.exe"},
		{"a\xffb", 40, "a\uFFFDb"},
		{"12345", 5, "12345"},
		{"123456", 5, "12345…"},
		{"1234é6", 5, "1234…"},
	} {
		got := rehome.Clean(c.in, c.max)
		if got != c.want || !utf8.ValidString(got) {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := rehome.Secret("canary")
	inside := struct {
		P rehome.Secret
		L []rehome.Secret
	}{s, []rehome.Secret{s}}
	text, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "% x"} {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, inside)
	}
	for _, leak := range []string{"canary", "63616e617279", "63616E617279", "63 61 6e"} {
		if strings.Contains(all, leak) {
			t.Errorf("%q is printed: %s", leak, all)
		}
	}
}

func TestParseVCS(t *testing.T) {
	for name, want := range map[string]rehome.VCS{
		"git": rehome.Git, "hg": rehome.Mercurial, "mercurial": rehome.Mercurial,
		"svn": rehome.Subversion, "subversion": rehome.Subversion, "tfvc": rehome.TFVC, "cvs": "", "": "", "GIT": "",
	} {
		if got, ok := rehome.ParseVCS(name); got != want || ok != (want != "") {
			t.Errorf("ParseVCS(%q) = %q, %v", name, got, ok)
		}
	}
}
