package rehome

import "testing"

func TestSpellOptions(t *testing.T) {
	spell := func(name, value string) (string, bool) {
		return "<" + name + "=" + value + ">", name != "other"
	}
	for _, test := range []struct{ hint, want string }{
		{"", ""},
		{"Choose {on_divergence: skip} or {prune}.", "Choose <on_divergence=skip> or <prune=>."},
		{"Not {other}, {Not: this} or { prune }, nor {}.", "Not {other}, {Not: this} or { prune }, nor {}."},
		{"{prune}{prune}", "<prune=><prune=>"},
	} {
		if got := SpellOptions(test.hint, spell); got != test.want {
			t.Errorf("%q: got %q, want %q", test.hint, got, test.want)
		}
	}
}
