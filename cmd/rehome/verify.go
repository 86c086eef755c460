package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/source/git"
	"rehome/internal/verify"
)

// verifyFlags are what rehome verify takes.
type verifyFlags struct {
	depth     string
	user      string
	destUser  string
	commitMap string
	receipt   string
	json      bool
	choice    choiceFlags
	limits    limitFlags
	ssh       sshFlags
}

func (m *Main) verifyCommand() *cobra.Command {
	f := verifyFlags{depth: string(rehome.VerifyRefs), limits: newLimitFlags()}
	cmd := &cobra.Command{
		Use:   "verify SOURCE DEST",
		Short: "Prove a finished move: say whether everything of a source is at a destination",
		Long: "Prove a finished move: say whether everything of a source is at a destination. Changes nothing.\n\n" +
			"Both are URLs of Git repositories, or paths. Where the move changed ids, by an author map or by what became of large files,\n" +
			"give its --receipt or its --commit-map, or both: then history is compared by what each commit was to become.\n\n" +
			"  refs     every ref of the source is there with the id it was to have\n" +
			"  objects  both ends are fetched into TMPDIR, every object is hashed, and all of them are there; changed commits\n" +
			"           have the parents, files, dates and messages they had\n" +
			"  bytes    and every Git LFS object is downloaded from the destination and hashed\n\n" +
			"The exit code is 0 when all is there, 1 when something differs, and 3 when something had been left out by the move.\n" +
			"Refs that the destination has besides are listed and do not count.",
		Args: needs("SOURCE", "DEST"),
		RunE: func(cmd *cobra.Command, args []string) error { return m.verify(cmd.Context(), args[0], args[1], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.depth, "verify", f.depth, "how deep is compared: refs, objects or bytes")
	flags.StringVar(&f.receipt, "receipt", "", "`FILE` that the move wrote as its receipt")
	flags.StringVar(&f.commitMap, "commit-map", "", "`FILE` that the move wrote as its commit map")
	flags.StringVar(&f.user, "source-user", "", "user name at the source; the password comes from REHOME_SOURCE_PASSWORD or a prompt")
	flags.StringVar(&f.destUser, "dest-user", "", "user name at the destination; the password comes from REHOME_DEST_PASSWORD or a prompt")
	flags.StringSliceVar(&f.choice.refs, "refs", nil, "compare only refs that match a `PATTERN`, as rehome import has it; may be given several times")
	flags.StringSliceVar(&f.choice.exclude, "exclude-refs", nil, "pass over refs that match a `PATTERN`; may be given several times")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	f.limits.addSizes(flags)
	f.ssh.add(flags)
	return cmd
}

func (m *Main) verify(ctx context.Context, from, to string, f verifyFlags) error {
	o, err := m.verifyOptions(ctx, from, to, f)
	if err != nil {
		return err
	}
	result, err := verify.Run(ctx, o)
	if err != nil {
		return inWordsOfEnd(err, o)
	}
	if err := m.printVerified(result, from, to, f); err != nil {
		return err
	}
	switch {
	case !result.Equal:
		err = &rehome.Error{Code: rehome.DestinationMoved, Message: "The destination is not what it was to be.", Hint: hintOf(result, f)}
	case result.Partly():
		err = errPartly
	}
	return err
}

// inWordsOfEnd says what an error of one of the two ends means here.
func inWordsOfEnd(err error, o verify.Options) error {
	var at *verify.EndError
	if !errors.As(err, &at) || at.End == transport.Source {
		return inOwnWords(err, o.Source.Location)
	}
	e := *rehome.AsError(err)
	switch to := o.Destination.Location; {
	case e.Code == rehome.NotARepository && to.Path != "":
		e.Message, e.Hint = fmt.Sprintf("There is no Git repository in the destination's folder: %q.", to.Path), "Check the path."
	case e.Code == rehome.CredentialsWanted && to.SSH(), e.Code == rehome.CredentialsWanted && to.Username != "":
	case e.Code == rehome.CredentialsWanted:
		e.Hint = "Give --dest-user NAME and set REHOME_DEST_PASSWORD. Many forges also ask for them when there is no such repository."
	case e.Code == rehome.CredentialsRefused && to.HTTP():
		e.Hint = "Check --dest-user and REHOME_DEST_PASSWORD; many forges want an access token in place of the password."
	}
	return &e
}

// hintOf says what may be behind the differences.
func hintOf(r verify.Result, f verifyFlags) string {
	changed := func(d verify.Difference) bool { return d.Kind == "different" }
	switch {
	case f.receipt == "" && f.commitMap == "" && slices.ContainsFunc(r.Differences, changed):
		return "If the move was to change ids, give its --receipt or --commit-map."
	case slices.ContainsFunc(r.Differences, func(d verify.Difference) bool { return d.Kind == "moved" || d.Kind == "unmapped" }):
		return "Bring what is new at the source with rehome import first, and give the receipt and the commit map of that."
	}
	return "Each difference is listed above; run the move again to bring what is missing."
}

// verifyOptions finds both ends and reads what is known of the move.
func (m *Main) verifyOptions(ctx context.Context, from, to string, f verifyFlags) (o verify.Options, err error) {
	depth, known := rehome.ParseDepth(f.depth)
	if !known {
		return o, usagef("Use --verify refs, objects or bytes.", "--verify %q is none of them", f.depth)
	}
	if err := errors.Join(f.choice.check(), f.limits.check()); err != nil {
		return o, err
	}
	o = verify.Options{Depth: depth, All: f.json, Choose: f.choice.choose(), Limits: f.limits.own(), LeftByRule: git.LeftByRule}
	if o.Source.Location, err = m.location(ctx, from, f.user, f.ssh); err != nil {
		return o, err
	}
	if o.Destination.Location, err = m.destinationToRead(ctx, to, f); err != nil {
		return o, err
	}
	if f.commitMap != "" {
		if o.Map, err = m.readCommitMap(f.commitMap); err != nil {
			return o, err
		}
	}
	if o.Receipt, err = readReceipt(f.receipt); err != nil {
		return o, err
	}
	n, err := m.ownMachine(f.ssh, m.note)
	if err == nil {
		o.Source.Reader, o.Destination.Reader = n.git(), n.gitAt(transport.Destination)
	}
	return o, err
}

// destinationToRead is location for the other end.
func (m *Main) destinationToRead(ctx context.Context, to string, f verifyFlags) (remote.Location, error) {
	other := *m
	other.Getenv = func(name string) string {
		if name == "REHOME_SOURCE_PASSWORD" {
			name = "REHOME_DEST_PASSWORD"
		}
		return m.Getenv(name)
	}
	if f.destUser != "" && isURL(to) && m.Getenv("REHOME_DEST_PASSWORD") == "" {
		password, err := m.password(ctx, f.destUser, "destination", "REHOME_DEST_PASSWORD")
		if err != nil {
			return remote.Location{}, err
		}
		if password == "" {
			return remote.Location{}, usagef("Or leave --dest-user out.", "no password: set REHOME_DEST_PASSWORD")
		}
		other.Getenv = func(string) string { return string(password) }
	}
	l, err := other.location(ctx, to, f.destUser, f.ssh)
	if known := (*rehome.Error)(nil); errors.As(err, &known) && known.Field == "vcs_url" {
		return l, usagef("", "the destination's URL %s", known.Message[len("vcs_url "):])
	}
	return l, err
}

func readReceipt(file string) (*rehome.Receipt, error) {
	if file == "" {
		return nil, nil
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, usagef("Check the path.", "the receipt cannot be read: %w", err)
	}
	defer in.Close()
	r, err := verify.ReadReceipt(in)
	if err != nil {
		return nil, usagef("Give the file that rehome import --receipt wrote, as it was written.", "the receipt %q cannot be taken: %w", file, err)
	}
	return r, nil
}

// shownDifferences is how many people are shown.
const shownDifferences = 50

// printVerified lists what was found.
func (m *Main) printVerified(r verify.Result, from, to string, f verifyFlags) error {
	if f.json {
		out := json.NewEncoder(printable{m.Stdout})
		out.SetEscapeHTML(false)
		return out.Encode(r)
	}
	for _, d := range r.Differences[:min(len(r.Differences), shownDifferences)] {
		name := d.Name
		if name != "" {
			name += " "
		}
		fmt.Fprintf(m.Stdout, "%s%s\n", name, d.Text)
	}
	if more := r.More + int64(len(r.Differences)-shownDifferences); more > 0 {
		fmt.Fprintf(m.Stdout, "and %s; --json lists them all\n", plural(more, "more difference", "more differences"))
	}
	for _, ref := range r.LeftOut {
		fmt.Fprintf(m.Stdout, "%s was left out: %s\n", rehome.Clean(ref.Name, 400), rehome.Clean(ref.Reason, 400))
	}
	for _, what := range r.Lacks {
		fmt.Fprintln(m.Stdout, what)
	}
	section(m, "only at the destination, which is no difference", r.Extra, func(name string) string { return name })
	if !r.Equal {
		return nil
	}
	fmt.Fprintf(m.Stdout, "verified %s: %s has %s of %s as they were to be%s\n",
		r.Depth, rehome.Clean(to, 400), counted(r.Refs, "ref"), rehome.Clean(from, 400), deeper(r))
	return nil
}

// deeper says what was compared below refs.
func deeper(r verify.Result) (text string) {
	if r.Depth == rehome.VerifyRefs {
		return ""
	}
	text = fmt.Sprintf(", with %s (%d of them changed) and %s", counted(r.Commits, "commit"), r.Changed, counted(r.Objects, "object"))
	if r.Content.Converted > 0 {
		text += fmt.Sprintf("; %s now, of the same bytes", plural(r.Content.Converted, "file is a Git LFS object", "files are Git LFS objects"))
	}
	if r.Content.Removed > 0 {
		text += fmt.Sprintf("; %s gone, as the receipt says", plural(r.Content.Removed, "file is", "files are"))
	}
	if r.Content.Submodules > 0 {
		text += fmt.Sprintf("; %s other commits", plural(r.Content.Submodules, "submodule names", "submodules name"))
	}
	if r.Depth == rehome.VerifyBytes {
		text += fmt.Sprintf("; %s downloaded and hashed", counted(r.LFS, "Git LFS object"))
	}
	return text
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
