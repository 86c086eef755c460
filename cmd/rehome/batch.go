package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/remote"
)

// batchFlags are what rehome batch takes besides import's flags.
type batchFlags struct {
	parallel   int
	results    string
	submodules bool
	again      bool
}

// wholeRun are the flags that are for a whole batch and not for a row.
var wholeRun = []string{"json", "quiet", "dry-run", "state", "help"}

// rowOnly are the flags of import that name a file for each move.
var rowOnly = []string{"receipt", "commit-map"}

func (m *Main) batchCommand() *cobra.Command {
	f := batchFlags{parallel: max(runtime.NumCPU(), 2)}
	all := newImportFlags()
	cmd := &cobra.Command{
		Use:   "batch FILE",
		Short: "Move many repositories, some at a time; the same command goes on where it was stopped",
		Long: "Move many repositories, some at a time; the same command goes on where it was stopped.\n\n" +
			"FILE is CSV with a header, or JSON lines. The columns are source, destination, and any flag of rehome import by\n" +
			"its name, such as authors or large-files; several values of one flag stand in a cell as lines, or in a JSON list. Flags given\n" +
			"here hold for every row that does not say otherwise. REHOME_SOURCE_PASSWORD and REHOME_DEST_PASSWORD\n" +
			"hold for all rows; passwords do not belong into the file.\n\n" +
			"A row that fails stops no other. Run the same command again, also after a crash: what is done stays done, as long as\n" +
			"its row stays as it is. That is kept below --state DIR, else $XDG_STATE_HOME/rehome or ~/.local/state/rehome: see rehome state.\n\n" +
			"With --again rows that are done are moved once more, and bring only what is new at their sources. It wants the --state DIR of the\n" +
			"runs before. Rows whose destination is a folder stay done: a folder takes one move.",
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b := &batchRun{Main: m, flags: f, json: all.json, quiet: all.quiet, dryRun: all.dryRun, state: all.to.state}
			if err := b.setDefaults(cmd.Flags()); err != nil {
				return err
			}
			return b.start(cmd.Context(), args[0])
		},
	}
	flags := cmd.Flags()
	all.add(flags)
	flags.IntVar(&f.parallel, "parallel", f.parallel, "how many repositories are moved at a time (default: as many as there are processors, and 2 at least)")
	flags.Lookup("parallel").DefValue = "0" // the real one is said, and this is alike on all machines
	flags.StringVar(&f.results, "results", "", "write what came of each row to `FILE`, as CSV")
	flags.BoolVar(&f.again, "again", false, "with --state, move rows that are done once more: each brings only what is new at its source")
	flags.BoolVar(&f.submodules, "rewrite-submodules", false, "move repositories that are submodules of others first, and let those name the new commits and addresses")
	return cmd
}

// batchRun is one run of rehome batch.
type batchRun struct {
	*Main
	flags               batchFlags
	json, quiet, dryRun bool
	state               string

	defaults map[string][]string // of flags that were given for all rows
	rows     []batch.Row
	moves    []importFlags // by row
	stamps   []string
	checked  *rowCheck
	journal  *batch.Journal
	after    [][]int // rows that wait for others
	show     batchShow
	doubts   batchDoubts
}

// setDefaults takes down the flags that were given, also by environment.
func (b *batchRun) setDefaults(flags *pflag.FlagSet) error {
	switch {
	case b.json && b.quiet:
		return usagef("Give one of them.", "--json and --quiet exclude each other")
	case b.flags.parallel < 1:
		return usagef("Give 1 or more.", "--parallel %d moves nothing", b.flags.parallel)
	case b.flags.again && b.state == "":
		return usagef("Give the --state DIR of the runs before.", "--again without --state would not know what is new")
	}
	b.defaults = map[string][]string{}
	ofRows := rowFlags()
	for _, name := range rowOnly {
		if flags.Changed(name) {
			return usagef(fmt.Sprintf("Give the file a column %s.", name), "--%s would be written by every row", name)
		}
	}
	flags.Visit(func(f *pflag.Flag) {
		if ofRows[f.Name] {
			b.defaults[f.Name] = valuesOf(f)
		}
	})
	return nil
}

// start reads the file and does what it says.
func (b *batchRun) start(ctx context.Context, file string) error {
	if err := checkedFile("--results", b.flags.results); err != nil {
		return err
	}
	if err := b.read(file); err != nil {
		return err
	}
	if err := b.askPasswords(ctx); err != nil {
		return err
	}
	if b.dryRun {
		return b.inspectAll(ctx)
	}
	dir, err := b.journalFolder(file)
	if err != nil {
		return err
	}
	if b.journal, err = batch.OpenJournal(dir); errors.Is(err, batch.ErrInUse) {
		return usagef("Wait for it to end, or give another --state.", "%w: %q", err, dir)
	} else if err != nil {
		return err
	}
	defer b.journal.Close()
	if err := b.order(ctx); err != nil {
		return err
	}
	return b.run(ctx)
}

