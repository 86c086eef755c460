package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/backup"
	"rehome/internal/terminal"
)

// backupFlags are what rehome backup takes.
type backupFlags struct {
	places     placesFlags
	key        string
	withKey    bool
	withBucket bool
	json       bool
	quiet      bool
}

const aboutBackup = `Copy all that a server keeps into DIR, while it serves or while it is stopped.

DIR must not exist; it is there when the backup is whole, and not before. It has the rows of the
database in a form that both SQLite and Postgres load, the repositories with their refs, packs and
Git LFS objects, and the SHA-256 of every file. On the same disk, packs and objects are links:
they take no room, and a copy of DIR on another disk is what survives the loss of this one.

Passwords and SSH keys of imports are in it, sealed. The key that opens them is not, unless
--with-key says so: keep it apart, or give the passwords again after a restore.

With --bucket s3://… objects stay in the bucket, unless --with-bucket brings them along.

The exit code is 0 when all is in it, and 3 when something was damaged or missing before: it is
listed, and so it is when the backup is restored. What is damaged is in the backup as it was.`

func (m *Main) backupCommand() *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy all that a server keeps, while it serves",
		Long:  aboutBackup,
		Args:  needs("DIR"),
		RunE:  func(cmd *cobra.Command, args []string) error { return m.backup(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	f.places.add(flags)
	flags.BoolVar(&f.withKey, "with-key", false, "copy the key, too, that opens sealed passwords")
	flags.StringVar(&f.key, "key-file", "", "`FILE` with that key (default: key in the data folder)")
	flags.BoolVar(&f.withBucket, "with-bucket", false, "copy what is in --bucket, too")
	flags.BoolVar(&f.json, "json", false, "print the manifest as JSON")
	flags.BoolVar(&f.quiet, "quiet", false, "show no progress")
	return cmd
}

func (m *Main) backup(ctx context.Context, dir string, f backupFlags) error {
	db, err := f.places.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	o := backup.Options{DB: db, KnownHosts: f.places.dir.knownHosts(), Version: version}
	var cleared func()
	if o.Data, cleared, err = f.places.folder(); err != nil {
		return err
	}
	defer cleared()
	if f.places.elsewhere() && !f.withBucket {
		err = f.places.verifyName(ctx, db, m.Getenv)
	} else {
		o.Bucket, err = f.places.openOwn(ctx, db, m.Getenv)
	}
	if err != nil {
		return err
	}
	if f.withKey {
		if o.Key = f.key; o.Key == "" {
			o.Key = f.places.dir.key()
		}
	}
	tell, done := m.tellSteps(f.json || f.quiet)
	o.Tell = tell
	made, err := backup.Run(ctx, dir, o)
	done()
	if err != nil {
		return err
	}
	if err := m.printBackup(dir, made, f.json); err != nil {
		return err
	}
	if len(made.Problems) > 0 {
		return errPartly
	}
	return nil
}

func (m *Main) printBackup(dir string, made backup.Manifest, asJSON bool) error {
	for _, problem := range made.Problems {
		fmt.Fprintf(m.Stderr, "damaged before: %s\n", rehome.Clean(problem, 1000))
	}
	if asJSON {
		return printJSON(m.Stdout, made)
	}
	fmt.Fprintf(m.Stdout, "%s: %s\n", dir, contents(made))
	if at := made.Disk; at.Stored < made.Bytes || at.Linked > 0 {
		fmt.Fprintf(m.Stdout, "on the disk: %s, as files that are the same are kept once; of these %s are copied, and %s are links to the server's own files\n",
			bytesText(at.Stored), bytesText(at.Stored-at.Linked), bytesText(at.Linked))
	}
	for _, lacks := range made.Lacks() {
		fmt.Fprintf(m.Stdout, "not in it: %s\n", lacks)
	}
	return nil
}

// contents says how much is in a backup.
func contents(made backup.Manifest) string {
	return fmt.Sprintf("%s, %s, %s, %s", plural(made.Repositories, "repository", "repositories"),
		counted(made.Rows["imports"], "import"), counted(made.LFSObjects, "Git LFS object"), bytesText(made.Bytes))
}

func printJSON(w io.Writer, value any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(value)
}

// tellSteps shows how far something has come: nothing, a bar on a terminal, or a line every few seconds.
func (m *Main) tellSteps(silent bool) (tell func(backup.Progress), done func()) {
	if silent {
		return func(backup.Progress) {}, func() {}
	}
	style := m.style()
	if !style.Live {
		last := time.Now()
		return func(p backup.Progress) {
			if time.Since(last) >= plainEvery {
				last = time.Now()
				fmt.Fprintln(m.Stderr, stepText(p))
			}
		}, func() {}
	}
	bar := &stepBar{style: style}
	foot := terminal.NewFoot(m.Stderr.(*os.File), style, bar.lines)
	close := func() { foot.Close(nil) }
	gone := m.interrupts.show(drawn{func() { bar.stops(); foot.Draw() }, close})
	return bar.tell, func() { gone(); close() }
}

// stepBar is what a terminal is shown of what goes step by step. Safe for concurrent use.
type stepBar struct {
	style terminal.Style

	mu       sync.Mutex
	last     backup.Progress // guarded by mu, as the next one
	stopping bool
}

func (s *stepBar) tell(p backup.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = p
}

func (s *stepBar) stops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

func (s *stepBar) lines(columns int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "starting"
	if s.last.Step != "" {
		text = stepText(s.last)
	}
	if room := columns - terminal.Width(text) - 3; s.last.Total > 0 && room >= shortBar {
		text += "  " + s.style.Bar(min(room, longBar), s.last.Done, s.last.Total)
	}
	if s.stopping {
		return []string{text, s.style.Yellow(s.style.Clip(stoppingText, columns-1))}
	}
	return []string{text}
}

// stepText puts progress into one line.
func stepText(p backup.Progress) string {
	words := map[string]string{
		"follow": "looking for changes", "rows": "rows", "bucket": "Git LFS objects", "copy": "copying", "hash": "hashing",
	}
	what, ok := words[p.Step]
	if !ok {
		what = p.Step
	}
	show := func(n int64) string { return fmt.Sprint(n) }
	if p.Step == "copy" || p.Step == "hash" {
		show = bytesText
	}
	if p.Total == 0 {
		return what
	}
	return fmt.Sprintf("%s: %s of %s", what, show(p.Done), show(p.Total))
}
