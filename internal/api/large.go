package api

import (
	"context"
	"errors"
	"fmt"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/wire"
)

// setLFS chooses what becomes of large files. To choose by path, too, and to go back to undecided are
// additions of ours.
func (a *API) setLFS(ctx context.Context, c *call) (answer, error) {
	f, err := readForm(c.w, c.r, "Import")
	if err != nil {
		return answer{}, err
	}
	choice, match := f.required("use_lfs"), f.texts("match")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	im, err := a.Importer.SetLFS(ctx, c.repo.ID, rehome.LFSChoice(choice), match)
	var bad *attributes.PatternError
	if errors.As(err, &bad) {
		return answer{}, badPattern(bad)
	}
	if err != nil {
		return answer{}, err
	}
	return ok(importObject(c.urls, c.repo, im)), nil
}

func badPattern(bad *attributes.PatternError) error {
	at := bad.Index + 1
	return invalid(fieldError{
		Resource: "Import", Field: "match", Code: "invalid", Index: at,
		Message: fmt.Sprintf("pattern %d (%s) %s", at, rehome.Clean(bad.Text, 100), bad.Why),
	})
}

// largeFiles lists all of them unless a page is asked for, which one client's documentation allows.
func (a *API) largeFiles(ctx context.Context, c *call) (answer, error) {
	query := c.r.URL.Query()
	paged := query.Has("page") || query.Has("per_page")
	var p page
	if paged {
		p = pageOf(query)
	}
	found, total, err := a.Importer.LargeFiles(ctx, c.repo.ID, p.offset(), p.size)
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, len(found))
	for _, file := range found {
		list = append(list, largeFileObject(file))
	}
	ans := ok(list)
	if paged {
		ans.headers = p.link(c.urls.Import(c.repo)+"/large_files", query, int(total))
	}
	return ans, nil
}

func largeFileObject(f rehome.LargeFile) *wire.Object {
	o := wire.New()
	lossless(o, "ref_name", []byte(f.Ref))
	lossless(o, "path", f.Path)
	o.Add("oid", f.OID, "size", f.Size)
	return o
}

// becomes says what the choice made of large files, "" for nothing.
func becomes(choice rehome.LFSChoice, did rehome.Changes) string {
	if did.Files == 0 {
		return ""
	}
	text := rehome.Counted(did.Files, "file", "files") + " of " + rehome.Counted(did.FileBytes, "byte", "bytes")
	one := did.Files == 1
	switch {
	case choice == rehome.LFSOptOut && one:
		return text + " leaves history"
	case choice == rehome.LFSOptOut:
		return text + " leave history"
	case one:
		return text + " becomes a Git LFS object"
	}
	return text + " become Git LFS objects"
}