// journalFolder is where it stands what is done of a batch file.
func (b *batchRun) journalFolder(file string) (string, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("find the batch file: %w", err)
	}
	base, err := b.stateFolder(b.state)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(abs))
	dir := filepath.Join(base, "batch", filepath.Base(abs)+"-"+hex.EncodeToString(sum[:6]))
	return dir, about{Batch: abs}.write(dir)
}

// read reads the batch file. Its faults are listed on standard error.
func (b *batchRun) read(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return usagef("Check the path.", "the batch file cannot be read: %w", err)
	}
	defer in.Close()
	b.checked = newRowCheck(b.Main, b.defaults)
	b.checked.submodules = b.flags.submodules
	b.rows, err = batch.Read(in, batch.Rules{Column: checkColumn, Row: func(r batch.Row) error {
		move, stamp, err := b.checked.row(r)
		if err == nil {
			b.moves, b.stamps = append(b.moves, move), append(b.stamps, stamp)
		}
		return err
	}})
	var bad *batch.FileError
	if !errors.As(err, &bad) {
		return err
	}
	for _, fault := range bad.Faults {
		fmt.Fprintf(b.Stderr, "%s:%d: %s\n", file, fault.Line, fault.Why)
	}
	if bad.More > 0 {
		fmt.Fprintf(b.Stderr, "and %d more\n", bad.More)
	}
	return usagef("Correct what is listed above; nothing was done.", "the batch file %q cannot be carried out", file)
}

// askPasswords asks once for the passwords of all rows, where these have one user at an end.
func (b *batchRun) askPasswords(ctx context.Context) error {
	given := map[string]rehome.Secret{}
	for _, end := range []struct {
		name, from string
		user       func(importFlags) string
	}{
		{"source", "REHOME_SOURCE_PASSWORD", func(f importFlags) string { return f.user }},
		{"destination", "REHOME_DEST_PASSWORD", func(f importFlags) string { return f.to.user }},
	} {
		user := ""
		for _, move := range b.moves {
			one := end.user(move)
			if user != "" && one != "" && user != one && isTerminal(b.Stdin) && b.Getenv(end.from) == "" {
				return usagef("It holds for all rows.", "rows have several users at the %s: set %s", end.name, end.from)
			}
			user = max(user, one)
		}
		password, err := b.password(ctx, user, end.name, end.from)
		if err != nil {
			return err
		}
		given[end.from] = password
	}
	outer := b.Main.Getenv
	above := *b.Main
	above.Getenv = func(name string) string {
		if password := given[name]; password != "" {
			return string(password)
		}
		return outer(name)
	}
	b.Main = &above
	return nil
}

// run moves what is not done yet and says what came of everything.
func (b *batchRun) run(ctx context.Context) error {
	jobs := make([]batch.Job, len(b.rows))
	for n, row := range b.rows {
		jobs[n] = batch.Job{Row: row, Stamp: b.stamps[n], After: b.after[n], Again: b.again(n)}
	}
	b.show = b.newShow()
	outcomes, err := batch.Run(ctx, jobs, batch.Options{
		Parallel: b.flags.parallel, Journal: b.journal, Run: b.move, Ended: b.show.ended,
		Free: func(n int) bool { return remote.Local(b.rows[n].Destination) && isFree(b.rows[n].Destination) },
	})
	b.show.close()
	sum := b.sum(outcomes)
	err = errors.Join(err, b.writeResults(outcomes), b.print(outcomes, sum))
	if !b.json { // there each row's events have them
		b.showDoubts(outcomes)
	}
	return errors.Join(err, b.verdict(ctx, sum))
}

// again reports whether a row is moved although it is done. A folder takes one move.
func (b *batchRun) again(n int) bool {
	return b.flags.again && !remote.Local(b.rows[n].Destination)
}

// sums counts rows by what came of them.
type sums struct{ rows, done, earlier, partly, failed, left, pushing int }

func (b *batchRun) sum(outcomes []batch.Outcome) (s sums) {
	s.rows = len(outcomes)
	for _, o := range outcomes {
		s.add(o)
	}
	return s
}

// add counts what came of a row.
func (s *sums) add(o batch.Outcome) {
	if o.Earlier {
		s.earlier++
	}
	switch o.Status {
	case batch.Done:
		s.done++
	case batch.Partly:
		s.partly++
	case batch.Failed:
		s.failed++
	default:
		s.left++
	}
	if o.Status == batch.Interrupted && o.Pushing {
		s.pushing++
	}
}

// verdict is what the batch ends with.
func (b *batchRun) verdict(ctx context.Context, s sums) error {
	switch {
	case s.left > 0 && ctx.Err() != nil:
		return &keptError{ctx.Err(), b.journal.Dir(), s.pushing > 0}
	case s.failed > 0:
		command := "the same command again"
		if b.flags.again {
			command = "the command without --again"
		}
		return &rehome.Error{
			Code: rehome.Internal, Message: fmt.Sprintf("%d of %s failed.", s.failed, repositories(s.rows)),
			Hint: "Mend what is said above and run " + command + ": what is done stays done.",
		}
	case s.partly > 0:
		return errPartly
	}
	return nil
}

func repositories(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}
