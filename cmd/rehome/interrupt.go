package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rehome/internal/importer"
	"rehome/internal/terminal"
)

const stoppingText = "stopping; press Ctrl-C again to end at once"

// sameInterrupt is how soon after the first another signal is no second one: programs that start others pass theirs on.
const sameInterrupt = 200 * time.Millisecond

// wordsTake is how long a terminal may take for what an interrupt says there: one that hangs keeps nothing from its end.
const wordsTake = 500 * time.Millisecond

// interrupts hears Ctrl-C and SIGTERM: the first ends the command in good order, a second Ctrl-C at once. A nil one hears
// nothing. Safe for concurrent use.
type interrupts struct {
	main *Main
	exit func(code int)

	mu     sync.Mutex
	next   int                   // of the keys below; guarded by mu, as they are
	shows  map[int]drawn         // what is on the terminal
	leaves map[int]func() string // what the work under way leaves behind: clears that away as far as it can be at once, and says the rest
}

// drawn is something that is drawn on the terminal again and again.
type drawn struct {
	stops func() // it is to say that an interrupt was heard
	close func()
}

// listen ends the context it returns with the first signal. stop ends the listening.
func (i *interrupts) listen(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan os.Signal, 4)
	signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with stop
		if _, ok := <-heard; !ok {
			return
		}
		first := time.Now()
		within(wordsTake, i.stops)
		cancel()
		for s := range heard {
			if s == os.Interrupt && time.Since(first) > sameInterrupt {
				i.endNow()
			}
		}
	}()
	return ctx, func() { signal.Stop(heard); close(heard); cancel() }
}

// show is told what is on the terminal; gone that it is there no more.
func (i *interrupts) show(s drawn) (gone func()) {
	if i == nil {
		return func() {}
	}
	return note(i, i.shows, s)
}

// leave is told what is left behind if everything ends at once; done that it is no more.
func (i *interrupts) leave(clear func() string) (done func()) {
	if i == nil {
		return func() {}
	}
	return note(i, i.leaves, clear)
}

// note adds one to those that are kept by number, until it is taken out again.
func note[T any](i *interrupts, kept map[int]T, one T) (out func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next++
	key := i.next
	kept[key] = one
	return func() { i.mu.Lock(); defer i.mu.Unlock(); delete(kept, key) }
}

// stops says that the command is on its way to its end.
func (i *interrupts) stops() {
	i.mu.Lock()
	shows := slices.Collect(maps.Values(i.shows))
	i.mu.Unlock() // drawing may hang
	for _, s := range shows {
		s.stops()
	}
	if style := i.main.style(); len(shows) == 0 && isTerminal(i.main.Stderr) {
		fmt.Fprintln(i.main.Stderr, style.Yellow(stoppingText))
	}
}

// endNow ends the program.
func (i *interrupts) endNow() {
	i.mu.Lock() // for good: nothing new begins
	var left tally
	for _, clear := range i.leaves {
		left.add(clear())
	}
	if len(i.leaves) == 0 {
		left.add("What it had in folders for temporary files may be left there.")
	}
	within(wordsTake, func() {
		for _, s := range i.shows {
			s.close()
		}
		say(i.main.Stderr, i.main.style(), "ended at once", strings.Join(left.texts, "\n"+sayIndent))
		i.main.sayAgain()
	})
	i.exit(exitInterrupted)
}

// within waits for what it does, but no longer than that; it may go on meanwhile.
func within(limit time.Duration, do func()) {
	did := make(chan struct{})
	go func() { // ends with the program at the latest, which is on its way to its end
		defer close(did)
		do()
	}()
	select {
	case <-did:
	case <-time.After(limit):
	}
}

// style is what standard error can show.
func (m *Main) style() terminal.Style { return terminal.StyleOf(m.Stderr, m.Getenv) }

// sayAgain says which command goes on.
func (m *Main) sayAgain() {
	if len(m.args) > 0 {
		fmt.Fprintf(m.Stderr, "%s%s\n", sayIndent, tame(again(m.args)))
	}
}

// again is a command line as a shell takes it, without passwords: *** stands for what signs in.
func again(args []string) string {
	words := []string{"rehome"}
	for _, arg := range args {
		words = append(words, word(unsigned(arg)))
	}
	return strings.Join(words, " ")
}

// unsigned is an argument without what signs in.
func unsigned(arg string) string {
	return secretValue.ReplaceAllString(signsIn.ReplaceAllString(arg, "${1}***@"), "${1}***")
}

// word is an argument as a shell takes it.
func word(arg string) string {
	if plainWord.MatchString(arg) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

var (
	signsIn = regexp.MustCompile(`(?i)((?:https?|postgres(?:ql)?|s3)://|://[^/@]*:)[^/]*@`)
	// secretValue is what a parameter of a URL, or a setting of a database, gives a secret by its name.
	secretValue = regexp.MustCompile(`(?i)((?:^|[?&\s=])(?:[\w-]*(?:passw|secret|token|signature|credential)[\w-]*|key|api_?key|access_?key|sig|auth|pwd)\s*=\s*)(?:'[^']*'|[^&\s]*)`)
	plainWord   = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)
)

// left clears away what a move into a folder was at work on, for an end at once, and says what it leaves. The folder
// itself gets its name in the end only. Until begun, what lies there is another run's, for whose end this one waits.
func (m *Main) left(dir string, ids *commitMap, begun *atomic.Bool) func() string {
	work, made := importer.Incoming(dir), missingParents(dir)
	return func() string {
		if ids != nil {
			os.Remove(ids.file.Name())
		}
		for range 3 { // files may still come meanwhile
			if begun.Load() {
				os.RemoveAll(work)
			}
		}
		for _, parent := range made {
			os.Remove(parent) // while it is empty
		}
		if _, err := os.Stat(work); err == nil && begun.Load() {
			return fmt.Sprintf("What came so far lies in %s; the same command clears it away.", work)
		}
		return "Nothing half-done is left behind; run the same command again."
	}
}

// missingParents are the folders above dir that do not exist yet, the innermost first.
func missingParents(dir string) (all []string) {
	for dir = filepath.Dir(dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return all
		}
		all = append(all, dir)
	}
}
