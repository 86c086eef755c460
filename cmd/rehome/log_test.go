package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"rehome"
)

// hostile is what strangers call things, to have terminals and readers of logs do what they want.
const hostile = "a\x1b[31m\r\nlevel=ERROR msg=\"forged\" \u202egnp \u009b2J \x7f\x00 \u2028 \U000e0041 ü €"

// Whatever a record holds, it is one line that terminals do not obey, and in JSON nothing is lost of it.
func TestLogIsPrintable(t *testing.T) {
	for _, format := range []string{logText, logJSON} {
		var out bytes.Buffer
		f := logFlags{format: format, level: "info"}
		log := f.open(&out).With("repository", hostile)
		log.Warn(hostile, "path", hostile, "err", errors.New(hostile), "secret", rehome.Secret("hunter2"), "took", 1500*time.Millisecond, slog.Group("inner", "name", hostile))
		text := out.String()
		if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: %d lines: %s", format, strings.Count(text, "\n"), text)
		}
		for _, r := range strings.TrimSuffix(text, "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%s: %U is in %q", format, r, text)
				break
			}
		}
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "ü €") {
			t.Errorf("%s: %s", format, text)
		}
		if format == logText {
			continue
		}
		var back struct {
			Msg, Path, Err, Repository string
			Took                       float64
		}
		if err := json.Unmarshal(out.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if back.Msg != hostile || back.Path != hostile || back.Err != hostile || back.Repository != hostile || back.Took != 1.5 {
			t.Errorf("read back: %+v", back)
		}
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		f := logFlags{format: logJSON, level: level}
		if err := f.check(); err != nil {
			t.Fatal(err)
		}
		log := f.open(&out)
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", level, got, want)
		}
	}
	for _, f := range []logFlags{{format: "xml", level: "info"}, {format: logText, level: "INFO+2"}, {format: logText}} {
		if f.check() == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}
