package terminal

import (
	"os"
	"strings"
	"testing"
)

func TestStyle(t *testing.T) {
	for _, c := range []struct {
		env  string // as NAME=VALUE, with blanks between them
		want Style
	}{
		{"TERM=xterm LANG=en_GB.UTF-8", Style{Live: true, Colour: true, UTF8: true}},
		{"TERM=xterm LANG=en_GB.UTF-8 NO_COLOR=0", Style{Live: true, UTF8: true}},
		{"TERM=xterm LANG=en_GB.utf8 LC_ALL=C", Style{Live: true, Colour: true}},
		{"TERM=xterm LANG=C LC_CTYPE=C.UTF-8", Style{Live: true, Colour: true, UTF8: true}},
		{"TERM=xterm LC_CTYPE=C LANG=C.UTF-8", Style{Live: true, Colour: true}},
		{"TERM=dumb LANG=C.UTF-8", Style{UTF8: true}},
		{"", Style{}},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		if got := styleOf(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.env, got, c.want)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if got := StyleOf(w, func(string) string { return "xterm" }); got != (Style{}) {
		t.Errorf("a pipe: %+v", got)
	}
}

func TestColourIsNeverAlone(t *testing.T) {
	plain, colour := Style{}, Style{Colour: true}
	if plain.Red("no") != "no" || colour.Red("no") != "\x1b[31mno\x1b[0m" || colour.Yellow("") != "" {
		t.Error("painted otherwise")
	}
	marks := plain.Done() + plain.Failed() + plain.Running() + plain.Waiting()
	for n, mark := range marks {
		if strings.LastIndexByte(marks, byte(mark)) != n || mark > 0x7f {
			t.Errorf("marks %q are not four of ASCII", marks)
		}
	}
}

func TestCutting(t *testing.T) {
	utf8, ascii := Style{UTF8: true}, Style{}
	for _, c := range []struct{ got, want string }{
		{utf8.Clip("0123456789", 10), "0123456789"},
		{utf8.Clip("0123456789x", 10), "012345678…"},
		{ascii.Clip("0123456789x", 10), "0123456..."},
		{utf8.Clip("工具工具工具", 9), "工具工具…"},
		{utf8.Clip("\x1b[31m0123456789\x1b[0mx", 8), "\x1b[31m0123456…\x1b[0m"},
		{utf8.Clip("0123", 2), "01"},
		{utf8.Clip("0123", 0), ""},
		{utf8.Middle("https://old.example/ada/socm.git", 20), "https:…/ada/socm.git"},
		{utf8.Middle("short", 20), "short"},
		{Pad("工", 4) + "|", "工  |"},
		{Wrap("one two  three four", 9, "  "), "one two\n  three\n  four"},
		{Wrap("a-word-that-is-too-long b", 9, "  "), "a-word-that-is-too-long\n  b"},
		{utf8.Bar(10, 3, 10), "███░░░░░░░"},
		{ascii.Bar(10, 12, 10), "##########"},
		{ascii.Bar(4, 1, 0), "----"},
		{ascii.Moving(10, 0), "##--------"},
		{ascii.Moving(10, 9), "-------##-"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestFootDrawsInPlace: what moves up is what stands there, also after the terminal became narrower and wrapped it.
func TestFootDrawsInPlace(t *testing.T) {
	var out strings.Builder
	columns, rows, ours := 20, 10, true
	lines := []string{"first", "second and longer"}
	f := &Foot{
		out: &out, style: Style{Live: true, UTF8: true}, lines: func(int) []string { return lines },
		size: func() (int, int) { return columns, rows }, ours: func() bool { return ours }, end: make(chan struct{}),
	}
	wrote := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
		out.Reset()
	}
	f.Draw()
	wrote("\r\x1b[?7l\x1b[2Kfirst\n\x1b[2Ksecond and longer\n\x1b[J\x1b[?7h")
	f.Print("above")
	f.Draw()
	wrote("\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2Kabove\n\x1b[?7l\x1b[2Kfirst\n\x1b[2Ksecond and longer\n\x1b[J\x1b[?7h")
	columns = 10 // what stands there takes three rows now
	f.Draw()
	wrote("\r\x1b[A\x1b[A\x1b[A\x1b[?7l\x1b[2Kfirst\n\x1b[2Ksecond a…\n\x1b[J\x1b[?7h")
	rows = 2 // and only the last line has room
	f.Draw()
	wrote("\r\x1b[A\x1b[A\x1b[?7l\x1b[2Ksecond a…\n\x1b[J\x1b[?7h")
	ours = false // in the background
	f.Draw()
	f.Print("below the shell's words")
	f.Draw()
	wrote("below the shell's words\n")
	ours, rows = true, 10
	f.Draw()
	wrote("\r\x1b[?7l\x1b[2Kfirst\n\x1b[2Ksecond a…\n\x1b[J\x1b[?7h")
	f.forget() // it was stopped
	f.Draw()
	wrote("\r\x1b[?7l\x1b[2Kfirst\n\x1b[2Ksecond a…\n\x1b[J\x1b[?7h")
	f.Print("as it ends")
	f.Close(func(columns int) []string { return []string{"last"} })
	wrote("\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2Kas it ends\nlast\n")
	f.Draw()
	f.Close(nil)
	f.Print("after")
	wrote("after\n")
}

// TestHungTerminalHoldsNobodyUp: who prints does not wait for a terminal that takes nothing.
func TestHungTerminalHoldsNobodyUp(t *testing.T) {
	hung := hungWriter{wrote: make(chan struct{}, 1), goes: make(chan struct{})}
	f := &Foot{
		out: &hung, lines: func(int) []string { return []string{"foot"} }, ours: func() bool { return true },
		size: func() (int, int) { return 80, 24 }, more: make(chan struct{}, 1), end: make(chan struct{}),
	}
	f.ended.Go(f.keep)
	<-hung.wrote
	f.Print("one")
	f.Print("two")
	close(hung.goes)
	f.Close(nil)
	if got := hung.text.String(); !strings.Contains(got, "one\ntwo\n") {
		t.Errorf("wrote %q", got)
	}
}

// hungWriter takes nothing until it goes.
type hungWriter struct {
	wrote, goes chan struct{}
	text        strings.Builder
}

func (w *hungWriter) Write(p []byte) (int, error) {
	select {
	case w.wrote <- struct{}{}:
	default:
	}
	<-w.goes
	return w.text.Write(p)
}
