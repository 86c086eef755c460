package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rehome"
)

// renameDefault gives the default branch of the source, head, the short name wanted, where there is no such branch
// yet, and returns the full name of the default branch. "" for wanted changes nothing.
func renameDefault(final []finalRef, head, wanted string) string {
	name := "refs/heads/" + wanted
	if wanted == "" || head == "" || head == name {
		return head
	}
	was := -1
	for n, f := range final {
		if f.name == name {
			return name
		}
		if f.name == head {
			was = n
		}
	}
	if was >= 0 {
		final[was].name = name
	}
	return name
}

// findFormer notes the name that the default branch was given before, where nothing has it now: it was not deleted at the
// source, which calls it otherwise.
func (w *worker) findFormer(ctx context.Context, done *finished, at situation, p *proof) error {
	_, gone := goneAtSource(done.refs, p.facts, at.wrote)
	if len(gone) == 0 {
		return nil
	}
	text, err := w.DB.Receipt(ctx, w.row.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	var last struct {
		Source, Destination struct {
			DefaultBranch string `json:"default_branch"`
		}
	}
	if err := json.Unmarshal(text, &last); err != nil {
		return fmt.Errorf("read the receipt before: %w", err)
	}
	was, from := "refs/heads/"+last.Destination.DefaultBranch, "refs/heads/"+last.Source.DefaultBranch
	given := was != from && at.wrote[from].Wrote == ""
	if slices.Contains(gone, was) && was != p.named && (given || was == p.Head) {
		p.former = was
	}
	return nil
}

// formerWarning says that the default branch is under its former name, too, unless that goes.
func (w *worker) formerWarning(at situation, p *proof) []rehome.Warning {
	if _, there := byName(at.have)[p.former]; !there || w.row.Options.Prune {
		return nil
	}
	return []rehome.Warning{{
		Kind: warnDefaultBranch, Count: 1,
		Text: fmt.Sprintf("The default branch has another name now. Under the one it had, %q, it stays at the destination and does not go on.", rehome.Clean(strings.TrimPrefix(p.former, "refs/heads/"), 200)),
	}}
}
