package carry

import (
	"strings"
	"testing"
)

func FuzzStashLog(f *testing.F) {
	one, two := strings.Repeat("1", 40), strings.Repeat("a", 40)
	f.Add(strings.Repeat("0", 40) + " " + one + " A <a@x> 1 +0000\tWIP on main\n" + one + " " + two + " \n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseStash(text)
		if err != nil {
			return
		}
		got := string((&stash{lines: lines}).renamed(nil))
		if !strings.EqualFold(strings.TrimSuffix(got, "\n"), strings.TrimSuffix(text, "\n")) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
