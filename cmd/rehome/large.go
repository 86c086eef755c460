package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/importer"
)

// largeFlags say what becomes of large files.
type largeFlags struct {
	choice   string
	over     size
	match    []string
	fromTips bool
}

// largeChoices are the values of --large-files.
var largeChoices = map[string]rehome.LFSChoice{"keep": rehome.LFSUndecided, "lfs": rehome.LFSOptIn, "remove": rehome.LFSOptOut}

func newLargeFlags() largeFlags { return largeFlags{choice: "keep", over: 100 << 20} }

func (f *largeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.choice, "large-files", f.choice, "what becomes of large files in all of history: keep, lfs (they become Git LFS files), remove")
	flags.Var(&f.over, "large-files-over", "size from which a file counts as large")
	flags.StringArrayVar(&f.match, "large-files-match", nil, "with lfs or remove, also files whose path matches `PATTERN`, as in .gitattributes; may be repeated")
	flags.BoolVar(&f.fromTips, "remove-from-tips", false, "with remove, also files that branches still end with")
}

// decides reports whether anything becomes of large files.
func (f *largeFlags) decides() bool { return f.choice != "keep" }

// plan says in p what becomes of large files.
func (f *largeFlags) plan(p *importer.OncePlan) (err error) {
	choice, known := largeChoices[f.choice]
	switch {
	case !known:
		return usagef("Use keep, lfs or remove.", "--large-files %q is not known", f.choice)
	case f.over < 1:
		return usagef("Give a size such as 100MiB; a single byte is the least.", "--large-files-over %s would make every file large", f.over.String())
	case len(f.match) > 0 && !f.decides():
		return usagef("Give --large-files lfs or --large-files remove, too.", "--large-files-match changes nothing while large files are kept")
	case f.fromTips && choice != rehome.LFSOptOut:
		return usagef("Give --large-files remove, too.", "--remove-from-tips changes nothing without removing files")
	}
	p.Large, p.FromTips = choice, f.fromTips
	if len(f.match) == 0 {
		return nil
	}
	if p.Match, err = attributes.ParsePatterns(f.match); err != nil {
		return usagef("Write it as in .gitattributes: *.psd, /assets/*.bin or media/.", "--large-files-match: %w", err)
	}
	return nil
}

// becameOfLarge says what became of large files, "" for nothing.
func becameOfLarge(r rehome.ReceiptLargeFiles) string {
	files := counted(r.Objects, "file")
	switch {
	case r.Objects == 0:
	case r.Choice == rehome.LFSOptIn && r.Objects == 1:
		return "1 file became a Git LFS file, " + bytesText(r.Bytes)
	case r.Choice == rehome.LFSOptIn:
		return fmt.Sprintf("%s became Git LFS files, %s", files, bytesText(r.Bytes))
	case r.Choice == rehome.LFSOptOut:
		return fmt.Sprintf("%s removed from history, %s; --receipt lists the paths", files, bytesText(r.Bytes))
	}
	return ""
}

// shownMissing is how many missing Git LFS objects are listed.
const shownMissing = 20

// missingLFS lists Git LFS objects that the source lacks.
func missingLFS(missing []rehome.MissingLFS) (lines []string) {
	for _, o := range missing[:min(len(missing), shownMissing)] {
		line := fmt.Sprintf("Git LFS object %s of %s", o.OID, bytesText(o.Size))
		if o.Ref != "" {
			line += fmt.Sprintf(": %s (%s)", rehome.Clean(o.Path, 200), rehome.Clean(o.Ref, 100))
		}
		lines = append(lines, line)
	}
	if more := len(missing) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("%d more Git LFS objects; --receipt lists them", more))
	}
	return lines
}

// wouldBecome says what a move would do to large files, a line each.
func wouldBecome(l *rehome.InspectedLarge) (lines [][2]string) {
	if l == nil {
		return nil
	}
	did := map[rehome.LFSChoice]string{rehome.LFSOptIn: "would become Git LFS files", rehome.LFSOptOut: "would be removed"}[l.Choice]
	lines = append(lines, [2]string{did, fmt.Sprintf("%s, %s", counted(l.Files, "file"), bytesText(l.Bytes))})
	if l.Choice == rehome.LFSOptOut {
		lines = append(lines, [2]string{"paths that would go", fmt.Sprint(len(l.Removed))})
	}
	if len(l.Skipped) > 0 {
		lines = append(lines, [2]string{"refs that would go with them", fmt.Sprint(len(l.Skipped))})
	}
	return lines
}

// tipText is a file at branch tips, for people.
func tipText(f rehome.TipFile) string {
	return fmt.Sprintf("%s (%s)", rehome.Clean(f.Path, 200), rehome.Clean(strings.Join(f.Branches, ", "), 200))
}
