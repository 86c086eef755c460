package importer

import (
	"cmp"
	"context"
	"strings"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/rewrite"
	"rehome/internal/store"
)

// largePlan decides what becomes of large files, as rows say it.
type largePlan struct {
	Choice rehome.LFSChoice `json:"choice"`
	Over   int64            `json:"over"`  // bytes; larger files are large
	Match  string           `json:"match"` // patterns, one a line; files they match are large, too
}

func (m *Importer) largePlanOf(ctx context.Context, i *store.Import) (largePlan, error) {
	over, err := m.largeOver(ctx, i.ID)
	return largePlan{Choice: i.LFS, Over: over, Match: i.Options.LargeMatch}, err
}

// largeOver is from which size files of the import are large: what its first raw step went by,
// so that a server that is told otherwise later does not change ids.
func (m *Importer) largeOver(ctx context.Context, importID int64) (int64, error) {
	known, err := m.knownFacts(ctx, importID)
	switch {
	case rehome.CodeOf(err) == rehome.NotFound:
		return m.LargeOver, nil
	case err != nil:
		return 0, err
	}
	return cmp.Or(known.LargeOver, m.LargeOver), nil
}

// LargeFilesOver is from which size files of a repository's import are large, in bytes. NotFound without one.
func (m *Importer) LargeFilesOver(ctx context.Context, repositoryID int64) (int64, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return 0, err
	}
	return m.largeOver(ctx, i.ID)
}

// stays reports whether large files stay what they are.
func (p largePlan) stays() bool { return p.Choice == "" || p.Choice == rehome.LFSUndecided }

// files is the plan as the rewrite takes it.
func (p largePlan) files() (rewrite.LargeFiles, error) {
	patterns, err := attributes.ParsePatterns(patternsOf(p.Match))
	return rewrite.LargeFiles{Choice: p.Choice, Over: p.Over, Match: patterns}, err
}

// patternsOf splits patterns as a row has them.
func patternsOf(match string) []string {
	if match == "" {
		return nil
	}
	return strings.Split(match, "\n")
}

// SetLFS chooses what becomes of large files: those of more bytes than the import's limit,
// and those whose paths match a pattern as in .gitattributes. A nil match leaves the
// patterns as they are. It is taken at every status, as with MapAuthor, and back again; the same
// choice again changes nothing. Invalid for a choice there is none of and once the import is closed, an
// *attributes.PatternError for a bad pattern, NotFound without an import, and
// DestinationMoved as with MapAuthor.
func (m *Importer) SetLFS(ctx context.Context, repositoryID int64, choice rehome.LFSChoice, match *[]string) (rehome.Import, error) {
	chosen, err := parseChoice(choice, match)
	if err != nil {
		return rehome.Import{}, err
	}
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err == nil {
		err = checkOpen(&i)
	}
	if err != nil || !chosen.changes(&i) {
		return i.Import, err
	}
	err = m.refuseMoved(ctx, repositoryID, func(p *planned) {
		p.large.Choice = chosen.choice
		if chosen.match != nil {
			p.large.Match = *chosen.match
		}
	})
	if err != nil {
		return rehome.Import{}, err
	}
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		if !chosen.changes(i) {
			return store.ErrUnchanged
		}
		if err := checkOpen(i); err != nil {
			return err
		}
		was := i.LFS
		i.LFS = chosen.choice
		if chosen.match != nil {
			i.Options.LargeMatch = *chosen.match
		}
		if was != rehome.LFSUndecided || i.LFS != rehome.LFSUndecided { // else patterns are for later
			m.replan(i, t.Now)
		}
		return nil
	})
	return row.Import, err
}

// lfsChoice is what SetLFS was asked for.
type lfsChoice struct {
	choice rehome.LFSChoice
	match  *string // as rows have it; nil leaves it
}

func parseChoice(choice rehome.LFSChoice, match *[]string) (lfsChoice, error) {
	switch choice {
	case rehome.LFSOptIn, rehome.LFSOptOut, rehome.LFSUndecided:
	default:
		return lfsChoice{}, &rehome.Error{
			Code: rehome.Invalid, Field: "use_lfs", Message: "use_lfs is not opt_in, opt_out or undecided",
		}
	}
	c := lfsChoice{choice: choice}
	if match == nil {
		return c, nil
	}
	if _, err := attributes.ParsePatterns(*match); err != nil {
		return c, err
	}
	text := strings.Join(*match, "\n")
	c.match = &text
	return c, nil
}

// changes reports whether the import has it otherwise.
func (c lfsChoice) changes(i *store.Import) bool {
	return c.choice != i.LFS || c.match != nil && *c.match != i.Options.LargeMatch
}
