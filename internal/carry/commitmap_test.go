package carry_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/carry"
	"rehome/internal/git/object"
)

func id(digit string, n int) string { return strings.Repeat(digit, n) }

func TestReadMap(t *testing.T) {
	for name, text := range map[string]string{
		"sorted":     fmt.Sprintf("%-40s new\n%s %s\n%s %s\n", "old", id("1", 40), id("a", 40), id("2", 40), id("0", 40)),
		"not sorted": fmt.Sprintf("%-40s new\n%s %s\n%s %s\n", "old", id("2", 40), id("0", 40), id("1", 40), id("a", 40)),
		"Windows":    fmt.Sprintf("%-40s new\r\n%s %s\r\n%s %s", "old", id("1", 40), id("a", 40), id("2", 40), id("0", 40)),
		"SHA-256":    fmt.Sprintf("%-64s new\n%s %s\n%s %s\n", "old", id("1", 64), id("a", 64), id("2", 64), id("0", 64)),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := carry.ReadMap(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			n := 40
			if name == "SHA-256" {
				n = 64
			}
			for old, want := range map[string]string{"1": "a", "2": "0", "3": "", "a": ""} {
				key, err := object.ParseID(id(old, n))
				if err != nil {
					t.Fatal(err)
				}
				to, ok := m.New(key)
				if ok != (want != "") || ok && to.String() != id(want, n) {
					t.Errorf("%s became %s, %v", old, to, ok)
				}
			}
			other, _ := object.ParseID(id("1", 104-n))
			if _, ok := m.New(other); ok || m.Len() != 2 {
				t.Errorf("%d commits; one of the other format is there: %v", m.Len(), ok)
			}
		})
	}
}

func TestReadMapNamesBadLines(t *testing.T) {
	const head = "old                                      new\n"
	good := id("1", 40) + " " + id("a", 40) + "\n"
	tests := []struct {
		name, text string
		want       []int
	}{
		{"empty", "", []int{1}},
		{"no header", good, []int{1}},
		{"a page", "<!doctype html>\n<p>old new", []int{1}},
		{"only a header", head, nil},
		{"words", head + good + "what is this\n\n" + id("2", 40) + "\n", []int{3, 4, 5}},
		{"short id", head + id("1", 39) + " " + id("a", 40) + "\n" + good, []int{2}},
		{"three ids", head + strings.TrimSpace(good) + " " + id("b", 40) + "\n", []int{2}},
		{"zeros become something", head + id("0", 40) + " " + id("a", 40) + "\n", []int{2}},
		{"two formats in a line", head + id("1", 40) + " " + id("a", 64) + "\n", []int{2}},
		{"two formats", head + good + id("2", 64) + " " + id("a", 64) + "\n", []int{3}},
		{"twice", head + good + id("0", 39) + "1 " + id("a", 40) + "\n" + good + good, []int{4, 5}},
		{"bad and twice", head + good + "?\n" + good, []int{3, 4}},
		{"many", head + strings.Repeat("?\n", 100), []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}},
		{"no end of line", head + strings.Repeat("1", 1<<20), []int{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := carry.ReadMap(strings.NewReader(tt.text))
			var bad *carry.MapError
			var got []int
			if errors.As(err, &bad) {
				for _, f := range bad.Faults {
					got = append(got, f.Line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%v; lines (-want +got):\n%s", err, diff)
			}
		})
	}
}

func FuzzReadMap(f *testing.F) {
	f.Add("old                                      new\n" + id("1", 40) + " " + id("a", 40) + "\n")
	f.Add("old new\n" + id("2", 64) + " " + id("0", 64) + "\r\n?\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := carry.ReadMap(strings.NewReader(text))
		if err != nil {
			return
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
		if m.Len() != len(lines) {
			t.Fatalf("%d commits in %d lines", m.Len(), len(lines))
		}
		for _, line := range lines {
			old, want, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
			key, err := object.ParseID(old)
			if err != nil {
				t.Fatal(err)
			}
			if to, ok := m.New(key); !ok || to.String() != strings.ToLower(want) {
				t.Fatalf("%s became %s, %v, not %s", key, to, ok, want)
			}
		}
	})
}

func BenchmarkReadMap(b *testing.B) {
	var text strings.Builder
	text.WriteString("old new\n")
	for n := range 1_000_000 {
		fmt.Fprintf(&text, "%040x %040x\n", n*7919+1, n*104729+1)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := carry.ReadMap(strings.NewReader(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}

// endless gives bad lines for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat("?\n", len(p)/2+1)), nil }

// TestReadMapEndsEarly reads no further when it has as many bad lines as it lists.
func TestReadMapEndsEarly(t *testing.T) {
	rest := &io.LimitedReader{R: endless{}, N: 1 << 20}
	_, err := carry.ReadMap(io.MultiReader(strings.NewReader("old new\n"), rest))
	var bad *carry.MapError
	if !errors.As(err, &bad) || len(bad.Faults) != 20 || rest.N == 0 {
		t.Errorf("%v, %d bytes not read", err, rest.N)
	}
}
