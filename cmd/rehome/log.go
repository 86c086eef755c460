package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/api"
)

// logFlags say what a server writes to standard error, and how.
type logFlags struct {
	format   string
	level    string
	requests bool
}

// Forms of the log.
const (
	logText = "text"
	logJSON = "json"
)

func (f *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "log-format", logText, "`text|json`: one line a record either way")
	flags.StringVar(&f.level, "log-level", "info", "`debug|info|warn|error`: what is less than that is left out")
	flags.BoolVar(&f.requests, "log-requests", false, "log each request at info; they are at debug otherwise")
}

// check refuses what there is not.
func (f *logFlags) check() error {
	if f.format != logText && f.format != logJSON {
		return usagef("Give text or json.", "--log-format %q is none", f.format)
	}
	if _, err := f.least(); err != nil {
		return usagef("Give debug, info, warn or error.", "--log-level %q is none", f.level)
	}
	return nil
}

func (f *logFlags) least() (l slog.Level, err error) {
	switch f.level {
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(f.level))
	}
	return l, fmt.Errorf("there is no level %q", f.level)
}

// open returns the log. check has been called.
func (f *logFlags) open(to io.Writer) *slog.Logger {
	least, _ := f.least()
	o := &slog.HandlerOptions{Level: least, ReplaceAttr: inUTC}
	if f.format == logJSON {
		o.ReplaceAttr = inSeconds
		return slog.New(named{slog.NewJSONHandler(printable{to}, o)})
	}
	return slog.New(named{slog.NewTextHandler(to, o)}) // which quotes what cannot be printed
}

func inUTC(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// inSeconds is for machines, which would be given nanoseconds otherwise.
func inSeconds(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return inUTC(groups, a)
}

// named adds the id of the request that led to a record, unless the record has it.
type named struct{ slog.Handler }

const requestKey = "request"

// Handle is slog.Handler's.
func (n named) Handle(ctx context.Context, r slog.Record) error {
	id := api.RequestID(ctx)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == requestKey {
			id = ""
		}
		return id != ""
	})
	if id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(requestKey, id))
	}
	return n.Handler.Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (n named) WithAttrs(attrs []slog.Attr) slog.Handler { return named{n.Handler.WithAttrs(attrs)} }

// WithGroup is slog.Handler's.
func (n named) WithGroup(name string) slog.Handler { return named{n.Handler.WithGroup(name)} }

// printable writes lines of JSON that terminals do not obey.
type printable struct{ to io.Writer }

// Write takes whole lines.
func (p printable) Write(line []byte) (int, error) {
	out := rehome.AppendPrintable(make([]byte, 0, len(line)), line)
	if _, err := p.to.Write(out); err != nil {
		return 0, err
	}
	return len(line), nil
}
