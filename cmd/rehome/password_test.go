package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestReadTyped(t *testing.T) {
	for _, test := range []struct {
		name, typed, want string
		err               error
	}{
		{"Enter", "secret\rmore", "secret", nil},
		{"line feed", "secret\n", "secret", nil},
		{"nothing", "\r", "", nil},
		{"backspace", "secrez\x7ft\r", "secret", nil},
		{"backspace over a letter of two bytes", "é\x7fe\r", "e", nil},
		{"backspace at the beginning", "\x7f\x7fa\r", "a", nil},
		{"Ctrl-U", "wrong\x15right\r", "right", nil},
		{"Ctrl-D", "\x04", "", errNoPassword},
		{"Ctrl-D behind text", "secret\x04", "secret", nil},
		{"Ctrl-C", "secr\x03", "", context.Canceled},
		{"terminal closed", "secr", "", errNoPassword},
	} {
		got, err := readTyped(strings.NewReader(test.typed))
		if string(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", test.name, got, err, test.want, test.err)
		}
	}
}
